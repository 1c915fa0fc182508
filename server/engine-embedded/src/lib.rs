//! The embedded engines: a queue and a store inside the program.
//!
//! - [`wal`]: the write-ahead log, which makes acknowledged batches durable;
//! - [`queue`]: the queue, a cursor over that log;
//! - `store`: recent records in memory, older ones in [`parts`], listed in the `catalogue`.
//!
//! A data folder holds `wal/` (the write-ahead log of the store, and of a queue that shares it), `queue/` (the log of a
//! queue beside another store), `parts/`, `aside/` (damaged parts) and `catalogue.sqlite`. One process uses it at a
//! time.

mod catalogue;
pub mod filesystem;
pub mod inspect;
mod offline;
mod options;
pub mod queue;
mod store;
pub mod wal;

use std::{path::Path, sync::Arc};

pub use offline::open_documents;
pub use options::Options;
use pipeline::{LogStore, Queue, Result};

use crate::{
    filesystem::Disk,
    store::{EmbeddedStore, Mode},
};

/// The memory of a relay's queue for batches that are not sent yet, in bytes; the others are read from disk.
const RELAY_MEMORY: usize = 8 << 20;

/// Opens the embedded queue and the embedded store on one log: a batch is written once.
///
/// # Errors
/// `Corrupt` if the folder has a newer format or its catalogue is damaged, `Unavailable` if another process uses it or
/// the disk fails, `Invalid` for invalid options. A missing or damaged part is not an error: it is set aside.
pub async fn open_pair(folder: &Path, options: Options) -> Result<(Arc<dyn Queue>, Arc<dyn LogStore>)> {
    let (store, wal) = EmbeddedStore::open(folder, Mode::Shared, options, Arc::new(Disk)).await?;
    let queue = queue::WalQueue::shared(wal, store.taken_in().await);
    Ok((Arc::new(queue), Arc::new(store)))
}

/// Opens the embedded store beside another queue, with a write-ahead log of its own.
///
/// # Errors
/// As [`open_pair`].
pub async fn open_store(folder: &Path, options: Options) -> Result<Arc<dyn LogStore>> {
    let (store, _) = EmbeddedStore::open(folder, Mode::Own, options, Arc::new(Disk)).await?;
    Ok(Arc::new(store))
}

/// Opens the embedded queue beside another store.
///
/// # Errors
/// `Unavailable` if another process uses the folder or the disk fails, `Invalid` for invalid options.
pub async fn open_queue(folder: &Path, options: Options) -> Result<Arc<dyn Queue>> {
    let queue = queue::WalQueue::alone(
        folder.join("queue"),
        Arc::new(Disk),
        wal::WalOptions::within(options.queue_bytes),
        &options.supervisor,
    )
    .await?;
    Ok(Arc::new(queue))
}

/// Opens the embedded queue for a relay, which has no store. It keeps less in memory than [`open_queue`] does.
///
/// # Errors
/// As [`open_queue`].
pub async fn open_relay_queue(
    folder: &Path,
    disk_bytes: u64,
    supervisor: &pipeline::Supervisor,
) -> Result<Arc<queue::WalQueue>> {
    let options = wal::WalOptions { memory_bytes: RELAY_MEMORY, ..wal::WalOptions::within(disk_bytes) };
    let queue = queue::WalQueue::alone(folder.join("queue"), Arc::new(Disk), options, supervisor).await?;
    Ok(Arc::new(queue))
}
