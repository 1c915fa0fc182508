//! Compaction and retention: few parts, no losses, and expired records are deleted.

use std::{path::Path, time::Duration};

use engine_embedded::{Options, inspect};
use model::{Query, Record, RecordId, Severity, Text, Value};
use pipeline::{Batch, BatchId, LogStore, ReadLimit, TimeRange, ask};

use crate::support::{compacting_at, delivery, everything, flushed, sequence};

const DAY: i64 = 86_400_000_000_000;

/// Ten records of one service, `age` before now, each with its own attribute.
fn aged(number: u64, service: &str, age: Duration) -> Batch {
    spaced(number, 10, service, now() - age.as_nanos() as i64)
}

fn now() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64
}

/// `count` records, a nanosecond apart from `time` on, each with its own attribute.
fn spaced(number: u64, count: i64, service: &str, time: i64) -> Batch {
    let now = now();
    let base = RecordId::base(1_767_323_045_000 + number, u128::from(number) << 20);
    let records = (0..count)
        .map(|place| Record {
            id: base.nth(place as usize),
            time: time + place,
            observed_time: now,
            severity: Severity::INFO,
            level: "info".into(),
            service: service.into(),
            node: Text::default(),
            message: format!("record {place} of batch {number}"),
            attributes: vec![
                (format!("own.{number}.{place}").into(), Value::Int(place)),
                ("seq".into(), Value::Int(number as i64 * count + place)),
            ],
            trace_id: None,
            span_id: None,
        })
        .collect();
    Batch { id: BatchId(base.to_bytes()), client_id: false, producer: "test".into(), observed_time: now, records }
}

fn files(folder: &Path) -> usize {
    let days = std::fs::read_dir(folder.join("parts")).unwrap();
    days.map(|day| std::fs::read_dir(day.unwrap().path()).unwrap().count()).sum()
}

async fn stored(folder: &Path, options: Options, batches: Vec<Batch>) -> std::sync::Arc<dyn LogStore> {
    let store = engine_embedded::open_store(folder, options).await.unwrap();
    for (receipt, batch) in (1..).zip(batches) {
        store.append(&[delivery(receipt, batch)]).await.unwrap();
    }
    store
}

/// Waits until `records` records are left.
async fn wait_until_left(store: &dyn LogStore, records: u64) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let count = ask::count(store, &Query::default(), TimeRange::ALL).await.unwrap();
        if count == records {
            return;
        }
        assert!(count > records && tokio::time::Instant::now() < deadline, "{count} records, {records} expected");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_parts_become_few_and_attributes_beyond_the_columns_stay() {
    let folder = tempfile::tempdir().unwrap();
    // 400 different attributes exceed the columns of a part.
    let batches = (0..40).map(|number| aged(number, "api", hours(24 * 40))).collect();
    let store = stored(folder.path(), compacting_at(10), batches).await;
    let expected = everything(&*store).await;
    assert_eq!(sequence(&expected), (0..400).collect::<Vec<_>>());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        flushed(&*store).await;
        if files(folder.path()) <= 3 && ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap() == 400 {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{} files", files(folder.path()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(everything(&*store).await, expected);
    store.close().await;
    let again = engine_embedded::open_store(folder.path(), compacting_at(10)).await.unwrap();
    assert_eq!(everything(&*again).await, expected);
    for (number, place) in [(0, 0), (17, 3), (39, 9)] {
        let query = Query::parse(&format!("own.{number}.{place}:{place}")).unwrap();
        assert_eq!(ask::count(&*again, &query, TimeRange::ALL).await.unwrap(), 1);
    }
    again.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_overlap_a_little_become_one_in_order() {
    let folder = tempfile::tempdir().unwrap();
    // All in one past day: a single part remains.
    let begin = now() / DAY * DAY - 40 * DAY;
    let batches = (0..8).map(|number| spaced(number, 700, "api", begin + number as i64 * 500)).collect();
    let store = stored(folder.path(), compacting_at(700), batches).await;
    let expected = everything(&*store).await;
    assert_eq!(sequence(&expected), (0..5_600).collect::<Vec<_>>());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while files(folder.path()) > 1 || store.status().bytes == 0 {
        assert!(tokio::time::Instant::now() < deadline, "{} files", files(folder.path()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let merged = everything(&*store).await;
    assert!(merged.is_sorted_by_key(|stored| std::cmp::Reverse((stored.record.time, stored.position))));
    assert_eq!(merged, expected);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_space_of_merged_parts_is_free_at_once_also_while_a_tail_waits() {
    let folder = tempfile::tempdir().unwrap();
    let batches = (0..20).map(|number| aged(number, "api", hours(24 * 40))).collect();
    // The interval leaves time for the parts to be written and the tail to wait.
    let options = Options { upkeep_interval: Duration::from_millis(500), ..compacting_at(10) };
    let store = stored(folder.path(), options, batches).await;
    while inspect::parts(folder.path()).await.unwrap().len() < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let newest = store.newest().await.unwrap();
    let tail = tokio::spawn({
        let store = store.clone();
        async move { store.follow(newest).await }
    });
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    // A merged part leaves the catalogue before its file is deleted, so both are compared again.
    loop {
        let (listed, left) = (inspect::parts(folder.path()).await.unwrap().len(), files(folder.path()));
        if left <= 2 && listed == left {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "{left} files are left, {listed} parts are listed");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    store.close().await;
    assert!(tail.await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn records_past_the_retention_go_and_their_files_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let batches = vec![aged(0, "api", hours(100)), aged(1, "api", hours(60)), aged(2, "api", hours(1))];
    let options = Options { retention: Some(hours(72)), ..compacting_at(1) };
    let store = stored(folder.path(), options, batches).await;
    wait_until_left(&*store, 20).await;
    assert_eq!(sequence(&everything(&*store).await), (10..30).collect::<Vec<_>>());
    store.close().await;
    assert_eq!(files(folder.path()), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_oldest_records_go_when_all_take_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let batches = (0..6).map(|number| aged(number, "api", hours(24 * (10 - number)))).collect();
    let store = stored(folder.path(), compacting_at(1), batches).await;
    flushed(&*store).await;
    store.close().await;
    let probe = engine_embedded::open_store(folder.path(), compacting_at(1)).await.unwrap();
    let parts = probe.status().bytes;
    probe.close().await;
    let options = Options { retention_bytes: Some(parts / 2), ..compacting_at(1) };
    let store = engine_embedded::open_store(folder.path(), options).await.unwrap();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while store.status().bytes > parts / 2 {
        assert!(tokio::time::Instant::now() < deadline, "{} of {parts} bytes are left", store.status().bytes);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let numbers = sequence(&everything(&*store).await);
    assert!(!numbers.is_empty() && numbers.len() < 60);
    let first = numbers[0];
    assert_eq!(numbers, (first..60).collect::<Vec<_>>(), "the oldest go first");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_with_a_shorter_time_is_taken_out_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let ages = [("debug", 72), ("api", 72), ("debug", 1), ("api", 1)];
    let batches = (0..).zip(ages).map(|(number, (service, age))| aged(number, service, hours(age))).collect();
    let options = Options { retention_services: vec![("debug".to_owned(), hours(24))], ..compacting_at(15) };
    let store = stored(folder.path(), options, batches).await;
    wait_until_left(&*store, 30).await;
    assert_eq!(sequence(&everything(&*store).await), (10..40).collect::<Vec<_>>());
    // Positions, the resume points of tails, are unchanged.
    let (newest, limit) = (store.newest().await.unwrap(), ReadLimit::of_records(100));
    let in_order =
        store.read_after(Default::default(), newest, TimeRange::ALL, &Query::default(), limit).await.unwrap();
    assert_eq!(in_order.len(), 30);
    assert!(in_order.is_sorted_by_key(|stored| stored.position));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merged_part_keeps_each_day_apart() {
    let folder = tempfile::tempdir().unwrap();
    let batches = (0..30).map(|number| aged(number, "api", hours(24 * (1 + number % 3)))).collect();
    let store = stored(folder.path(), compacting_at(5), batches).await;
    let expected = everything(&*store).await;
    assert_eq!(expected.len(), 300);
    let days: std::collections::BTreeSet<i64> =
        expected.iter().map(|stored| stored.record.time.div_euclid(DAY)).collect();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while files(folder.path()) > 2 * days.len() {
        assert!(tokio::time::Instant::now() < deadline, "{} files", files(folder.path()));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(everything(&*store).await, expected);
    store.close().await;
}
