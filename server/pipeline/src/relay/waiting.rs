//! Counts what waits in the queue.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering::Relaxed},
};

use async_trait::async_trait;

use crate::{Batch, Delivery, Error, ErrorClass, Queue, QueueStatus, Receipt, Result};

/// A queue whose free space is less than this part of its limit has reached it.
const NEAR: u64 = 8;

/// A queue that counts what is published and not yet settled.
pub struct Waiting {
    inner: Arc<dyn Queue>,
    /// The way out when the queue's limit is reached, for clients.
    when_full: String,
    records: AtomicI64,
    bytes: AtomicI64,
    /// Whether what the queue held at the start is counted.
    is_complete: AtomicBool,
}

impl Waiting {
    /// `when_full` replaces the queue's own text when its limit is reached, which names another option.
    pub fn new(inner: Arc<dyn Queue>, when_full: String) -> Self {
        let (records, bytes) = (AtomicI64::new(0), AtomicI64::new(0));
        Self { inner, when_full, records, bytes, is_complete: AtomicBool::new(false) }
    }

    /// Adds what the queue held at the start.
    pub fn add_backlog(&self, records: u64, bytes: u64) {
        self.add(records as i64, bytes as i64);
        self.is_complete.store(true, Relaxed);
    }

    /// Records and bytes that wait; `None` until the backlog of the start is counted.
    pub(super) fn counts(&self) -> Option<(u64, u64)> {
        let read = |count: &AtomicI64| count.load(Relaxed).max(0).unsigned_abs();
        self.is_complete.load(Relaxed).then(|| (read(&self.records), read(&self.bytes)))
    }

    pub(super) fn settled(&self, records: usize, bytes: usize) {
        self.add(-(records as i64), -(bytes as i64));
    }

    /// Whether the queue has reached its own limit, and not that of the disk.
    fn is_at_limit(&self) -> bool {
        let space = self.inner.status().space;
        space.is_some_and(|space| space.crowded.is_some() && space.bytes >= space.limit - space.limit / NEAR)
    }

    fn add(&self, records: i64, bytes: i64) {
        self.records.fetch_add(records, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }
}

#[async_trait]
impl Queue for Waiting {
    async fn publish(&self, batch: Arc<Batch>) -> Result<()> {
        let (records, bytes) = (batch.records.len(), batch.weight());
        self.inner.publish(batch).await.map_err(|error| match error.class {
            ErrorClass::Overloaded if self.is_at_limit() => Error { message: self.when_full.clone(), ..error },
            _ => error,
        })?;
        self.add(records as i64, bytes as i64);
        Ok(())
    }

    async fn receive(&self, max_records: usize) -> Result<Vec<Delivery>> {
        self.inner.receive(max_records).await
    }

    async fn acknowledge(&self, receipts: &[Receipt]) -> Result<()> {
        self.inner.acknowledge(receipts).await
    }

    async fn release(&self, receipts: &[Receipt]) -> Result<()> {
        self.inner.release(receipts).await
    }

    fn status(&self) -> QueueStatus {
        let status = self.inner.status();
        let trouble = status.trouble.map(|trouble| if self.is_at_limit() { self.when_full.clone() } else { trouble });
        QueueStatus { trouble, ..status }
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
