//! The embedded queue: a cursor over the write-ahead log.
//!
//! Receipts are frame numbers. It has two modes:
//!
//! - [`WalQueue::shared`] with the embedded store, which reads the same log after a crash and releases its segments. An
//!   acknowledgement writes nothing: the frame is the durable form of the records until they are in a part.
//! - [`WalQueue::alone`] with any other store: the acknowledged position is written to a small file ([`cursor`]),
//!   delayed and coalesced. A crash before that redelivers some batches, which the store's ledger deduplicates.

mod cursor;
mod deliveries;
mod keeper;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use pipeline::{Batch, Content, Delivery, Queue, QueueStatus, Receipt, Result, Space, Supervisor};
use tokio::sync::Notify;

use self::{
    cursor::CursorFile,
    deliveries::{Deliveries, Oldest},
    keeper::Keeper,
};
use crate::{
    filesystem::FileSystem,
    wal::{Wal, WalOptions},
};

/// The limit of records per delivery to the store that shares the log.
const SHARED_RECORDS: usize = 10_000;

/// The records of one step of [`WalQueue::count`].
const COUNTED_RECORDS: usize = 10_000;

/// The content of a queue, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    pub records: u64,
    /// As [`Batch::weight`].
    pub bytes: u64,
}

/// The embedded queue.
///
/// Dropping it without [`Queue::close`] is like killing the process.
#[derive(Debug)]
pub struct WalQueue {
    inner: Arc<Inner>,
    /// Wakes `receive` for redeliveries.
    released: Notify,
    /// Persists the acknowledged position; `None` if the store does.
    keeper: Option<Keeper>,
}

#[derive(Debug)]
struct Inner {
    wal: Wal,
    deliveries: Mutex<Deliveries>,
}

impl Inner {
    fn acknowledged(&self) -> u64 {
        self.deliveries.lock().acknowledged()
    }

    /// The delivery that alone blocks the release of the log, once that takes half of the log's disk limit.
    fn blocking(&self) -> Option<Oldest> {
        let wal = self.wal.status();
        let oldest = self.deliveries.lock().oldest()?;
        (oldest.overtaken && wal.bytes >= wal.bound / 2).then_some(oldest)
    }
}

impl WalQueue {
    /// A queue over the log of the embedded store. Delivers the frames after `start_after`; the store already has the
    /// others.
    pub fn shared(wal: Wal, start_after: u64) -> Self {
        let inner = Inner { wal, deliveries: Mutex::new(Deliveries::new(start_after)) };
        Self { inner: Arc::new(inner), released: Notify::new(), keeper: None }
    }

    /// A queue with its own log in the folder.
    ///
    /// # Errors
    /// As [`Wal::open`].
    pub async fn alone(
        folder: impl AsRef<Path>,
        file_system: Arc<dyn FileSystem>,
        options: WalOptions,
        supervisor: &Supervisor,
    ) -> Result<Self> {
        let cursor = CursorFile::new(folder.as_ref(), file_system.clone());
        let (wal, recovery) = Wal::open(folder, file_system, options, cursor.read().await).await?;
        let mut queue = Self::shared(wal, recovery.first_frame - 1);
        queue.keeper = Some(Keeper::start(cursor, &queue.inner, supervisor));
        Ok(queue)
    }

    /// The newest durable delivery.
    pub fn last(&self) -> Receipt {
        Receipt(self.inner.wal.last())
    }

    /// Reads the frames after `after` that are durable now, about so many records, without delivering them.
    ///
    /// # Errors
    /// As [`WalQueue::count`].
    pub async fn peek(&self, after: Receipt, max_records: usize) -> Result<Vec<Delivery>> {
        let frames = self.inner.wal.read_now(after.0, max_records).await?;
        let delivery = |(number, content)| Delivery { receipt: Receipt(number), content };
        Ok(frames.into_iter().map(delivery).collect())
    }

    /// Counts what the log holds after `after` up to `last`. Reads it from disk, so it takes a while.
    ///
    /// # Errors
    /// `Unavailable` if the disk cannot be read.
    pub async fn count(&self, after: Receipt, last: Receipt) -> Result<Held> {
        let (mut held, Receipt(mut after), Receipt(last)) = (Held::default(), after, last);
        while after < last {
            let frames = self.inner.wal.read_now(after, COUNTED_RECORDS).await?;
            let Some((newest, _)) = frames.last() else { break };
            after = *newest;
            for (number, content) in frames {
                if let Content::Batch(batch) = content
                    && number <= last
                {
                    held.records += batch.records.len() as u64;
                    held.bytes += batch.weight() as u64;
                }
            }
        }
        Ok(held)
    }
}

#[async_trait]
impl Queue for WalQueue {
    async fn publish(&self, batch: Arc<Batch>) -> Result<()> {
        self.inner.wal.append(batch).await.map(|_| ())
    }

    async fn receive(&self, max_records: usize) -> Result<Vec<Delivery>> {
        // The embedded store adds a whole delivery to one memtable, so a large one would exceed the flush size.
        let max_records = if self.keeper.is_none() { max_records.min(SHARED_RECORDS) } else { max_records };
        loop {
            let released = self.released.notified();
            let cursor = {
                let mut deliveries = self.inner.deliveries.lock();
                let again = deliveries.take_redeliveries(max_records);
                if !again.is_empty() {
                    return Ok(again);
                }
                deliveries.cursor()
            };
            // Both futures are cancel-safe.
            let frames = tokio::select! {
                frames = self.inner.wal.read(cursor, max_records) => frames?,
                () = released => continue,
            };
            return Ok(self.inner.deliveries.lock().deliver(frames));
        }
    }

    async fn acknowledge(&self, receipts: &[Receipt]) -> Result<()> {
        self.inner.deliveries.lock().acknowledge(receipts);
        if let Some(keeper) = &self.keeper {
            keeper.wake();
        }
        Ok(())
    }

    async fn release(&self, receipts: &[Receipt]) -> Result<()> {
        self.inner.deliveries.lock().release(receipts);
        // Stored for the next `receive` if none is waiting.
        self.released.notify_one();
        Ok(())
    }

    fn status(&self) -> QueueStatus {
        let wal = self.inner.wal.status();
        let deliveries = self.inner.deliveries.lock();
        let trouble = wal.trouble.map(|trouble| match deliveries.oldest() {
            // With the embedded store, the store releases the log.
            Some(oldest) if self.keeper.is_some() => format!("{trouble}; {oldest}"),
            _ => trouble,
        });
        let space = Space { bytes: wal.bytes, limit: wal.bound, crowded: wal.crowded.map(Receipt) };
        let depth = deliveries.depth(wal.last);
        QueueStatus { engine: "embedded".to_owned(), trouble, depth, space: Some(space), newer: 0 }
    }

    async fn close(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.finish().await;
        }
        self.inner.wal.close().await;
    }
}
