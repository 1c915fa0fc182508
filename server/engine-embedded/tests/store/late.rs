//! Matches that are far from each other: more slices of a part have some than the result keeps, and their records come
//! complete.

use std::{cmp::Reverse, time::Duration};

use engine_embedded::Options;
use model::{Position, Query, Record, RecordId, Severity, Value};
use pipeline::{Batch, BatchId, ReadLimit, TimeRange};

use crate::{
    orders::newest,
    support::{delivery, flushing_at},
};

/// A row group and a half.
const RECORDS: usize = 200_000;
const BATCH: usize = 1_000;
const START: i64 = 1_767_312_000_000_000_000;
/// One record in so many matches: about two a page.
const EVERY: usize = 4_099;

fn record(seq: usize) -> Record {
    let is_rare = seq.is_multiple_of(EVERY);
    let mut attributes = vec![
        ("done".into(), Value::Bool(seq.is_multiple_of(3))),
        (
            "pod".into(),
            Value::Text(if is_rare { "pod-rare".into() } else { format!("pod-{}", seq * 7_919 % 900).into() }),
        ),
        ("ratio".into(), Value::Float(seq as f64 / 16.0)),
        ("seq".into(), Value::Int(seq as i64)),
        ("user".into(), Value::Text(format!("user {}", seq * 7_919 % 499_979).into())),
    ];
    if seq.is_multiple_of(5) {
        attributes.remove(0);
    }
    Record {
        id: base(seq / BATCH).nth(seq % BATCH),
        // Two records have the same time.
        time: START + (seq / 2) as i64,
        observed_time: START,
        severity: Severity::INFO,
        level: "info".into(),
        service: format!("service-{}", seq % 20).into(),
        node: if seq.is_multiple_of(7) { "".into() } else { "n1".into() },
        message: format!("{} of {seq}", if is_rare { "a needle" } else { "hay" }),
        attributes,
        trace_id: seq.is_multiple_of(2).then(|| (seq as u128 * 0x9e37_79b9_7f4a_7c15).to_be_bytes()),
        span_id: is_rare.then(|| (seq as u64 + 1).to_be_bytes()),
    }
}

fn base(batch: usize) -> RecordId {
    RecordId::base(START as u64 / 1_000_000 + batch as u64, (batch as u128) << 20)
}

fn batch(number: usize) -> Batch {
    let records = (number * BATCH..(number + 1) * BATCH).map(record).collect();
    let id = BatchId(base(number).to_bytes());
    Batch { id, client_id: false, producer: "test".into(), observed_time: START, records }
}

async fn complete_in_every_order(flush_records: usize, is_reopened: bool) {
    let never = Duration::from_secs(3600);
    let options = Options { upkeep_interval: never, flush_bytes: 1 << 30, ..flushing_at(flush_records) };
    let folder = tempfile::tempdir().unwrap();
    let mut store = engine_embedded::open_store(folder.path(), options.clone()).await.unwrap();
    for number in 0..RECORDS / BATCH {
        store.append(&[delivery(number as u64 + 1, batch(number))]).await.unwrap();
    }
    if is_reopened {
        // Closing flushes memory.
        store.close().await;
        store = engine_embedded::open_store(folder.path(), options).await.unwrap();
    }
    let upto = store.newest().await.unwrap();
    let by_position: Vec<Record> = (0..RECORDS).step_by(EVERY).map(record).collect();
    let mut by_time: Vec<usize> = (0..RECORDS).step_by(EVERY).collect();
    by_time.sort_unstable_by_key(|seq| Reverse((seq / 2, *seq)));
    let by_time: Vec<Record> = by_time.into_iter().map(record).collect();
    let all = by_time.len();
    assert!(all > 40);

    for text in ["pod:pod-rare", "\"a needle\"", "pod:pod-rare \"a needle\"", "span_id:* service:*"] {
        let query = Query::parse(text).unwrap();
        for limit in [1, 5, all - 1, all, 1_000] {
            let found = newest(&*store, &query, limit, all).await;
            assert!(found.iter().map(|stored| &stored.record).eq(&by_time), "{text}, {limit} at a time");
            let first = ReadLimit::of_records(limit);
            let found = store.read_after(Position(-1), upto, TimeRange::ALL, &query, first).await.unwrap();
            assert!(found.iter().map(|stored| &stored.record).eq(by_position.iter().take(limit)), "{text}, {limit}");
        }
    }
    for nth in [0, 7, all - 1] {
        assert_eq!(store.get(by_time[nth].id).await.unwrap().unwrap().record, by_time[nth]);
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matches_in_pages_of_their_own_come_complete_in_every_order() {
    complete_in_every_order(RECORDS, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn matches_in_many_parts_and_memory_come_complete_in_every_order() {
    complete_in_every_order(9_000, false).await;
}
