//! Shared helpers of these tests.

use std::{path::Path, sync::Arc, time::Duration};

use engine_embedded::Options;
use model::{Query, Record, StoredRecord, Value};
use pipeline::{Batch, Content, Delivery, LogStore, Queue, Receipt, SearchRequest, TimeRange};

/// Options with which a memtable of `records` records is flushed.
pub(crate) fn flushing_at(records: usize) -> Options {
    Options { flush_records: records, append_patience: Duration::from_secs(60), ..Options::default() }
}

/// Options with which a memtable of `records` records is flushed, and its parts are merged at once.
pub(crate) fn compacting_at(records: usize) -> Options {
    Options {
        part_rows: 40 * records as u64,
        compact_parts: 2,
        upkeep_interval: Duration::from_millis(1),
        ..flushing_at(records)
    }
}

/// Options with which everything stays in memory.
pub(crate) fn in_memory() -> Options {
    Options { flush_interval: Duration::from_secs(3600), ..Options::default() }
}

pub(crate) fn delivery(receipt: u64, batch: Batch) -> Delivery {
    Delivery { receipt: Receipt(receipt), content: Content::Batch(Arc::new(batch)) }
}

/// Publishes batches and stores what the queue delivers, as the consume stage does.
pub(crate) async fn pump(queue: &dyn Queue, store: &dyn LogStore, batches: Vec<Batch>) {
    let mut missing = batches.len();
    for batch in batches {
        queue.publish(Arc::new(batch)).await.unwrap();
    }
    while missing > 0 {
        let deliveries = queue.receive(500).await.unwrap();
        store.append(&deliveries).await.unwrap();
        let receipts: Vec<_> = deliveries.iter().map(|delivery| delivery.receipt).collect();
        queue.acknowledge(&receipts).await.unwrap();
        missing -= receipts.len();
    }
}

/// All records, newest first.
pub(crate) async fn everything(store: &dyn LogStore) -> Vec<StoredRecord> {
    let mut request = SearchRequest::new(Query::default(), TimeRange::ALL, 1_000);
    let mut records = Vec::new();
    loop {
        let page = store.search(&request).await.unwrap();
        records.extend(page.records);
        match page.next {
            Some(next) => request.cursor = Some(next),
            None => return records,
        }
    }
}

/// The attribute `seq` of each record, sorted.
pub(crate) fn sequence(records: &[StoredRecord]) -> Vec<i64> {
    let mut numbers: Vec<i64> = records.iter().map(|stored| number(&stored.record)).collect();
    numbers.sort_unstable();
    numbers
}

fn number(record: &Record) -> i64 {
    match record.attribute("seq") {
        Some(Value::Int(number)) => *number,
        other => panic!("a record without its number: {other:?}"),
    }
}

/// Waits until a part is written.
pub(crate) async fn flushed(store: &dyn LogStore) {
    while store.status().bytes == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
