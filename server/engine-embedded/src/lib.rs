//! The embedded engines: a queue and a store with nothing installed beside the program.
//!
//! - [`wal`]: the write-ahead log, where what a client was told is stored is durable;
//! - [`queue`]: the queue, which is a cursor over that log;
//! - `store`: recent records in memory, older ones in [`parts`], listed in the `catalogue`.
//!
//! A data folder holds `wal/` (the journal of the store, and of the queue that shares
//! it), `queue/` (the log of a queue whose store is elsewhere), `parts/`, `aside/` (parts
//! that are damaged) and `catalogue.sqlite`. One process has it at a time.

mod catalogue;
pub mod filesystem;
pub mod inspect;
mod options;
pub mod queue;
mod store;
pub mod wal;

use std::{path::Path, sync::Arc};

pub use options::Options;
use pipeline::{LogStore, Queue, Result};

use crate::{
    filesystem::Disk,
    store::{EmbeddedStore, Mode},
};

/// Opens the embedded queue and the embedded store on one log: a batch is written once.
///
/// # Errors
/// `Corrupt` where the folder is of a newer format or its catalogue is damaged,
/// `Unavailable` where another process has it or the disk refuses, `Invalid` for bad
/// options. A part that is missing or damaged is no error: it is set aside.
pub async fn open_pair(folder: &Path, options: Options) -> Result<(Arc<dyn Queue>, Arc<dyn LogStore>)> {
    let (store, wal) = EmbeddedStore::open(folder, Mode::Shared, options, Arc::new(Disk)).await?;
    let queue = queue::WalQueue::shared(wal, store.taken_in().await);
    Ok((Arc::new(queue), Arc::new(store)))
}

/// Opens the embedded store beside another queue: it journals what it takes in.
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
/// `Unavailable` where another process has the folder or the disk refuses, `Invalid` for
/// bad options.
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
