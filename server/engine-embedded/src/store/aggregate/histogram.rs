//! How many records match over time, by level.

use arrow_array::{RecordBatch, types::UInt8Type};
use model::{LevelClass, Query, Record};
use parts::{
    columns,
    reader::Group,
    schema::{self, Columns},
};
use pipeline::{Error, Histogram, Result, TimeRange};

use super::{Counter, run};
use crate::store::{scans::Cancel, snapshot::Snapshot};

/// The most buckets of a histogram.
const BUCKETS: i64 = 10_000;

/// Counts by level class over time; `bucket` in nanoseconds.
///
/// # Errors
/// `Invalid` where the bucket is not positive or the range takes more than 10,000.
pub(in crate::store) fn histogram(
    snapshot: &Snapshot,
    query: &Query,
    range: TimeRange,
    bucket: i64,
    cancel: &Cancel,
) -> Result<Histogram> {
    if bucket <= 0 {
        return Err(Error::invalid(format!("the histogram's bucket is {bucket} ns, and must be positive")));
    }
    let first = range.from.div_euclid(bucket);
    let start = first.saturating_mul(bucket);
    let span = i128::from(range.to.max(range.from)) - i128::from(start);
    let buckets = (span + i128::from(bucket) - 1) / i128::from(bucket);
    if buckets > i128::from(BUCKETS) {
        return Err(Error::invalid(format!(
            "the histogram has {buckets} buckets, and at most {BUCKETS} are allowed: take wider ones or a shorter range"
        )));
    }
    let timeline = Timeline { first, bucket, counts: vec![[0; LevelClass::ALL.len()]; buckets as usize] };
    let timeline = run(snapshot, query, range, cancel, timeline)?;
    Ok(Histogram { start, bucket, counts: timeline.counts })
}

struct Timeline {
    first: i64,
    bucket: i64,
    counts: Vec<[u64; LevelClass::ALL.len()]>,
}

impl Timeline {
    fn add(&mut self, time: i64, class: usize, records: u64) {
        let place = time.div_euclid(self.bucket) - self.first;
        let bucket = usize::try_from(place).ok().and_then(|place| self.counts.get_mut(place));
        if let Some(count) = bucket.and_then(|bucket| bucket.get_mut(class)) {
            *count += records;
        }
    }
}

impl Counter for Timeline {
    fn fork(&self) -> Self {
        Self { counts: vec![[0; LevelClass::ALL.len()]; self.counts.len()], ..*self }
    }

    fn merge(&mut self, other: Self) {
        for (bucket, more) in self.counts.iter_mut().zip(other.counts) {
            bucket.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
    }

    fn columns(&self, layout: &Columns) -> Vec<usize> {
        vec![layout.place(schema::TIME), layout.place(schema::SEVERITY)]
    }

    fn record(&mut self, record: &Record) {
        self.add(record.time, record.severity.class().index(), 1);
    }

    /// Where all of them are in one bucket.
    fn is_by_service_and_class(&self, group: &Group) -> bool {
        group.time.0.div_euclid(self.bucket) == group.time.1.div_euclid(self.bucket)
    }

    fn rows(&mut self, group: &Group, _: &str, class: LevelClass, rows: u64) {
        self.add(group.time.0, class.index(), rows);
    }

    fn batch(&mut self, batch: &RecordBatch, _: &Columns) -> Result<()> {
        let times = columns::times(batch, schema::TIME)?;
        let severities = columns::numbers::<UInt8Type>(batch, schema::SEVERITY)?.values();
        for (time, severity) in times.iter().zip(severities) {
            self.add(*time, usize::from(severity.saturating_sub(1) / 4), 1);
        }
        Ok(())
    }
}
