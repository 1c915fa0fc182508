//! Random aggregations.

use model::{
    Query, TimeRange,
    aggregate::{self, Aggregation, Grouping, Key, Measure},
    query::Field,
};
use pipeline::Batch;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::{OBSERVED, pick, queries, queries::SPLIT};

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

/// Whole minutes, which an engine may count while it writes.
const MINUTES: &[i64] = &[60 * SECOND, 7 * 60 * SECOND, 3_600 * SECOND];

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
        let is_split = random.random_bool(0.2);
        let place = random.random_range(0..queries.len());
        let query = match pick(&mut random, SPLIT) {
            split if is_split => Query::parse(split).unwrap_or_else(|error| panic!("{split}: {error}")),
            _ if random.random_bool(0.3) => Query::default(),
            _ => queries[place].clone(),
        };
        let one: fn(&mut StdRng) -> Grouping = if is_split { counts } else { grouping };
        let groupings = (0..random.random_range(1..=4)).map(|_| one(&mut random)).collect();
        let aggregation = Aggregation { query, range: pick(&mut random, &ranges), groupings };
        if aggregation.check().is_ok() {
            made.push(aggregation);
        }
    }
    made
}

/// A grouping for which counts by service, level and minute suffice.
fn counts(random: &mut StdRng) -> Grouping {
    let keys = (0..random.random_range(0..=3)).map(|_| match random.random_range(0..3) {
        0 => Key::Field(Field::Service),
        1 => Key::Field(Field::Level),
        _ => Key::Time { width: pick(random, MINUTES) },
    });
    let keys = keys.collect();
    Grouping { keys, measures: vec![Measure::Count], limit: pick(random, &[1, 50, aggregate::GROUPS]) }
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
