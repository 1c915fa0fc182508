//! Random aggregations.

use model::{
    Query, TimeRange,
    aggregate::{self, Aggregation, Grouping, Key, Measure},
    query::Field,
};
use pipeline::Batch;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{OBSERVED, pick, queries};

/// Fields of every kind: in their own column, among the rest, rare, absent, awkward to quote.
const FIELDS: &[&str] = &[
    "level",
    "service",
    "node",
    "message",
    "trace_id",
    "span_id",
    "id",
    "http.status",
    "http.method",
    "path",
    "attr.level",
    "attr.service",
    "with space",
    "키",
    "duration_ms",
    "user_id",
    "seq",
    "nothing.like.this",
    "null\0byte",
];

const SECOND: i64 = 1_000_000_000;

/// Widths in nanoseconds: finer than database resolution, odd, round, whole minutes, and the maximum.
const WIDTHS: &[i64] = &[
    1,
    700,
    333_333_333,
    SECOND,
    60 * SECOND,
    7 * 60 * SECOND,
    3_600 * SECOND,
    86_400 * SECOND * 30,
    i64::MAX - 807,
    i64::MAX,
];

/// `count` valid aggregations; equal for equal seeds.
pub fn aggregations(seed: u64, corpus: &[Batch], count: usize) -> Vec<Aggregation> {
    let mut random = StdRng::seed_from_u64(seed);
    let queries: Vec<Query> = queries(seed, corpus, count);
    let ranges = [
        TimeRange::ALL,
        TimeRange { from: OBSERVED - 5 * SECOND + 1, to: OBSERVED + 5 * SECOND - 1 },
        TimeRange { from: OBSERVED, to: OBSERVED + 3 },
        TimeRange { from: OBSERVED - 86_400 * SECOND, to: OBSERVED + 86_400 * SECOND },
        TimeRange { from: OBSERVED + 100 * SECOND, to: OBSERVED + 200 * SECOND },
        TimeRange { from: 7, to: 7 },
        TimeRange { from: 9, to: 7 },
    ];
    let mut made = Vec::with_capacity(count);
    while made.len() < count {
        let place = random.random_range(0..queries.len());
        let query = if random.random_bool(0.3) { Query::default() } else { queries[place].clone() };
        let groupings = (0..random.random_range(1..=4)).map(|_| grouping(&mut random)).collect();
        let aggregation = Aggregation { query, range: pick(&mut random, &ranges), groupings };
        if aggregation.check().is_ok() {
            made.push(aggregation);
        }
    }
    made
}

fn grouping(random: &mut StdRng) -> Grouping {
    let keys = (0..random.random_range(0..=3)).map(|_| {
        if random.random_bool(0.3) {
            return Key::Time { width: pick(random, WIDTHS) };
        }
        let name = if random.random_bool(0.4) { &FIELDS[..2] } else { FIELDS };
        Key::Field(Field::parse_name(pick(random, name)).unwrap_or(Field::Level))
    });
    let keys = keys.collect();
    let measures: &[&[Measure]] =
        &[&[Measure::Count], &[Measure::NewestTime], &[Measure::NewestTime, Measure::Count], &[]];
    let measures = pick(random, measures).to_vec();
    Grouping { keys, measures, limit: pick(random, &[1, 3, 50, aggregate::GROUPS]) }
}
