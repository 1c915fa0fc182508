//! What every queue must do.

use std::sync::Arc;

use super::QueueHarness;
use crate::records;

/// Instantiates the suite; see [`crate::contract`].
#[macro_export]
macro_rules! queue_contract {
    ($make:path) => {
        $crate::contract_cases!(queue, $make, what_is_published_is_received);
    };
}

pub async fn what_is_published_is_received(harness: &dyn QueueHarness) {
    let queue = harness.open().await;
    let batch = Arc::new(records::batch(1, 3));
    queue.publish(batch).await.unwrap();
    let deliveries = queue.receive(100).await.unwrap();
    assert_eq!(deliveries.len(), 1);
    queue.acknowledge(&[deliveries[0].receipt]).await.unwrap();
    queue.close().await;
}
