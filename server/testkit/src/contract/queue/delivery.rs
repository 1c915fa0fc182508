//! Publishing and receiving without failures.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use model::limits;

use super::{assert_quiet, batches, publish, receipts, receive};
use crate::{contract::QueueHarness, records};

pub async fn what_is_published_is_received_unchanged_and_in_order(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let mut sent = records::corpus(1, 30);
    sent[3].client_id = true;
    publish(&*queue, &sent).await;
    let deliveries = receive(&*queue, sent.len()).await;
    assert_eq!(batches(&deliveries), sent);
    let mut distinct = receipts(&deliveries);
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), sent.len(), "each delivery has a receipt of its own");
    queue.acknowledge(&receipts(&deliveries)).await.unwrap();
    assert_quiet(&*queue).await;
    queue.close().await;
}

pub async fn a_call_returns_about_as_many_records_as_asked_for(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let sent: Vec<_> = (0..50).map(|number| records::batch(number, 20)).collect();
    publish(&*queue, &sent).await;
    let mut received = 0;
    while received < sent.len() {
        let deliveries = queue.receive(100).await.unwrap();
        let records: usize = batches(&deliveries).iter().map(|batch| batch.records.len()).sum();
        assert!(!deliveries.is_empty());
        assert!(records <= 120, "100 records were asked for, {records} came");
        received += deliveries.len();
        queue.acknowledge(&receipts(&deliveries)).await.unwrap();
    }
    queue.close().await;
}

pub async fn a_batch_larger_than_asked_for_is_delivered(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let sent = [records::batch(1, 500)];
    publish(&*queue, &sent).await;
    assert_eq!(batches(&queue.receive(10).await.unwrap()), sent);
    queue.close().await;
}

pub async fn a_waiting_receiver_is_woken_by_a_publish(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let sent = [records::batch(1, 1)];
    // The first future is polled first, so it is waiting when the second begins.
    let (received, ()) = tokio::join!(queue.receive(100), publish(&*queue, &sent));
    assert_eq!(batches(&received.unwrap()), sent);
    queue.close().await;
}

pub async fn a_dropped_receive_loses_nothing(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let sent: Vec<_> = (0..40).map(|number| records::batch(number, 2)).collect();
    let publisher = tokio::spawn({
        let (queue, sent) = (queue.clone(), sent.clone());
        async move {
            for batch in sent {
                queue.publish(Arc::new(batch)).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    let mut received = Vec::new();
    // Dropped repeatedly while batches arrive; the last timeout is long enough.
    let mut patience = Duration::from_micros(50);
    while received.len() < sent.len() {
        match tokio::time::timeout(patience, queue.receive(4)).await {
            Ok(deliveries) => {
                let deliveries = deliveries.unwrap();
                queue.acknowledge(&receipts(&deliveries)).await.unwrap();
                received.extend(batches(&deliveries));
            }
            Err(_) => patience = (patience * 5 / 4).min(Duration::from_secs(5)),
        }
    }
    publisher.await.unwrap();
    assert_eq!(received, sent);
    queue.close().await;
}

pub async fn batches_of_many_publishers_are_each_delivered_once(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let (publishers, each) = (16_u64, 25_u64);
    let tasks: Vec<_> = (0..publishers)
        .map(|publisher| {
            let queue = queue.clone();
            tokio::spawn(async move {
                for number in 0..each {
                    let batch = records::batch(publisher * 1000 + number, 3);
                    queue.publish(Arc::new(batch)).await.unwrap();
                }
            })
        })
        .collect();
    let mut times_delivered: BTreeMap<_, u32> = BTreeMap::new();
    let mut left = (publishers * each) as usize;
    while left > 0 {
        let deliveries = queue.receive(50).await.unwrap();
        left = left.saturating_sub(deliveries.len());
        for batch in batches(&deliveries) {
            *times_delivered.entry(batch.id).or_default() += 1;
        }
        queue.acknowledge(&receipts(&deliveries)).await.unwrap();
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(times_delivered.len(), (publishers * each) as usize);
    assert!(times_delivered.values().all(|times| *times == 1));
    assert_quiet(&*queue).await;
    queue.close().await;
}

/// A backlog of small batches is available to one transaction, whatever the size of a batch.
pub async fn hundreds_of_small_batches_are_received_before_any_is_acknowledged(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let sent: Vec<_> = (0..600).map(|number| records::batch(number, 1)).collect();
    for part in sent.chunks(100) {
        let publish = |batch: &pipeline::Batch| {
            let (queue, batch) = (queue.clone(), Arc::new(batch.clone()));
            tokio::spawn(async move { queue.publish(batch).await })
        };
        for publish in part.iter().map(publish).collect::<Vec<_>>() {
            publish.await.unwrap().unwrap();
        }
    }
    let deliveries = receive(&*queue, sent.len()).await;
    let mut received = batches(&deliveries);
    received.sort_by_key(|batch| batch.id);
    assert_eq!(received, sent);
    queue.acknowledge(&receipts(&deliveries)).await.unwrap();
    assert_quiet(&*queue).await;
    queue.close().await;
}

pub async fn a_full_batch_passes(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let sent = [records::batch(1, limits::RECORDS_PER_BATCH), records::long_messages(2, 6, limits::MESSAGE_BYTES)];
    publish(&*queue, &sent).await;
    assert!(batches(&receive(&*queue, 2).await) == sent, "the batches have changed on their way");
    queue.close().await;
}
