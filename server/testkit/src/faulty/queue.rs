//! A queue with injected faults.

use std::sync::Arc;

use async_trait::async_trait;
use pipeline::{Batch, Delivery, Queue, QueueStatus, Receipt, Result};

use super::Switch;

/// Forwards calls to another queue, according to its switches.
pub struct FaultyQueue {
    inner: Arc<dyn Queue>,
    pub publish: Switch,
    pub receive: Switch,
    pub acknowledge: Switch,
    pub release: Switch,
}

impl FaultyQueue {
    pub fn new(inner: Arc<dyn Queue>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            publish: Switch::default(),
            receive: Switch::default(),
            acknowledge: Switch::default(),
            release: Switch::default(),
        })
    }
}

#[async_trait]
impl Queue for FaultyQueue {
    async fn publish(&self, batch: Arc<Batch>) -> Result<()> {
        self.publish.pass(self.inner.publish(batch)).await
    }

    async fn receive(&self, max_records: usize) -> Result<Vec<Delivery>> {
        self.receive.pass(self.inner.receive(max_records)).await
    }

    async fn acknowledge(&self, receipts: &[Receipt]) -> Result<()> {
        self.acknowledge.pass(self.inner.acknowledge(receipts)).await
    }

    async fn release(&self, receipts: &[Receipt]) -> Result<()> {
        self.release.pass(self.inner.release(receipts)).await
    }

    fn status(&self) -> QueueStatus {
        self.inner.status()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
