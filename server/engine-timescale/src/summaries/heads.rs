//! The blocks of a range of times.

use indexes::FORMAT;
use model::{LevelClass, Record, RecordId, Severity, TimeRange, time::Nanos};
use pipeline::Result;
use sqlx::{Row, postgres::PgRow};

use super::collect::Totals;
use crate::{
    error::classify,
    session::Session,
    sql::{Places, RANGES},
    types::Instant,
};

/// The first and the last position.
type Positions = (i64, i64);
/// The earliest and the latest time.
type Times = (Instant, Instant);

/// With more records after the last block, summaries are not used: most of an answer would be read from the records.
const TAIL_RECORDS: i64 = 500_000;

/// What is known of a block without its indexes.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) records: i64,
    pub(crate) earliest: Instant,
    pub(crate) latest: Instant,
    /// `None` if it is not built, or has too many services.
    pub(crate) totals: Option<Totals>,
    pub(crate) is_built: bool,
    pub(crate) has_pages: bool,
    pub(crate) has_values: bool,
    /// The size of the filter of values, in blocks of 32 bytes.
    pub(super) id_blocks: Option<i32>,
    /// The fields that are not in that filter.
    pub(super) unfiltered: Vec<String>,
}

/// The records after the last block.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tail {
    first: i64,
    /// The earliest and the latest time.
    pub(crate) times: (Instant, Instant),
}

/// The blocks of a range, by position, and the tail; `None` if it has no records.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) heads: Vec<Head>,
    pub(crate) tail: Option<Tail>,
}

/// The blocks that may have records of the range. `None` if summaries are of no use. Reads within a snapshot
/// ([`Session::begin_snapshot`]), to which the answer belongs.
pub(crate) async fn load(session: &mut Session, range: TimeRange) -> Result<Option<Blocks>> {
    let upto = sqlx::query("select position from logboom.summaries_upto").fetch_one(session.connection()?).await;
    let upto: i64 = upto.and_then(|row| row.try_get(0)).map_err(classify)?;
    // Planned for this position: mostly few runs are after it.
    let row = sqlx::query(include_str!("../../queries/select_tail.sql"))
        .bind(upto)
        .bind(TAIL_RECORDS + 1)
        .persistent(false)
        .fetch_one(session.connection()?)
        .await
        .map_err(classify)?;
    let records: i64 = row.try_get(0).map_err(classify)?;
    if records > TAIL_RECORDS {
        return Ok(None);
    }
    let earliest: Option<Instant> = row.try_get(1).map_err(classify)?;
    let latest: Option<Instant> = row.try_get(2).map_err(classify)?;
    let first = upto.saturating_add(1);
    let tail = earliest.zip(latest).map(|times| Tail { first, times });
    let rows = sqlx::query(include_str!("../../queries/select_heads.sql"))
        .bind(Instant::split(range.from).0)
        .bind(Instant::split(range.to).0)
        .bind(FORMAT)
        .fetch_all(session.connection()?)
        .await
        .map_err(classify)?;
    let heads = rows.iter().map(Head::read).collect::<sqlx::Result<Vec<_>>>().map_err(classify)?;
    // Sealed but not built blocks alone are read as well without summaries.
    Ok(heads.iter().any(|head| head.is_built).then_some(Blocks { heads, tail }))
}

impl Blocks {
    /// All their places.
    pub(crate) fn places(&self) -> Places {
        let mut places = Places::default();
        self.heads.iter().for_each(|head| places.add_range(head.range(), head.times()));
        if let Some(tail) = &self.tail {
            places.add_range(tail.range(), tail.times);
        }
        places
    }

    /// The places of some blocks and of the tail, without the records of any other block of these: for statements whose
    /// counts are added to those of the others.
    pub(crate) fn exactly(&self, is_meant: impl Fn(&Head) -> bool, with_tail: bool) -> Vec<Places> {
        let heads = self.heads.iter().map(|head| is_meant(head).then(|| (head.range(), head.times())));
        let tail = self.tail.filter(|_| with_tail).map(|tail| (tail.range(), tail.times));
        let mut ranges: Vec<(Positions, Times)> = Vec::new();
        let mut is_next = false;
        for source in heads.chain(tail.map(Some)) {
            let Some((range, times)) = source else {
                is_next = false;
                continue;
            };
            match ranges.last_mut() {
                // Nothing that is counted elsewhere is between them.
                Some((known, bounds)) if is_next => {
                    known.1 = range.1;
                    *bounds = (bounds.0.min(times.0), bounds.1.max(times.1));
                }
                _ => ranges.push((range, times)),
            }
            is_next = true;
        }
        let places = |some: &[(Positions, Times)]| {
            let mut places = Places::default();
            some.iter().for_each(|(range, times)| places.add_range(*range, *times));
            places
        };
        ranges.chunks(RANGES).map(places).collect()
    }
}

impl Tail {
    /// It has no end.
    pub(crate) fn range(&self) -> (i64, i64) {
        (self.first, i64::MAX)
    }
}

impl Head {
    fn read(row: &PgRow) -> sqlx::Result<Self> {
        let is_built: bool = row.try_get(5)?;
        let totals: Option<&str> = row.try_get(6)?;
        let totals = totals.filter(|_| is_built).and_then(|json| serde_json::from_str(json).ok());
        Ok(Self {
            first: row.try_get(0)?,
            last: row.try_get(1)?,
            records: row.try_get(2)?,
            earliest: row.try_get(3)?,
            latest: row.try_get(4)?,
            has_pages: is_built && totals.is_some() && row.try_get::<bool, _>(7)?,
            has_values: is_built && totals.is_some() && row.try_get::<bool, _>(10)?,
            id_blocks: row.try_get(8)?,
            unfiltered: row.try_get::<Option<Vec<String>>, _>(9)?.unwrap_or_default(),
            is_built,
            totals,
        })
    }

    pub(crate) fn range(&self) -> (i64, i64) {
        (self.first, self.last)
    }

    pub(crate) fn times(&self) -> (Instant, Instant) {
        (self.earliest, self.latest)
    }

    /// Whether all its records are in the range of times.
    pub(crate) fn is_within(&self, range: TimeRange) -> bool {
        self.earliest.join(0) >= range.from && self.latest.join(999) < range.to
    }

    /// A record of each pair of service and level class that the block has, with the pair's numbers and its records.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = Pair> + use<'_> {
        let services = (0_u16..).zip(self.totals.iter().flatten());
        services.flat_map(|(service, (name, counts))| {
            let classes = (0_u8..).zip(LevelClass::ALL).zip(*counts).filter(|(_, records)| *records > 0);
            classes.map(move |((class, level), records)| Pair {
                number: indexes::values::pair_of(service, class),
                records,
                record: record_of(name, level.lowest()),
            })
        })
    }
}

/// A service and a level class of a block.
#[derive(Debug)]
pub(crate) struct Pair {
    /// As in [`indexes::values::pair_of`].
    pub(crate) number: u32,
    pub(crate) records: u64,
    /// Of which only the service and the level class are those of the records.
    pub(crate) record: Record,
}

fn record_of(service: &str, severity: Severity) -> Record {
    Record {
        id: RecordId::default(),
        time: Nanos::default(),
        observed_time: Nanos::default(),
        severity,
        level: severity.class().name().into(),
        service: service.into(),
        node: "".into(),
        message: String::new(),
        attributes: Vec::new(),
        trace_id: None,
        span_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(number: i64) -> Head {
        let time = Instant::from_unix_micros(number);
        Head {
            first: number * 10,
            last: number * 10 + 5,
            records: 6,
            earliest: time,
            latest: time,
            totals: None,
            is_built: true,
            has_pages: false,
            has_values: false,
            id_blocks: None,
            unfiltered: Vec::new(),
        }
    }

    #[test]
    fn exact_places_leave_out_each_other_block() {
        let time = Instant::from_unix_micros;
        let tail = Tail { first: 900, times: (time(90), time(91)) };
        let blocks = Blocks { heads: (0..6).map(head).collect(), tail: Some(tail) };
        let of = |ranges: &[(Positions, (i64, i64))]| {
            let mut places = Places::default();
            for (range, (earliest, latest)) in ranges {
                places.add_range(*range, (time(*earliest), time(*latest)));
            }
            vec![places]
        };
        let but_two = |head: &Head| head.first != 20;
        assert_eq!(blocks.exactly(but_two, false), of(&[((0, 15), (0, 1)), ((30, 55), (3, 5))]));
        assert_eq!(blocks.exactly(but_two, true), of(&[((0, 15), (0, 1)), ((30, i64::MAX), (3, 91))]));
        let even = |head: &Head| head.first % 20 == 0;
        let alternating = of(&[((0, 5), (0, 0)), ((20, 25), (2, 2)), ((40, 45), (4, 4)), ((900, i64::MAX), (90, 91))]);
        assert_eq!(blocks.exactly(even, true), alternating);
        assert!(blocks.exactly(|_| false, false).is_empty());
        // More ranges than a statement has are in several statements.
        let many = Blocks { heads: (0..200).map(head).collect(), tail: None };
        assert_eq!(many.exactly(even, false).len(), 4);
    }
}
