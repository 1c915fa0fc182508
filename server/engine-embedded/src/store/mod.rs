//! The embedded store.
//!
//! ```text
//! delivery → ledger → journal → memtable ── flush ──→ parts, ledger ids, cursor
//!                                   └───── snapshot ──────┘  ↺ upkeep: merge, retain, delete by query
//!                                             ↑ queries
//! ```
//!
//! The journal is the write-ahead log. With the embedded queue it is the queue's own log: a delivery is already a
//! durable frame, and nothing is written twice. With another queue the store writes each batch to its own log before it
//! answers. In both cases, the frame's number and the record's index in the frame are the position (invariant C8).
//!
//! Recent records stay in memory as the batches that the queue delivered, not as columns. The queue and the live hub
//! hold the same allocation, so records are searchable at once without a copy or a second encoding. The row matcher
//! tests the at most 100,000 of them in some milliseconds. The flush has to sort all of them, so it builds the columns
//! at less cost than each small append could.
//!
//! A query works on one [`snapshot`] of memory and parts. A flush replaces both in one swap, after the catalogue has
//! committed, so a record is always in exactly one place. Records in memory are in the journal. Records whose frames
//! the journal may release are in parts.
//!
//! All reads run on threads of their own, with a limit of concurrent calls. A read is cancelled when its caller is
//! dropped. Counts take turns: see [`counts`].

mod aggregate;
mod append;
mod backlog;
mod counts;
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

use self::{append::Appender, counts::Counts, memtable::Frozen, scans::Scans, snapshot::Snapshots};
use crate::{
    Options,
    catalogue::{Catalogue, aside::Aside},
    filesystem::FileSystem,
    wal::Wal,
};

/// Which component owns the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The embedded queue: deliveries are the journal's frames.
    Shared,
    /// The store.
    Own,
}

/// The journal, by its owner.
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
/// Dropping it without [`close`](pipeline::LogStore::close) is like a crash: nothing is lost, and the next open replays
/// the journal.
pub(crate) struct EmbeddedStore {
    inner: Arc<Inner>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
    stop: CancellationToken,
    _stop: DropGuard,
}

/// The state shared by the store's methods and its tasks.
struct Inner {
    folder: PathBuf,
    options: Options,
    catalogue: Catalogue,
    journal: Journal,
    footers: Arc<Footers>,
    snapshots: Snapshots,
    /// The newest position; updated after the snapshot.
    newest: watch::Sender<Position>,
    appender: tokio::sync::Mutex<Appender>,
    /// Memtables that wait for their flush, oldest first.
    frozen: watch::Sender<VecDeque<Frozen>>,
    /// The time of the last flush, or of opening the store.
    flushed: Mutex<Instant>,
    /// Held during a flush.
    flushing: tokio::sync::Mutex<()>,
    /// The day of the last pruning of the ledger.
    pruned: AtomicI64,
    /// Held from the choice of parts until they are replaced, by each merge, each retention and each step of a deletion:
    /// two of them on one part would bring back what one has left out.
    rewriting: tokio::sync::Mutex<()>,
    /// Held while parts are removed from the list or replaced.
    listing: tokio::sync::Mutex<()>,
    /// The files of replaced parts that may still exist, because a query reads them.
    leaving: Mutex<Vec<PathBuf>>,
    /// Listed parts that cannot be used.
    aside: Mutex<Vec<Aside>>,
    /// Why writing fails now; `None` if it works.
    trouble: Mutex<Option<String>>,
    /// Why flushes have ended; empty while they run. See [`restart`].
    flush_stopped: OnceLock<String>,
    closed: watch::Sender<bool>,
    /// Runs scans that return records.
    searches: Scans,
    /// Runs scans of deletions, which may take longer.
    removals: Scans,
    /// Runs aggregations.
    counts: Counts,
}

impl EmbeddedStore {
    /// Opens the store in `folder`, and the journal of the store or of the queue. The journal is on `file_system`.
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

    /// The last processed frame of the journal.
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
            // The queue reports the state of its own log.
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
        // Waits for the end of a deletion's step, which stops as well.
        drop(self.inner.rewriting.lock().await);
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
