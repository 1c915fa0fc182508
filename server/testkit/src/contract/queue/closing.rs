//! Closing a queue.

use std::sync::Arc;

use pipeline::ErrorClass;

use super::publish;
use crate::{contract::QueueHarness, records};

pub async fn a_closed_queue_is_unavailable(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    publish(&*queue, &records::corpus(8, 1)).await;
    queue.close().await;
    let published = queue.publish(Arc::new(records::batch(1, 1))).await;
    assert_eq!(published.unwrap_err().class, ErrorClass::Unavailable);
    assert_eq!(queue.receive(10).await.unwrap_err().class, ErrorClass::Unavailable);
    // A second close is harmless, and the status stays available.
    queue.close().await;
    assert!(!queue.status().engine.is_empty());
}

pub async fn closing_wakes_a_waiting_receiver(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    // The first future is polled first, so it is waiting when the second begins.
    let (received, ()) = tokio::join!(queue.receive(100), queue.close());
    assert_eq!(received.unwrap_err().class, ErrorClass::Unavailable);
}
