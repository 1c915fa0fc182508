//! Histograms: counts over time, in buckets of a round width.

use model::{
    LevelClass, Nanos, Query,
    aggregate::{self, Aggregation, Cell, Grouping, Key, Measure},
    api::{BucketView, HistogramView},
    query::Field,
    time,
};
use pipeline::{Error, Result, TimeRange};

use crate::reader::Reader;

/// The limit of buckets per histogram.
const MOST_BUCKETS: u32 = 1000;

impl Reader {
    /// Counts by level in about `buckets` buckets of a round width.
    pub async fn histogram(&self, query: &Query, range: TimeRange, buckets: u32) -> Result<HistogramView> {
        if !(1..=MOST_BUCKETS).contains(&buckets) {
            return Err(Error::invalid(format!("buckets is {buckets}; it may be 1 to {MOST_BUCKETS}")));
        }
        let range = self.close_range(range);
        Ok(self.timeline(query, range, bucket_width(range, buckets)).await?.view())
    }

    /// Counts by level in buckets of `width` nanoseconds.
    ///
    /// # Errors
    /// `Invalid` if there are too many buckets.
    pub(crate) async fn timeline(&self, query: &Query, range: TimeRange, width: i64) -> Result<Timeline> {
        let groupings = vec![Timeline::grouping(width)];
        let tables = self.ask.aggregate(&Aggregation { query: query.clone(), range, groupings }).await?;
        let mut timeline = Timeline::new(range, width);
        for (keys, count) in tables.into_iter().flat_map(aggregate::Table::counts) {
            timeline.add(&keys, count);
        }
        Ok(timeline)
    }

    /// Closes open ends: the upper one at now, the lower one an hour before the upper. Open ends would stretch the
    /// buckets over centuries.
    fn close_range(&self, range: TimeRange) -> TimeRange {
        const HOUR: i64 = 3_600_000_000_000;
        let to = if range.to == i64::MAX { self.clock.now().max(range.from).saturating_add(1) } else { range.to };
        let from = if range.from == i64::MIN { to.saturating_sub(HOUR) } else { range.from };
        TimeRange { from, to }
    }
}

/// Counts over time by level class, including empty buckets.
pub(crate) struct Timeline {
    /// The start of the first bucket.
    pub(crate) start: Nanos,
    /// The width of a bucket in nanoseconds.
    pub(crate) width: i64,
    /// The counts per bucket, in the order of [`LevelClass::ALL`].
    pub(crate) counts: Vec<[u64; LevelClass::ALL.len()]>,
}

impl Timeline {
    /// A timeline without records. The range has at most [`aggregate::BUCKETS`] buckets.
    pub(crate) fn new(range: TimeRange, width: i64) -> Self {
        let buckets = aggregate::buckets(range, width).clamp(0, aggregate::BUCKETS.into()) as usize;
        Self { start: aggregate::bucket_start(range.from, width), width, counts: vec![Default::default(); buckets] }
    }

    /// The grouping for [`Timeline::add`].
    pub(crate) fn grouping(width: i64) -> Grouping {
        let keys = vec![Key::Time { width }, Key::Field(Field::Level)];
        Grouping { keys, measures: vec![Measure::Count], limit: aggregate::GROUPS }
    }

    /// Adds `count` records whose keys are a time and the name of a level class.
    pub(crate) fn add(&mut self, keys: &[Cell], count: u64) {
        let [Cell::Time(time), Cell::Text(level)] = keys else { return };
        let place = usize::try_from(time.saturating_sub(self.start) / self.width);
        let class = LevelClass::ALL.iter().position(|class| class.name() == level);
        let bucket = place.ok().and_then(|place| self.counts.get_mut(place));
        if let (Some(bucket), Some(class)) = (bucket, class) {
            bucket[class] += count;
        }
    }

    pub(crate) fn view(&self) -> HistogramView {
        let named = |counts: &[u64; LevelClass::ALL.len()]| {
            let counts = LevelClass::ALL.iter().zip(counts).filter(|(_, count)| **count > 0);
            counts.map(|(class, count)| (class.name().to_owned(), *count)).collect()
        };
        let bucket = |(place, counts): (usize, _)| BucketView {
            time: time::format_rfc3339(self.start.saturating_add(self.width.saturating_mul(place as i64))),
            counts: named(counts),
        };
        let buckets = self.counts.iter().enumerate().map(bucket).collect();
        HistogramView { bucket_seconds: self.width as f64 / 1e9, buckets }
    }
}

/// The smallest round width, in nanoseconds, with which `buckets` buckets cover the range.
pub(crate) fn bucket_width(range: TimeRange, buckets: u32) -> i64 {
    const MILLISECOND: i64 = 1_000_000;
    const SECOND: i64 = 1000 * MILLISECOND;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    const DAY: i64 = 24 * HOUR;
    const WIDTHS: [i64; 27] = [
        MILLISECOND,
        5 * MILLISECOND,
        10 * MILLISECOND,
        50 * MILLISECOND,
        100 * MILLISECOND,
        250 * MILLISECOND,
        500 * MILLISECOND,
        SECOND,
        2 * SECOND,
        5 * SECOND,
        10 * SECOND,
        15 * SECOND,
        30 * SECOND,
        MINUTE,
        2 * MINUTE,
        5 * MINUTE,
        10 * MINUTE,
        15 * MINUTE,
        30 * MINUTE,
        HOUR,
        2 * HOUR,
        3 * HOUR,
        6 * HOUR,
        12 * HOUR,
        DAY,
        7 * DAY,
        30 * DAY,
    ];
    let length = range.to.saturating_sub(range.from).max(1);
    let least = length / i64::from(buckets) + i64::from(length % i64::from(buckets) != 0);
    match WIDTHS.into_iter().find(|width| *width >= least) {
        Some(width) => width,
        None => least.div_euclid(DAY).saturating_add(1).saturating_mul(DAY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_round_and_cover_the_range() {
        let hour = TimeRange { from: 0, to: 3_600_000_000_000 };
        assert_eq!(bucket_width(hour, 60), 60_000_000_000);
        assert_eq!(bucket_width(hour, 50), 120_000_000_000);
        assert_eq!(bucket_width(TimeRange { from: 5, to: 5 }, 60), 1_000_000);
        let all = bucket_width(TimeRange::ALL, 60);
        assert!(all.checked_mul(60).is_none_or(|covered| covered > 0));
    }
}
