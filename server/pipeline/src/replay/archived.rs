//! Records of a day in the archive.

use std::{sync::Arc, vec};

use async_trait::async_trait;
use futures::{StreamExt as _, stream::BoxStream};
use model::{Nanos, Position, Query, StoredRecord, TimeRange};
use serde::{Deserialize, Serialize};

use crate::{
    Error, ReadLimit, Result,
    follow::{BYTES, RECORDS, source::Found},
};

/// A day in nanoseconds.
const DAY: Nanos = 86_400_000_000_000;
/// The number of records examined before a batch is closed, so that the progress of a filter that matches little shows.
const EXAMINED: i64 = 1_000_000;

/// The port to the archive: whole days beside the store.
#[async_trait]
pub trait ArchivedDays: Send + Sync + 'static {
    /// The UTC day that begins at `start`; `None` if it is not archived.
    ///
    /// # Errors
    /// `Unavailable` if the archive cannot be reached, `Corrupt` if the list of the day's files is damaged.
    async fn find(&self, start: Nanos) -> Result<Option<ArchivedDay>>;

    /// All records of the day, oldest first: by time, then by position. Late records that were archived after
    /// [`ArchivedDays::find`] may be among them.
    ///
    /// # Errors
    /// The stream ends with its first error: as [`ArchivedDays::find`], and `NotFound` if something is missing.
    fn read(&self, day: ArchivedDay) -> BoxStream<'static, Result<Vec<StoredRecord>>>;
}

/// What the archive had of a day when a replay began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedDay {
    /// Its first nanosecond since the Unix epoch.
    pub start: Nanos,
    /// The greatest position of its records. Late records that come to the archive afterwards have greater ones.
    pub upto: i64,
    /// The number of its records.
    pub records: u64,
}

impl ArchivedDay {
    /// Its times.
    pub fn range(self) -> TimeRange {
        TimeRange { from: self.start, to: self.start.saturating_add(DAY) }
    }
}

/// The start of the UTC day that has all times of the range; `None` if there are several such days.
pub(super) fn day_of(range: TimeRange) -> Option<Nanos> {
    let start = range.from.div_euclid(DAY).checked_mul(DAY)?;
    (range.to.checked_sub(start)? <= DAY).then_some(start)
}

/// Reads the batches of one replay from the archive.
///
/// The progress is the number of records of the day that were examined: 1 is the oldest one. Each returned record has
/// its number as the position, because sinks rely on ascending positions, and those of a store do not ascend by time.
pub(super) struct ArchivedBatches {
    days: Arc<dyn ArchivedDays>,
    day: ArchivedDay,
    range: TimeRange,
    query: Query,
    /// `None` before the first read and after an error.
    stream: Option<BoxStream<'static, Result<Vec<StoredRecord>>>>,
    /// The rest of the last page.
    page: vec::IntoIter<StoredRecord>,
    /// The number of the last record that was taken from the page.
    number: i64,
}

impl ArchivedBatches {
    pub(super) fn new(days: Arc<dyn ArchivedDays>, day: ArchivedDay, range: TimeRange, query: Query) -> Self {
        Self { days, day, range, query, stream: None, page: Vec::new().into_iter(), number: 0 }
    }

    /// The number of the last record.
    pub(super) fn end(&self) -> Position {
        Position(i64::try_from(self.day.records).unwrap_or(i64::MAX))
    }

    /// The batch after `after`; empty at the end, and where nothing matched for a long time.
    pub(super) async fn next(&mut self, after: Position) -> Result<Found> {
        let upto = Position(after.0.max(0).saturating_add(EXAMINED));
        self.read(after, upto, ReadLimit { records: RECORDS, bytes: BYTES }).await
    }

    /// The matching records of `after..=upto`, which made one batch before.
    pub(super) async fn again(&mut self, after: Position, upto: Position) -> Result<Found> {
        self.read(after, upto, ReadLimit::of_records(RECORDS)).await
    }

    /// The number of matching records, where it is known without reading all.
    pub(super) fn count(&self) -> Option<u64> {
        (self.query == Query::default() && self.range == self.day.range()).then_some(self.day.records)
    }

    async fn read(&mut self, after: Position, upto: Position, limit: ReadLimit) -> Result<Found> {
        let found = self.try_read(after.0.max(0), upto.min(self.end()), limit).await;
        if found.is_err() {
            self.rewind();
        }
        found
    }

    async fn try_read(&mut self, after: i64, upto: Position, limit: ReadLimit) -> Result<Found> {
        if after < self.number {
            self.rewind();
        }
        while self.number < after {
            self.take().await?;
        }
        let (mut records, mut bytes) = (Vec::new(), 0);
        while self.number < upto.0 && !limit.is_reached(records.len(), bytes) {
            let StoredRecord { record, .. } = self.take().await?;
            if self.range.contains(record.time) && self.query.matches(&record) {
                bytes += record.weight();
                records.push(StoredRecord { position: Position(self.number), record });
            }
        }
        Ok(Found::again(records, Position(self.number)))
    }

    fn rewind(&mut self) {
        (self.stream, self.page, self.number) = (None, Vec::new().into_iter(), 0);
    }

    /// The next record that was in the archive when the replay began.
    async fn take(&mut self) -> Result<StoredRecord> {
        loop {
            for stored in self.page.by_ref() {
                if stored.position.0 <= self.day.upto {
                    self.number += 1;
                    return Ok(stored);
                }
            }
            let (days, day) = (&self.days, self.day);
            let stream = self.stream.get_or_insert_with(|| days.read(day));
            let Some(page) = stream.next().await else {
                return Err(Error::corrupt(format!(
                    "the archive has only {} of the {} records that it had of the day: a deletion has removed some, and \
                     then another replay sends the others; or verify it by `logboom archive check`",
                    self.number, self.day.records
                )));
            };
            self.page = page?.into_iter();
            // Pages may come from memory one after another.
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_within_one_day_has_a_day() {
        for (from, to, day) in [
            (0, DAY, Some(0)),
            (5, 6, Some(0)),
            (DAY + 1, 2 * DAY, Some(DAY)),
            (-1, 0, Some(-DAY)),
            (-1, 1, None),
            (0, DAY + 1, None),
            (i64::MIN, i64::MAX, None),
        ] {
            assert_eq!(day_of(TimeRange { from, to }), day, "{from}..{to}");
        }
    }
}
