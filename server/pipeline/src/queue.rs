//! The port to the durable queue.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Batch, Result};

/// Names a delivery until it is acknowledged. For the embedded queue it is the number
/// of the write-ahead frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub u64);

/// A batch on its way from the queue to the store.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub receipt: Receipt,
    pub content: Content,
}

/// What a delivery holds.
#[derive(Debug, Clone)]
pub enum Content {
    Batch(Arc<Batch>),
    /// Bytes that are no batch; they become a dead letter.
    Undecodable {
        bytes: Vec<u8>,
        reason: String,
    },
}

/// A durable queue of batches. One process has one, and one consumer of it.
///
/// Delivers at least once and, per process, in the order of publishing where nothing
/// failed. Every method may be called from many tasks at once, save `receive`.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Makes the batch durable (C1): returns only after the fsync, or the broker's
    /// confirm of a routed message.
    ///
    /// # Errors
    /// `Overloaded` past the queue's bound; `Unavailable` where durability cannot be
    /// had now, in which case the batch may or may not be in the queue.
    async fn publish(&self, batch: Arc<Batch>) -> Result<()>;

    /// Waits for deliveries, then returns what is there, at least one and at most
    /// about `max_records` records. Cancel-safe: a dropped call loses nothing.
    ///
    /// # Errors
    /// `Unavailable` while the queue cannot be reached; call again.
    async fn receive(&self, max_records: usize) -> Result<Vec<Delivery>>;

    /// The deliveries are stored; the queue may forget them.
    async fn acknowledge(&self, receipts: &[Receipt]) -> Result<()>;

    /// The deliveries could not be stored now. They are delivered again, to this
    /// process or to another, when [`Queue::receive`] is next called.
    async fn release(&self, receipts: &[Receipt]) -> Result<()>;

    /// What a person or a probe wants to know; must answer at once, from memory.
    fn status(&self) -> QueueStatus;

    /// Stops; later calls fail with `Unavailable`. What was published stays.
    async fn close(&self);
}

/// The state of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueStatus {
    /// Such as `embedded` or `rabbitmq 3.10.8`.
    pub engine: String,
    /// Why nothing can be published now; `None` when it can.
    pub trouble: Option<String>,
    /// Batches published and not yet acknowledged, as far as known.
    pub depth: u64,
}
