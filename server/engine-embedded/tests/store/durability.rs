//! The stored data after every kind of shutdown.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use model::{Position, Query};
use pipeline::{ReadLimit, TimeRange, ask};
use testkit::records;

use crate::support::{copy_folder, delivery, everything, flushed, flushing_at, in_memory, pump};

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_pair_opens_with_the_same_records_and_goes_on_behind_them() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, store) = engine_embedded::open_pair(folder.path(), in_memory()).await.unwrap();
    pump(&*queue, &*store, records::corpus(1, 20)).await;
    let before = everything(&*store).await;
    let newest = store.newest().await.unwrap();
    store.close().await;
    queue.close().await;
    drop((queue, store));

    let (queue, store) = engine_embedded::open_pair(folder.path(), in_memory()).await.unwrap();
    assert_eq!(everything(&*store).await, before);
    assert!(store.newest().await.unwrap() >= newest);
    assert!(store.status().bytes > 0, "close writes parts");
    pump(&*queue, &*store, records::corpus(2, 3)).await;
    assert!(store.newest().await.unwrap() > newest);
    assert_eq!(
        store
            .read_after(Position(0), newest, TimeRange::ALL, &Query::default(), ReadLimit::of_records(usize::MAX - 1))
            .await
            .unwrap()
            .len(),
        before.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pair_dropped_without_close_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for round in 0..4 {
        let (queue, store) = engine_embedded::open_pair(folder.path(), flushing_at(130)).await.unwrap();
        assert_eq!(everything(&*store).await, expected, "round {round}");
        pump(&*queue, &*store, records::corpus(10 + round, 10)).await;
        expected = everything(&*store).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_published_and_never_consumed_is_stored_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, store) = engine_embedded::open_pair(folder.path(), in_memory()).await.unwrap();
    queue.publish(Arc::new(records::batch(1, 5))).await.unwrap();
    drop((queue, store));
    let (_queue, store) = engine_embedded::open_pair(folder.path(), in_memory()).await.unwrap();
    assert_eq!(ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap(), 5);
}

/// Every file with its size and modification time.
fn state(folder: &Path) -> Vec<(PathBuf, u64, SystemTime)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match std::fs::metadata(&path) {
            Ok(data) if data.is_dir() => files.extend(state(&path)),
            Ok(data) => files.push((path, data.len(), data.modified().unwrap())),
            // It was deleted meanwhile, so the state has changed.
            Err(_) => files.push((path, 0, SystemTime::now())),
        }
    }
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_copied_while_it_is_in_use_opens_with_every_record() {
    let folder = tempfile::tempdir().unwrap();
    let copy = tempfile::tempdir().unwrap();
    let (queue, store) = engine_embedded::open_pair(folder.path(), flushing_at(200)).await.unwrap();
    pump(&*queue, &*store, records::corpus(3, 30)).await;
    flushed(&*store).await;
    pump(&*queue, &*store, records::corpus(4, 2)).await;
    // Copying many files is not atomic: the copy counts only if nothing changed during it.
    loop {
        let before = state(folder.path());
        copy_folder(folder.path(), copy.path());
        if state(folder.path()) == before {
            break;
        }
        std::fs::remove_dir_all(copy.path()).unwrap();
    }

    let (_queue, copied) = engine_embedded::open_pair(copy.path(), in_memory()).await.unwrap();
    assert_eq!(everything(&*copied).await, everything(&*store).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_delivered_again_is_stored_once_also_after_flush_and_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let batch = records::batch(1, 7);
    for (receipt, flush) in [(1, 1_000_000), (2, 1), (3, 1), (4, 1_000_000)] {
        let store = engine_embedded::open_store(folder.path(), flushing_at(flush)).await.unwrap();
        let appended = store.append(&[delivery(receipt, batch.clone()), delivery(receipt + 100, batch.clone())]).await;
        let appended = appended.unwrap();
        let first = receipt == 1;
        assert_eq!((appended.records, appended.duplicates), if first { (7, 1) } else { (0, 2) });
        if receipt % 2 == 0 {
            store.close().await;
        }
        drop(store);
    }
    let store = engine_embedded::open_store(folder.path(), in_memory()).await.unwrap();
    assert_eq!(everything(&*store).await.len(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_repeats_its_batch_id_is_stored_once_also_through_the_shared_log() {
    let folder = tempfile::tempdir().unwrap();
    let batch = pipeline::Batch { client_id: true, ..records::batch(9, 4) };
    for options in [flushing_at(1), in_memory(), flushing_at(1)] {
        let (queue, store) = engine_embedded::open_pair(folder.path(), options).await.unwrap();
        pump(&*queue, &*store, vec![batch.clone(), batch.clone()]).await;
        assert_eq!(ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap(), 4);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ahead_and_back_does_not_empty_the_ledger() {
    const DAY: i64 = 86_400_000_000_000;
    let folder = tempfile::tempdir().unwrap();
    let at = |number: u64, day: i64| {
        let mut batch = pipeline::Batch { client_id: true, ..records::batch(number, 1) };
        batch.observed_time += day * DAY;
        batch.records[0].observed_time = batch.observed_time;
        batch
    };
    let (queue, store) = engine_embedded::open_pair(folder.path(), flushing_at(1)).await.unwrap();
    // A day ahead, a year ahead, back, and forward. Each is flushed and prunes the ledger.
    for (number, day) in (1..).zip([0, 1, 365, 0, 366, 1, 2]) {
        let before = store.status().bytes;
        pump(&*queue, &*store, vec![at(number, day)]).await;
        while store.status().bytes == before {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        // The client sends all its batches again, with the current time.
        pump(&*queue, &*store, (1..=number).map(|number| at(number, day)).collect()).await;
        assert_eq!(ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap(), number, "day {day}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_program_is_kept_out() {
    let folder = tempfile::tempdir().unwrap();
    let _store = engine_embedded::open_store(folder.path(), in_memory()).await.unwrap();
    let second = engine_embedded::open_store(folder.path(), in_memory()).await;
    assert!(second.is_err_and(|error| error.message.contains("another process")));
}
