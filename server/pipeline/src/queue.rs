//! The port to the durable queue.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{Batch, Result};

/// Identifies a delivery until it is acknowledged. In the embedded queue it is the number of the frame in the
/// write-ahead log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Receipt(pub u64);

/// A batch on its way from the queue to the store.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub receipt: Receipt,
    pub content: Content,
}

/// The content of a delivery.
#[derive(Debug, Clone)]
pub enum Content {
    Batch(Arc<Batch>),
    /// Bytes that are not a batch; they become a dead letter.
    Undecodable {
        bytes: Vec<u8>,
        reason: String,
    },
}

/// A durable queue of batches. One process has one queue with one consumer.
///
/// Delivery is at least once and, per process and without failures, in the order of publishing. All methods may be
/// called concurrently, except `receive`.
#[async_trait]
pub trait Queue: Send + Sync + 'static {
    /// Makes the batch durable (C1): returns only after the fsync, or the broker's confirm of a routed message.
    ///
    /// # Errors
    /// `Overloaded` beyond the queue's limit; `Unavailable` if durability cannot be confirmed now, in which case the
    /// batch may or may not be in the queue.
    async fn publish(&self, batch: Arc<Batch>) -> Result<()>;

    /// Waits for deliveries, then returns those available: at least one, and at most about `max_records` records.
    /// Cancel-safe: a dropped call loses nothing.
    ///
    /// # Errors
    /// `Unavailable` while the queue cannot be reached; retry.
    async fn receive(&self, max_records: usize) -> Result<Vec<Delivery>>;

    /// Removes deliveries from the queue because they are stored.
    async fn acknowledge(&self, receipts: &[Receipt]) -> Result<()>;

    /// Returns deliveries that could not be stored. The next [`Queue::receive`], of this process or another, redelivers
    /// them.
    async fn release(&self, receipts: &[Receipt]) -> Result<()>;

    /// The state, for display and health checks. Must return at once, from memory.
    fn status(&self) -> QueueStatus;

    /// Stops the queue; later calls fail with `Unavailable`. Published batches stay.
    async fn close(&self);
}

/// The state of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct QueueStatus {
    /// Such as `embedded` or `rabbitmq 3.10.8`.
    pub engine: String,
    /// Why nothing can be published now; `None` if publishing works.
    pub trouble: Option<String>,
    /// Batches published and not yet acknowledged, as far as known.
    pub depth: u64,
    /// The disk space, of a queue with a limit of its own.
    pub space: Option<Space>,
    /// Batches at hand that only a newer version of Logboom reads. They are returned to the queue, where they wait for a
    /// newer node.
    pub newer: u64,
}

/// The disk space of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The bytes in use.
    pub bytes: u64,
    /// The limit of `bytes`.
    pub limit: u64,
    /// Set when the next batches may not fit: there is room again once everything up to this delivery is acknowledged.
    pub crowded: Option<Receipt>,
}
