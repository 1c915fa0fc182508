//! The embedded store.
//!
//! ```text
//! delivery → ledger → journal → memtable ── flush ──→ parts, ledger ids, cursor
//!                                   └───── snapshot ──────┘  ↺ upkeep: merge, delete
//!                                             ↑ queries
//! ```
//!
//! The journal is the write-ahead log. Together with the embedded queue it is the
//! queue's own: a delivery is a durable frame already, and nothing is written twice.
//! With another queue the store journals each batch before it answers. Either way the
//! number of the frame, and the record's place in it, is the position (invariant C8).
//!
//! Recent records stay in memory as the very batches that the queue handed over, and
//! not as columns. They are the allocation that the queue and the live hub hold anyway,
//! so being searchable at once costs no copy and no second encoding; the row matcher
//! goes through the at most 100,000 of them in some milliseconds; and the flush, which
//! has to sort them all, is a better moment to make columns than each small append.
//!
//! A query works on one [`snapshot`] of memory and parts. A flush changes both in one
//! swap, after the catalogue has committed, so that a record is always in exactly one
//! place. What is in memory is in the journal; what the journal may forget is in parts.
//!
//! All reading is on threads of its own, so many calls at a time, and stops soon after
//! its caller is gone.

mod aggregate;
mod append;
mod damage;
mod documents;
mod filter;
mod flush;
mod follow;
mod memtable;
mod queries;
mod recovery;
mod restart;
mod scans;
mod search;
mod snapshot;
mod upkeep;

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, atomic::AtomicI64},
};

use model::Position;
use parking_lot::Mutex;
use parts::reader::Footers;
use pipeline::{Error, Result, StoreStatus};
use tokio::{sync::watch, task::JoinHandle, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::{append::Appender, memtable::Frozen, scans::Scans, snapshot::Snapshots};
use crate::{
    Options,
    catalogue::{Catalogue, aside::Aside},
    filesystem::FileSystem,
    wal::Wal,
};

/// Whose the journal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The embedded queue's: deliveries are its frames.
    Shared,
    /// The store's own.
    Own,
}

/// The journal, by whose it is.
enum Journal {
    Shared(Wal),
    Own(Wal),
}

impl Journal {
    fn wal(&self) -> &Wal {
        let (Self::Shared(wal) | Self::Own(wal)) = self;
        wal
    }
}

/// The embedded [`LogStore`](pipeline::LogStore).
///
/// Dropping it without [`close`](pipeline::LogStore::close) is like a crash: nothing is
/// lost, and the next open reads the journal.
pub(crate) struct EmbeddedStore {
    inner: Arc<Inner>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
    _stop: DropGuard,
}

/// What the store's calls and its tasks share.
struct Inner {
    folder: PathBuf,
    options: Options,
    catalogue: Catalogue,
    journal: Journal,
    footers: Arc<Footers>,
    snapshots: Snapshots,
    /// The newest position; changes after the snapshot has.
    newest: watch::Sender<Position>,
    appender: tokio::sync::Mutex<Appender>,
    /// Memtables that wait to be written, oldest first.
    frozen: watch::Sender<VecDeque<Frozen>>,
    /// When a memtable was written last, or the store opened.
    flushed: Mutex<Instant>,
    /// Held by whoever flushes.
    flushing: tokio::sync::Mutex<()>,
    /// The day for which the ledger was pruned last.
    pruned: AtomicI64,
    /// Held by whoever takes parts out of the list or replaces them.
    listing: tokio::sync::Mutex<()>,
    /// Listed parts that cannot be used.
    aside: Mutex<Vec<Aside>>,
    /// Why nothing can be written now.
    trouble: Mutex<Option<String>>,
    /// Why parts are written no more; empty where they are. See [`restart`].
    flush_stopped: OnceLock<String>,
    closed: watch::Sender<bool>,
    /// For what somebody waits for, to see records.
    searches: Scans,
    /// For what counts many of them, and may take longer.
    counts: Scans,
}

impl EmbeddedStore {
    /// Opens the store in `folder`, and the journal that it or the queue writes; that
    /// one on `file_system`.
    pub(crate) async fn open(
        folder: &Path,
        mode: Mode,
        options: Options,
        file_system: Arc<dyn FileSystem>,
    ) -> Result<(Self, Wal)> {
        let (inner, wal) = recovery::open(folder, mode, options, file_system).await?;
        let stop = CancellationToken::new();
        let tasks = Mutex::new(restart::spawn_tasks(&inner, &stop));
        let store = Self { inner, tasks, _stop: stop.clone().drop_guard(), stop };
        Ok((store, wal))
    }

    /// The last frame of the journal that was taken in.
    pub(crate) async fn taken_in(&self) -> u64 {
        self.inner.appender.lock().await.frame
    }
}

impl Inner {
    fn check_open(&self) -> Result<()> {
        if *self.closed.borrow() { Err(Error::unavailable("the store is closed")) } else { Ok(()) }
    }

    fn status(&self) -> StoreStatus {
        let snapshot = self.snapshots.load();
        let trouble = self.trouble.lock().clone().or_else(|| match &self.journal {
            // The queue tells of its own log.
            Journal::Shared(_) => None,
            Journal::Own(wal) => wal.status().trouble,
        });
        StoreStatus {
            engine: "embedded".to_owned(),
            trouble,
            records: snapshot.records(),
            bytes: snapshot.part_bytes(),
            dead_letters: self.catalogue.dead_letter_status(),
            aside: self.parts_aside(),
        }
    }
}

impl EmbeddedStore {
    /// Stops flusher and upkeep, then flushes everything.
    async fn stop_and_flush(&self) {
        if self.inner.closed.send_replace(true) {
            return;
        }
        self.stop.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            let _ = task.await;
        }
        {
            let mut appender = self.inner.appender.lock().await;
            self.inner.freeze(&mut appender, false);
        }
        if let Err(error) = self.inner.flush_frozen().await {
            tracing::error!(%error, "memory could not be written at the end; the journal keeps it");
        }
        if let Journal::Own(wal) = &self.inner.journal {
            wal.close().await;
        }
        self.inner.catalogue.close().await;
    }
}
