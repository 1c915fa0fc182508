//! The embedded queue: a cursor over the write-ahead log.
//!
//! Receipts are frame numbers. Two ways to use it:
//!
//! - [`WalQueue::shared`] with the embedded store, which reads the same log after a
//!   crash and releases its segments: an acknowledgement makes nothing durable, for
//!   the frame is the durable form of the records until a part holds them.
//! - [`WalQueue::alone`] with any other store: what is acknowledged is noted in a small
//!   file ([`cursor`]), a moment later and in one go for many. A crash before that
//!   delivers some batches again, which the store's ledger turns into a no-op.

mod cursor;
mod deliveries;
#[cfg(test)]
mod tests;

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use parking_lot::Mutex;
use pipeline::{Batch, Delivery, Queue, QueueStatus, Receipt, Result};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use self::{cursor::CursorFile, deliveries::Deliveries};
use crate::{
    filesystem::FileSystem,
    wal::{Recovery, Wal, WalOptions},
};

/// How long acknowledgements gather before they are written down.
const CURSOR_DELAY: Duration = Duration::from_millis(250);

/// The embedded queue.
#[derive(Debug)]
pub struct WalQueue {
    wal: Wal,
    deliveries: Arc<Mutex<Deliveries>>,
    /// Wakes `receive` when something has to be delivered again.
    released: Notify,
    /// Writes the cursor down; `None` where the store keeps it.
    keeper: Option<Keeper>,
}

/// The task that notes what is acknowledged.
#[derive(Debug)]
struct Keeper {
    changed: Arc<Notify>,
    stop: CancellationToken,
    task: Mutex<Option<tokio::task::JoinHandle<()>>>,
}

impl WalQueue {
    /// A queue over a log that the embedded store uses as well. Delivers the frames
    /// after `start_after`; the store has the others.
    pub fn shared(wal: Wal, start_after: u64) -> Self {
        Self {
            wal,
            deliveries: Arc::new(Mutex::new(Deliveries::new(start_after))),
            released: Notify::new(),
            keeper: None,
        }
    }

    /// A queue with a log of its own in the folder. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// As [`Wal::open`].
    pub async fn alone(
        folder: impl AsRef<Path>,
        file_system: Arc<dyn FileSystem>,
        options: WalOptions,
    ) -> Result<(Self, Recovery)> {
        let cursor = CursorFile::new(folder.as_ref(), file_system.clone());
        let acknowledged = cursor.read();
        let (wal, recovery) = Wal::open(folder, file_system, options, acknowledged).await?;
        let start_after = recovery.first_frame - 1;
        let deliveries = Arc::new(Mutex::new(Deliveries::new(start_after)));
        let keeper =
            Keeper { changed: Arc::new(Notify::new()), stop: CancellationToken::new(), task: Mutex::new(None) };
        let noting =
            note_acknowledged(cursor, wal.clone(), deliveries.clone(), keeper.changed.clone(), keeper.stop.clone());
        *keeper.task.lock() = Some(tokio::spawn(noting));
        Ok((Self { wal, deliveries, released: Notify::new(), keeper: Some(keeper) }, recovery))
    }
}

#[async_trait]
impl Queue for WalQueue {
    async fn publish(&self, batch: Arc<Batch>) -> Result<()> {
        self.wal.append(batch).await.map(|_| ())
    }

    async fn receive(&self, max_records: usize) -> Result<Vec<Delivery>> {
        loop {
            let released = self.released.notified();
            tokio::pin!(released);
            // Registered before looking, so that a release in between is not missed.
            released.as_mut().enable();
            let cursor = {
                let mut deliveries = self.deliveries.lock();
                let again = deliveries.again(max_records);
                if !again.is_empty() {
                    return Ok(again);
                }
                deliveries.cursor()
            };
            // Whichever is dropped has changed nothing.
            let frames = tokio::select! {
                frames = self.wal.read(cursor, max_records) => frames?,
                () = released => continue,
            };
            return Ok(self.deliveries.lock().deliver(frames));
        }
    }

    async fn acknowledge(&self, receipts: &[Receipt]) -> Result<()> {
        self.deliveries.lock().acknowledge(receipts);
        if let Some(keeper) = &self.keeper {
            keeper.changed.notify_one();
        }
        Ok(())
    }

    async fn release(&self, receipts: &[Receipt]) -> Result<()> {
        self.deliveries.lock().release(receipts);
        self.released.notify_one();
        Ok(())
    }

    fn status(&self) -> QueueStatus {
        let wal = self.wal.status();
        let depth = self.deliveries.lock().depth(wal.last);
        QueueStatus { engine: "embedded".to_owned(), trouble: wal.trouble, depth }
    }

    async fn close(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.stop.cancel();
            let task = keeper.task.lock().take();
            if let Some(task) = task {
                let _ = task.await;
            }
        }
        self.wal.close().await;
    }
}

impl Drop for WalQueue {
    fn drop(&mut self) {
        // The task holds the log open.
        if let Some(task) = self.keeper.as_ref().and_then(|keeper| keeper.task.lock().take()) {
            task.abort();
        }
    }
}

/// Writes down what is acknowledged, some time after it changed and at the end, and
/// then lets the log forget it: never the other way round.
async fn note_acknowledged(
    cursor: CursorFile,
    wal: Wal,
    deliveries: Arc<Mutex<Deliveries>>,
    changed: Arc<Notify>,
    stop: CancellationToken,
) {
    let mut noted = deliveries.lock().acknowledged();
    loop {
        let stopping = tokio::select! {
            () = changed.notified() => stop.run_until_cancelled(tokio::time::sleep(CURSOR_DELAY)).await.is_none(),
            () = stop.cancelled() => true,
        };
        let acknowledged = deliveries.lock().acknowledged();
        if acknowledged > noted {
            match cursor.write(acknowledged).await {
                Ok(()) => {
                    noted = acknowledged;
                    wal.release(acknowledged);
                }
                Err(error) => {
                    tracing::warn!(%error, "embedded queue: cannot note what is acknowledged; tries again");
                    changed.notify_one();
                }
            }
        }
        if stopping {
            return;
        }
    }
}
