//! A store that falls behind: clients see overload, which ends once it has caught up.

use std::{sync::Arc, time::Duration};

use engine_embedded::Options;
use model::Query;
use pipeline::{ErrorClass, LogStore, Queue, TimeRange, ask};
use testkit::records;

use crate::support::flushing_at;

/// Stores deliveries with retries, as the consume stage does.
async fn consume(queue: Arc<dyn Queue>, store: Arc<dyn LogStore>) {
    loop {
        let deliveries = queue.receive(500).await.unwrap();
        while let Err(error) = store.append(&deliveries).await {
            assert!(error.is_retryable(), "{error}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let receipts: Vec<_> = deliveries.iter().map(|delivery| delivery.receipt).collect();
        queue.acknowledge(&receipts).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_cannot_write_parts_is_overload_at_the_bound_of_the_log_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { queue_bytes: 1 << 20, append_patience: Duration::from_millis(100), ..flushing_at(100) };
    let (queue, store) = engine_embedded::open_pair(folder.path(), options).await.unwrap();
    let consumer = tokio::spawn(consume(queue.clone(), store.clone()));
    // A file in place of the folder: no part can be written.
    let (parts, aside) = (folder.path().join("parts"), folder.path().join("aside"));
    std::fs::rename(&parts, &aside).unwrap();
    std::fs::write(&parts, "").unwrap();

    let mut published = 0;
    let error = loop {
        match queue.publish(Arc::new(records::batch(published, 20))).await {
            Ok(()) => published += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.class, ErrorClass::Overloaded);
    assert!(error.retry_after.is_some(), "{error}");
    assert!(queue.status().trouble.is_some());
    assert!(store.status().trouble.is_some_and(|trouble| trouble.contains("parts")));

    std::fs::remove_file(&parts).unwrap();
    std::fs::rename(&aside, &parts).unwrap();
    while queue.status().trouble.is_some() || queue.status().depth > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    queue.publish(Arc::new(records::batch(published, 20))).await.unwrap();
    while queue.status().depth > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let stored = ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap();
    assert_eq!(stored, (published + 1) * 20, "all that was acknowledged, and once");
    consumer.abort();
}

#[tokio::test]
async fn a_queue_of_its_own_keeps_to_the_bound_it_is_given() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { queue_bytes: 1 << 20, ..Options::default() };
    let queue = engine_embedded::open_queue(folder.path(), options).await.unwrap();
    let mut published = 0;
    while queue.publish(Arc::new(records::batch(published, 50))).await.is_ok() {
        published += 1;
    }
    let files = std::fs::read_dir(folder.path().join("queue")).unwrap();
    let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!((512 << 10..=1 << 20).contains(&bytes), "{bytes} bytes after {published} batches");
}
