//! Aggregation: matching records are put into groups by keys, and each group is measured.
//!
//! Counts, histograms and facets are all uses of it. [`evaluate`] is the reference: an engine
//! is right if it answers as this function does (invariant C13).

mod groups;
#[cfg(test)]
mod tests;

use crate::{LevelClass, Nanos, Query, Record, TimeRange, query::Field};

pub use groups::{Group, Groups};

/// The most groupings of one [`Aggregation`].
pub const GROUPINGS: usize = 64;
/// The most keys of one [`Grouping`].
pub const KEYS: usize = 8;
/// The most groups of one answer.
pub const GROUPS: usize = 100_000;
/// The most buckets into which [`Key::Time`] may divide the range.
pub const BUCKETS: i64 = 10_000;

/// Groups the matching records of a range, in one or more ways at once.
///
/// An engine reads the records once for all groupings.
#[derive(Debug, Clone, PartialEq)]
pub struct Aggregation {
    pub query: Query,
    pub range: TimeRange,
    /// 1 to [`GROUPINGS`].
    pub groupings: Vec<Grouping>,
}

/// One way to group records, and what to measure of each group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// At most [`KEYS`]. Without a key, all records are one group.
    pub keys: Vec<Key>,
    pub measures: Vec<Measure>,
    /// The most groups to answer, 1 to [`GROUPS`]: those with the most records.
    pub limit: usize,
}

/// Records with equal keys are in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// The text form of a field's value. A level is the name of its class. A field that is
    /// absent or empty is [`Cell::Missing`].
    Field(Field),
    /// The start of the bucket that holds the record's time. Buckets are `width` nanoseconds
    /// wide and begin at multiples of `width` since the epoch.
    Time { width: i64 },
}

/// What is measured of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// The number of records, as [`Cell::Count`].
    Count,
    /// The time of the newest record, rounded down to a microsecond, as [`Cell::Time`].
    NewestTime,
}

/// A value of a key or of a measure. The order of the variants is the order of values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cell {
    Missing,
    Text(String),
    Count(u64),
    Time(Nanos),
}

/// The groups of one [`Grouping`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Those with the most records first; of equally many records, in order of the keys.
    pub rows: Vec<Row>,
    /// Whether there are no more groups than these.
    pub complete: bool,
}

/// One group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// In the order of [`Grouping::keys`].
    pub keys: Vec<Cell>,
    /// In the order of [`Grouping::measures`].
    pub measures: Vec<Cell>,
}

/// Why an [`Aggregation`] cannot be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidAggregation(String);

impl Aggregation {
    /// Counts the matching records of each group.
    pub fn counting(query: Query, range: TimeRange, keys: Vec<Key>, limit: usize) -> Self {
        Self { query, range, groupings: vec![Grouping { keys, measures: vec![Measure::Count], limit }] }
    }

    /// # Errors
    /// What is beyond a bound of this module, or a bucket without width.
    pub fn check(&self) -> Result<(), InvalidAggregation> {
        if !(1..=GROUPINGS).contains(&self.groupings.len()) {
            return invalid(format!("{} groupings are asked for; 1 to {GROUPINGS} are allowed", self.groupings.len()));
        }
        self.groupings.iter().try_for_each(|grouping| grouping.check(self.range))
    }
}

impl Grouping {
    fn check(&self, range: TimeRange) -> Result<(), InvalidAggregation> {
        if self.keys.len() > KEYS {
            return invalid(format!("a grouping has {} keys; at most {KEYS} are allowed", self.keys.len()));
        }
        if !(1..=GROUPS).contains(&self.limit) {
            return invalid(format!("{} groups are asked for; 1 to {GROUPS} are allowed", self.limit));
        }
        self.keys.iter().try_for_each(|key| match key {
            Key::Field(_) => Ok(()),
            Key::Time { width } if *width <= 0 => {
                invalid(format!("a bucket is {width} ns wide; it must be wider than 0"))
            }
            Key::Time { width } => match buckets(range, *width) {
                count if count > i128::from(BUCKETS) => invalid(format!(
                    "the range has {count} buckets; at most {BUCKETS} are allowed: take wider ones or a shorter range"
                )),
                _ => Ok(()),
            },
        })
    }
}

impl Key {
    /// The value that this record has.
    pub fn of(&self, record: &Record) -> Cell {
        match self {
            Self::Time { width } => Cell::Time(bucket_start(record.time, *width)),
            Self::Field(Field::Level) => class(record.severity.class()),
            Self::Field(field) => text(field.text(record).as_deref()),
        }
    }
}

/// The cell of a level class.
pub fn class(class: LevelClass) -> Cell {
    Cell::Text(class.name().to_owned())
}

/// The cell of a field's text form.
pub fn text(text: Option<&str>) -> Cell {
    match text {
        None | Some("") => Cell::Missing,
        Some(text) => Cell::Text(text.to_owned()),
    }
}

/// Where the bucket begins that holds `time`; `width > 0`, in nanoseconds. The first bucket
/// that there is begins before the first time, and is given that time.
pub fn bucket_start(time: Nanos, width: i64) -> Nanos {
    time.div_euclid(width).saturating_mul(width)
}

/// The number of buckets of `width > 0` nanoseconds that the range touches.
pub fn buckets(range: TimeRange, width: i64) -> i128 {
    let (width, first) = (i128::from(width), i128::from(range.from.div_euclid(width)));
    let span = i128::from(range.to.max(range.from)) - first * width;
    (span + width - 1).div_euclid(width)
}

/// Answers by looking at each record. Slow, and what every engine must agree with.
///
/// # Errors
/// As [`Aggregation::check`].
pub fn evaluate<'r>(
    aggregation: &Aggregation,
    records: impl IntoIterator<Item = &'r Record>,
) -> Result<Vec<Table>, InvalidAggregation> {
    aggregation.check()?;
    let mut tables: Vec<Groups> = aggregation.groupings.iter().map(Groups::new).collect();
    for record in records {
        if aggregation.range.contains(record.time) && aggregation.query.matches(record) {
            tables.iter_mut().for_each(|groups| groups.add(record));
        }
    }
    Ok(tables.into_iter().map(Groups::into_table).collect())
}

fn invalid<T>(message: String) -> Result<T, InvalidAggregation> {
    Err(InvalidAggregation(message))
}

impl Table {
    /// The count of each group with its keys, where the first measure is [`Measure::Count`].
    pub fn counts(self) -> impl Iterator<Item = (Vec<Cell>, u64)> {
        self.rows.into_iter().filter_map(|row| match row.measures.first() {
            Some(Cell::Count(count)) => Some((row.keys, *count)),
            _ => None,
        })
    }
}
