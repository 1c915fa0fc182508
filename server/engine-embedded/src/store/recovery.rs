//! Opening a store: what the catalogue lists, and the journal from there on.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    path::Path,
    sync::{Arc, atomic::AtomicI64},
    time::Duration,
};

use model::Position;
use parking_lot::Mutex;
use pipeline::{Appended, Error, ErrorClass, Result};
use tokio::{sync::watch, task::spawn_blocking, time::Instant};

use super::{
    Inner, Journal, Mode,
    append::Appender,
    memtable::{Memtable, View},
    scans::Scans,
    snapshot::{Snapshot, Snapshots},
};
use crate::{
    Options,
    catalogue::Catalogue,
    filesystem::FileSystem,
    part::{
        PartInfo, file,
        reader::{Footers, Part},
    },
    wal::{Wal, WalOptions},
};

/// How long to wait for a program that still has the data folder: a restart may
/// overlap the end of the one before.
const PATIENCE: Duration = Duration::from_secs(5);
/// Records read from the journal at once.
const REPLAY_RECORDS: usize = 20_000;

/// Opens the store in `folder` and takes in what the journal has beyond the parts.
/// `file_system` is the journal's.
///
/// # Errors
/// `Corrupt` where a listed part is missing or the format is newer; `Unavailable` where
/// another process has the folder or the disk refuses.
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
    // Read again under the lock that the journal holds: until then another program may
    // have gone on.
    let progress = catalogue.progress().await?;
    let listed = catalogue.parts().await?;
    let parts = folder.join("parts");
    {
        let (parts, listed) = (parts.clone(), listed.clone());
        spawn_blocking(move || check_files(&parts, &listed))
            .await
            .map_err(|error| Error::internal(format!("checking the parts failed: {error}")))??;
    }
    crash_point!("open::orphans-removed");
    let inner = Arc::new(assemble(parts, listed, progress.frame, catalogue, wal.clone(), mode, options)?);
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

/// Checks that each listed part is there in its length, and removes all others.
fn check_files(folder: &Path, listed: &[PartInfo]) -> Result<()> {
    for part in listed {
        let path = part.file(folder);
        let bytes = std::fs::metadata(&path)
            .map_err(|error| {
                Error::corrupt(format!("the part {} is listed and cannot be read: {error}", path.display()))
            })?
            .len();
        if bytes != part.bytes {
            return Err(Error::corrupt(format!(
                "the part {} has {bytes} bytes and is listed with {}",
                path.display(),
                part.bytes
            )));
        }
    }
    let names: HashSet<&str> = listed.iter().map(|part| part.path.as_str()).collect();
    let orphans = file::remove_orphans(folder, &names)?;
    if orphans > 0 {
        tracing::info!(orphans, "removed files of parts that were never listed");
    }
    Ok(())
}

fn assemble(
    folder: std::path::PathBuf,
    listed: Vec<PartInfo>,
    frame: u64,
    catalogue: Catalogue,
    wal: Wal,
    mode: Mode,
    options: Options,
) -> Result<Inner> {
    let searches = Scans::new("search", options.concurrent_scans, 5)?;
    let counts = Scans::new("count", options.concurrent_scans, 10)?;
    let footers = Arc::new(Footers::default());
    let newest = Position(listed.iter().map(|part| part.max_position).max().unwrap_or_default());
    let parts = listed.into_iter().map(|info| Arc::new(Part::new(info, &folder, footers.clone()))).collect();
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
        trouble: Mutex::new(None),
        closed: watch::Sender::new(false),
        searches,
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
    /// Takes in the frames after the cursor.
    ///
    /// Where the journal is the store's own, all of them: whoever sent them was told that
    /// they are stored. They are few, and parts are written on the way. Where it is the
    /// queue's, as many as could have been taken in before: what shows stays shown. All
    /// that comes after is the queue's to deliver, and nobody waits for it.
    async fn replay(&self) -> Result<()> {
        let is_own = matches!(self.journal, Journal::Own(_));
        // Those that wait, the one that was being written, and the growing one.
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
            let Appended { records, duplicates, dead } = total;
            tracing::info!(records, duplicates, dead, "recovered from the journal");
        }
        Ok(())
    }
}
