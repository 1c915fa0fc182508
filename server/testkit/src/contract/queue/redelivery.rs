//! Acknowledging, releasing, and redelivery to a later process. The order of redeliveries is not guaranteed.

use pipeline::{Batch, Delivery};

use super::{assert_quiet, batches, publish, receipts, receive};
use crate::{contract::QueueHarness, records};

/// Sorted by id, which for these batches is the order of creation.
fn sorted(deliveries: &[Delivery]) -> Vec<Batch> {
    let mut batches = batches(deliveries);
    batches.sort_by_key(|batch| batch.id);
    batches
}

pub async fn what_is_acknowledged_does_not_come_again(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    publish(&*queue, &records::corpus(2, 5)).await;
    let deliveries = receive(&*queue, 5).await;
    queue.acknowledge(&receipts(&deliveries)).await.unwrap();
    assert_quiet(&*queue).await;
    queue.close().await;

    let queue = harness.open().await;
    assert_quiet(&*queue).await;
    queue.close().await;
}

pub async fn what_is_not_acknowledged_comes_again_after_reopening(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let sent = records::corpus(3, 6);
    publish(&*queue, &sent).await;
    let deliveries = receive(&*queue, 6).await;
    queue.acknowledge(&receipts(&deliveries[..2])).await.unwrap();
    queue.close().await;

    let queue = harness.open().await;
    assert_eq!(sorted(&receive(&*queue, 4).await), sent[2..]);
    queue.close().await;
}

/// Without a clean shutdown, acknowledgements may be lost, but never a batch: the ledger deduplicates redeliveries.
pub async fn what_is_not_acknowledged_comes_again_after_a_crash(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let sent = records::corpus(4, 6);
    publish(&*queue, &sent).await;
    let deliveries = receive(&*queue, 6).await;
    queue.acknowledge(&receipts(&deliveries[..2])).await.unwrap();
    drop(deliveries);
    harness.crash(queue).await;

    let queue = harness.open().await;
    let mut again = Vec::new();
    while !sent[2..].iter().all(|batch| again.contains(batch)) {
        again.extend(batches(&queue.receive(10_000).await.unwrap()));
    }
    assert!(again.iter().all(|batch| sent.contains(batch)));
    assert!(again.len() <= sent.len(), "each comes once");
    queue.close().await;
}

pub async fn what_is_released_comes_again(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let sent = records::corpus(5, 4);
    publish(&*queue, &sent).await;
    let deliveries = receive(&*queue, 4).await;
    queue.acknowledge(&receipts(&deliveries[..1])).await.unwrap();
    queue.release(&receipts(&deliveries[1..])).await.unwrap();
    let again = receive(&*queue, 3).await;
    assert_eq!(sorted(&again), sent[1..]);
    queue.acknowledge(&receipts(&again)).await.unwrap();
    assert_quiet(&*queue).await;
    queue.close().await;
}

pub async fn acknowledgements_may_come_in_any_order(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let sent = records::corpus(6, 5);
    publish(&*queue, &sent).await;
    let deliveries = receive(&*queue, 5).await;
    for place in [3, 0, 4, 1] {
        queue.acknowledge(&[deliveries[place].receipt]).await.unwrap();
    }
    queue.close().await;

    // A queue that only discards from the front may redeliver batches behind a gap.
    let queue = harness.open().await;
    let mut again = Vec::new();
    while !again.contains(&sent[2]) {
        again.extend(batches(&queue.receive(10_000).await.unwrap()));
    }
    assert!(again.iter().all(|batch| sent[2..].contains(batch)));
    queue.close().await;
}

pub async fn a_reopened_queue_goes_on_after_the_old_batches(harness: &dyn QueueHarness) {
    let sent = records::corpus(7, 6);
    for pair in sent.chunks(2) {
        let queue = harness.open().await;
        publish(&*queue, pair).await;
        queue.close().await;
    }
    let queue = harness.open().await;
    assert_eq!(sorted(&receive(&*queue, 6).await), sent);
    queue.close().await;
}
