//! Tests of the write-ahead log, on a file system with fault injection.

mod appends;
mod damage;
mod faults;
mod folder;
mod forget;
mod laws;
mod rates;

use std::{collections::BTreeMap, path::Path, sync::Arc};

use model::{Record, RecordId, Severity, Text, Value};
use pipeline::{Batch, BatchId, Content, Result};

use super::{Recovery, Wal, WalOptions};
use crate::filesystem::faulty::Faulty;

const FOLDER: &str = "/log";

/// Small limits, so that tests reach them with few bytes.
fn options() -> WalOptions {
    WalOptions { segment_bytes: 32 << 10, disk_bytes: 1 << 20, memory_bytes: 1 << 20 }
}

/// The same without a memory tail, so that every read comes from disk.
fn from_disk() -> WalOptions {
    WalOptions { memory_bytes: 0, ..options() }
}

/// A unique batch with a message that hardly compresses below `bytes`.
fn batch(number: u64, bytes: usize) -> Arc<Batch> {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut letter = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'!' + (state >> 33) as u8 % 90)
    };
    let record = Record {
        id: RecordId(u128::from(number) << 32),
        time: 1_700_000_000_000_000_000 + number as i64,
        observed_time: 1_700_000_000_000_000_001,
        severity: Severity::INFO,
        level: Text::from("info"),
        service: Text::from("test"),
        node: Text::default(),
        message: (0..bytes).map(|_| letter()).collect(),
        attributes: vec![(Text::from("number"), Value::Int(number as i64))],
        trace_id: None,
        span_id: None,
    };
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    Arc::new(Batch {
        id: BatchId(id),
        client_id: false,
        producer: Text::from("test"),
        observed_time: record.observed_time,
        records: vec![record],
    })
}

async fn open(file_system: &Faulty, options: WalOptions, released: u64) -> (Wal, Recovery) {
    try_open(file_system, options, released).await.unwrap()
}

async fn try_open(file_system: &Faulty, options: WalOptions, released: u64) -> Result<(Wal, Recovery)> {
    Wal::open(Path::new(FOLDER), Arc::new(file_system.clone()), options, released).await
}

/// All frames after `after`, up to the log's last one.
async fn read_all(wal: &Wal, mut after: u64) -> BTreeMap<u64, Content> {
    let mut all = BTreeMap::new();
    while after < wal.last() {
        for (number, content) in wal.read(after, 3).await.unwrap() {
            assert!(number > after, "frame {number} came after frame {after}");
            after = number;
            all.insert(number, content);
        }
    }
    all
}

/// The batch, or `None` for undecodable content.
fn as_batch(content: &Content) -> Option<&Arc<Batch>> {
    if let Content::Batch(batch) = content { Some(batch) } else { None }
}

/// Asserts that the log returns exactly these batches under these numbers.
async fn assert_holds(wal: &Wal, after: u64, expected: &BTreeMap<u64, Arc<Batch>>) {
    let found = read_all(wal, after).await;
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (number, batch) in expected {
        assert_eq!(as_batch(&found[number]), Some(batch), "frame {number}");
    }
}

/// Appends batches of `bytes` one after another; returns them by frame number.
async fn append_all(wal: &Wal, numbers: std::ops::RangeInclusive<u64>, bytes: usize) -> BTreeMap<u64, Arc<Batch>> {
    let mut appended = BTreeMap::new();
    for number in numbers {
        let batch = batch(number, bytes);
        appended.insert(wal.append(batch.clone()).await.unwrap(), batch);
    }
    appended
}

/// The names of the log's files.
fn names(file_system: &Faulty) -> Vec<String> {
    let paths = file_system.paths();
    paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
}
