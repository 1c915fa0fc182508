//! The flush: no record is missing or duplicated while it moves from memory to parts.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use engine_embedded::Options;
use model::{
    Position, Query, Record, RecordId, Severity, Value,
    aggregate::{Aggregation, Key, Table},
    query::Field,
};
use pipeline::{Batch, BatchId, ReadLimit, TimeRange, ask};

use crate::support::{compacting_at, delivery, everything, flushing_at, sequence};

const BATCHES: u64 = 120;
const RECORDS: i64 = 25;

/// Batches of numbered records whose times alternate over two days.
fn numbered(batch: u64) -> Batch {
    let observed_time = 1_767_323_045_000_000_000 + batch as i64;
    let base = RecordId::base(1_767_323_045_000 + batch, u128::from(batch) << 20);
    let records = (0..RECORDS)
        .map(|place| {
            let seq = batch as i64 * RECORDS + place;
            Record {
                id: base.nth(place as usize),
                time: observed_time - (seq * 7919 % 100_000) * 1_000_000_000,
                observed_time,
                severity: Severity::INFO,
                level: "info".into(),
                service: "api".into(),
                node: "n1".into(),
                message: format!("number {seq}"),
                attributes: vec![("seq".into(), Value::Int(seq))],
                trace_id: None,
                span_id: None,
            }
        })
        .collect();
    Batch { id: BatchId(base.to_bytes()), client_id: false, producer: "test".into(), observed_time, records }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_flush_under_load_shows_every_record_exactly_once() {
    under_load(flushing_at(300)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_compaction_under_load_shows_every_record_exactly_once() {
    under_load(compacting_at(50)).await;
}

async fn under_load(options: Options) {
    let folder = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(folder.path(), options).await.unwrap();
    let stored = Arc::new(AtomicU64::new(0));

    let writer = {
        let (store, stored) = (store.clone(), stored.clone());
        tokio::spawn(async move {
            for batch in 0..BATCHES {
                store.append(&[delivery(batch + 1, numbered(batch))]).await.unwrap();
                stored.store(batch + 1, Ordering::SeqCst);
            }
        })
    };
    let follower = {
        let store = store.clone();
        tokio::spawn(async move {
            let (mut after, mut seen) = (Position(0), Vec::new());
            while seen.len() < (BATCHES as i64 * RECORDS) as usize {
                for block in store.follow(after).await.unwrap() {
                    assert!(block.first > after);
                    after = block.last();
                    seen.extend((0..).map_while(|place| block.stored(place)));
                }
            }
            seen
        })
    };
    let by_service = Aggregation::counting(
        Query::default(),
        TimeRange::ALL,
        vec![Key::Field(Field::Service), Key::Time { width: i64::MAX }],
        10,
    );
    let counted = |tables: pipeline::Result<Vec<Table>>| -> i64 {
        tables.unwrap().into_iter().flat_map(Table::counts).map(|(_, count)| count as i64).sum()
    };
    while !writer.is_finished() {
        let least = stored.load(Ordering::SeqCst) as i64 * RECORDS;
        let count = ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap() as i64;
        // Two callers at once share what they count, and neither misses what was stored before its call.
        let least_grouped = stored.load(Ordering::SeqCst) as i64 * RECORDS;
        let both = tokio::join!(store.aggregate(&by_service), store.aggregate(&by_service));
        for count in [counted(both.0), counted(both.1)] {
            assert!(count >= least_grouped && count % RECORDS == 0, "{count} grouped, {least_grouped} stored");
        }
        let numbers = sequence(&everything(&*store).await);
        assert!(count >= least && count % RECORDS == 0, "{count} counted, {least} stored");
        assert!(numbers.len() as i64 >= least);
        let newest = store.newest().await.unwrap();
        let limit = ReadLimit::of_records(100_000);
        let by_position =
            store.read_after(Position(0), newest, TimeRange::ALL, &Query::default(), limit).await.unwrap();
        assert_eq!(sequence(&by_position), (0..by_position.len() as i64).collect::<Vec<_>>());
    }
    writer.await.unwrap();

    let all: Vec<i64> = (0..BATCHES as i64 * RECORDS).collect();
    assert_eq!(sequence(&everything(&*store).await), all);
    let followed = follower.await.unwrap();
    assert!(followed.is_sorted_by_key(|stored| stored.position));
    assert_eq!(sequence(&followed), all);
    for stored in followed.iter().step_by(97) {
        assert_eq!(store.get(stored.record.id).await.unwrap().as_ref(), Some(stored));
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_starts_in_the_middle_of_a_batch_gets_the_rest_from_memory_and_from_parts() {
    for flush in [1, 1_000_000] {
        let folder = tempfile::tempdir().unwrap();
        let store = engine_embedded::open_store(folder.path(), flushing_at(flush)).await.unwrap();
        store.append(&[delivery(1, numbered(0))]).await.unwrap();
        let (newest, limit) = (store.newest().await.unwrap(), ReadLimit::of_records(100));
        let all = store.read_after(Position(0), newest, TimeRange::ALL, &Query::default(), limit).await.unwrap();
        let blocks = store.follow(all[9].position).await.unwrap();
        let rest: Vec<_> = blocks.iter().flat_map(|block| (0..).map_while(|place| block.stored(place))).collect();
        assert_eq!(rest, all[10..]);
        store.close().await;
    }
}
