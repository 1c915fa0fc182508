//! Records of a day, and what the tests do with them.

use std::cmp::Reverse;

use archive::{Archive, Day, NewDay, Written};
use futures::{TryStreamExt as _, stream};
use model::{Nanos, Position, StoredRecord};
use pipeline::Result;
use testkit::records;

/// The day of all records.
pub(crate) fn day() -> Day {
    "2026-11-21".parse().unwrap()
}

/// `count` records of the day, with positions from `first` on, newest first.
pub(crate) fn some_records(first: i64, count: usize) -> Vec<StoredRecord> {
    let corpus = records::corpus(first.unsigned_abs(), count / 10 + 20).into_iter().flat_map(|batch| batch.records);
    let spread = (day().range().to - day().start()) / (count as i64 + 1);
    let mut all: Vec<StoredRecord> = corpus
        .take(count)
        .enumerate()
        .map(|(place, mut record)| {
            // Not in the order of positions, and some times twice.
            let nth = (place as i64 * 7 % count as i64) / 2;
            record.time = day().start() + nth * spread;
            StoredRecord { position: Position(first + place as i64), record }
        })
        .collect();
    all.sort_by_key(|stored| Reverse((stored.record.time, stored.position)));
    assert_eq!(all.len(), count);
    all
}

/// Writes the day as a store with these records would.
pub(crate) async fn write(archive: &Archive, records: &[StoredRecord], upto: i64) -> Result<Written> {
    write_at(archive, records, upto, 7).await
}

/// As [`write`], at the time `now`.
pub(crate) async fn write_at(archive: &Archive, records: &[StoredRecord], upto: i64, now: Nanos) -> Result<Written> {
    let previous = archive.manifest(day()).await?;
    let new = NewDay { day: day(), store: "store".to_owned(), upto: Position(upto), previous, now };
    let pages = records.chunks(50).map(|page| Ok(page.to_vec()));
    archive.write(new, stream::iter(pages.collect::<Vec<_>>()), async { Ok(()) }).await
}

/// The records in the order of time.
pub(crate) async fn read(archive: &Archive) -> Result<Vec<StoredRecord>> {
    Ok(archive.read(day()).try_collect::<Vec<_>>().await?.concat())
}

pub(crate) fn oldest_first(mut records: Vec<StoredRecord>) -> Vec<StoredRecord> {
    records.sort_by_key(|stored| (stored.record.time, stored.position));
    records
}
