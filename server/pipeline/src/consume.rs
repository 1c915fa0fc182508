//! The consume stage: from the queue to the store.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{LogStore, Queue};

/// Stores what the queue delivers and acknowledges it, until told to stop; what was
/// received by then is finished.
pub async fn run(queue: Arc<dyn Queue>, store: Arc<dyn LogStore>, stop: CancellationToken) {
    loop {
        let deliveries = tokio::select! {
            () = stop.cancelled() => return,
            deliveries = queue.receive(50_000) => deliveries,
        };
        let Ok(deliveries) = deliveries else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let receipts: Vec<_> = deliveries.iter().map(|delivery| delivery.receipt).collect();
        while store.append(&deliveries).await.is_err() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        if let Err(error) = queue.acknowledge(&receipts).await {
            tracing::warn!(%error, "deliveries could not be acknowledged");
        }
    }
}
