//! Opens a store: reads the catalogue, then replays the write-ahead log.

use std::{
    collections::{HashMap, VecDeque},
    path::Path,
    sync::{Arc, OnceLock, atomic::AtomicI64},
    time::Duration,
};

use crash_points::crash_point;
use model::Position;
use parking_lot::Mutex;
use parts::{
    file, position_of,
    reader::{Footers, Part},
};
use pipeline::{Appended, ErrorClass, Result};
use tokio::{sync::watch, time::Instant};

use super::{
    Inner, Journal, Mode,
    append::Appender,
    counts::Counts,
    damage::{self, Checked},
    memtable::{Memtable, View},
    scans::Scans,
    snapshot::{Snapshot, Snapshots},
};
use crate::{
    Options,
    catalogue::Catalogue,
    filesystem::FileSystem,
    wal::{Wal, WalOptions},
};

/// How long to wait for another process that holds the data folder: on a restart the old process may still be ending.
const PATIENCE: Duration = Duration::from_secs(5);
/// Records per read during the replay.
const REPLAY_RECORDS: usize = 20_000;

/// Opens the store in `folder` and replays the part of the write-ahead log beyond the parts. `file_system` is that of
/// the log.
///
/// # Errors
/// `Corrupt` if the format is newer or the catalogue damaged; `Unavailable` if another process uses the folder or the
/// disk fails.
pub(super) async fn open(
    folder: &Path,
    mode: Mode,
    options: Options,
    file_system: Arc<dyn FileSystem>,
) -> Result<(Arc<Inner>, Wal)> {
    tokio::fs::create_dir_all(folder.join("parts")).await.map_err(|error| file::failed("create", folder, &error))?;
    let catalogue = Catalogue::open(&folder.join("catalogue.sqlite")).await?;
    crash_point!("open::catalogue-ready");
    let wal =
        open_journal(&folder.join("wal"), file_system, WalOptions::within(options.queue_bytes), &catalogue).await?;
    crash_point!("open::journal-ready");
    // Read again under the lock of the write-ahead log: another process may have written until then.
    let progress = catalogue.progress().await?;
    let parts = folder.join("parts");
    let checked = damage::check(&parts, &catalogue).await?;
    catalogue.bound_dead_letters(options.dead_letters).await?;
    crash_point!("open::orphans-removed");
    let inner = Arc::new(assemble(parts, checked, progress.frame, catalogue, wal.clone(), mode, options)?);
    {
        let mut appender = inner.appender.lock().await;
        appender.dead = progress.dead;
    }
    inner.replay().await?;
    Ok((inner, wal))
}

async fn open_journal(
    folder: &Path,
    file_system: Arc<dyn FileSystem>,
    options: WalOptions,
    catalogue: &Catalogue,
) -> Result<Wal> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let released = catalogue.progress().await?.frame;
        match Wal::open(folder, file_system.clone(), options.clone(), released).await {
            Ok((wal, _)) => return Ok(wal),
            Err(error) if error.class == ErrorClass::Unavailable && Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

fn assemble(
    folder: std::path::PathBuf,
    Checked { good, aside }: Checked,
    frame: u64,
    catalogue: Catalogue,
    wal: Wal,
    mode: Mode,
    options: Options,
) -> Result<Inner> {
    let searches = Scans::new("search", options.concurrent_scans, 5)?;
    let removals = Scans::new("removal", options.concurrent_scans, 10)?;
    let counts = Counts::new(options.concurrent_scans, options.count_cache)?;
    let footers = Arc::new(Footers::default());
    // Every position of the frames in parts is final, also where their newest records were deleted since.
    let flushed = if frame > 0 { position_of(frame + 1, 0) - 1 } else { 0 };
    // Includes parts that are set aside: a position is never reused.
    let all = good.iter().chain(aside.iter().map(|aside| &aside.info));
    let newest = Position(all.map(|part| part.max_position).max().unwrap_or_default().max(flushed));
    let parts = good.into_iter().map(|info| Arc::new(Part::new(info, &folder, footers.clone()))).collect();
    let table = Arc::new(Memtable::default());
    let snapshot = Snapshot { tables: vec![View::empty(table.clone())], parts: Arc::new(parts), newest };
    let appender = Appender {
        table,
        frame,
        frozen: frame,
        dead: 0,
        records: 0,
        bytes: 0,
        since: None,
        recent: HashMap::new(),
        ids: Vec::new(),
    };
    Ok(Inner {
        snapshots: Snapshots::new(snapshot),
        newest: watch::Sender::new(newest),
        appender: tokio::sync::Mutex::new(appender),
        frozen: watch::Sender::new(VecDeque::new()),
        flushing: tokio::sync::Mutex::new(()),
        flushed: Mutex::new(Instant::now()),
        pruned: AtomicI64::new(i64::MIN),
        rewriting: tokio::sync::Mutex::new(()),
        listing: tokio::sync::Mutex::new(()),
        leaving: Mutex::new(Vec::new()),
        aside: Mutex::new(aside),
        trouble: Mutex::new(None),
        flush_stopped: OnceLock::new(),
        closed: watch::Sender::new(false),
        searches,
        removals,
        counts,
        journal: match mode {
            Mode::Shared => Journal::Shared(wal),
            Mode::Own => Journal::Own(wal),
        },
        catalogue,
        footers,
        folder,
        options,
    })
}

impl Inner {
    /// Replays the frames after the cursor.
    ///
    /// From the store's own log, it replays all: they are acknowledged. They are few, and memtables are flushed on the
    /// way. From a log shared with the queue, it replays as many as may have been stored before, so that visible
    /// records stay visible. The queue delivers the rest later, and the start does not wait for it.
    async fn replay(&self) -> Result<()> {
        let is_own = matches!(self.journal, Journal::Own(_));
        // The waiting memtables, the one being flushed, and the active one.
        let most_tables = self.options.flush_waiting + 2;
        let mut appender = self.appender.lock().await;
        let mut total = Appended::default();
        while is_own || self.frozen.borrow().len() < most_tables {
            let frames = self.journal.wal().read_now(appender.frame, REPLAY_RECORDS).await?;
            if frames.is_empty() {
                break;
            }
            self.take_frames(&mut appender, frames, &mut total).await?;
            crash_point!("open::frames-taken");
            if is_own && !self.frozen.borrow().is_empty() {
                drop(appender);
                self.flush_frozen().await?;
                appender = self.appender.lock().await;
            }
        }
        if total.records > 0 || total.dead > 0 {
            let Appended { records, duplicates, dead, .. } = total;
            tracing::info!(records, duplicates, dead, "recovered from the write-ahead log");
        }
        Ok(())
    }
}
