//! The order of the steps of a batch. Everything here may block.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

use model::{Nanos, hex};
use pipeline::{BatchId, Error, Result, clock::Clock};
use sha2::{Digest as _, Sha256};

use super::{
    compression::Compressor,
    failure,
    handles::{Handles, OPEN_FILES},
    journal::{Before, Entry, Journal},
    lines::{Group, Lines},
    options::{Compression, Options},
    rotation::{Register, numbered},
};
use crate::template::Period;

/// The number of files that are written and flushed together. All of them stay open meanwhile.
const TOGETHER: usize = OPEN_FILES / 2;
/// The number of threads that flush files, if there are many.
const FLUSHERS: usize = 8;
/// How long a file of a past day must have been quiet before it is complete.
const QUIET: Duration = Duration::from_secs(3600);
/// How often files of past days are looked for.
const LOOK: Nanos = 60_000_000_000;

/// Appends batches to files.
pub(super) struct Writer {
    folder: PathBuf,
    /// The names of the sink's own files, without the ending.
    own_name: String,
    rotate: Option<u64>,
    clock: Clock,
    /// `None` until it is opened.
    journal: Option<Journal>,
    /// The mark of the last acknowledged batch.
    mark: Option<String>,
    handles: Handles,
    aging: Option<Aging>,
}

/// The part that compresses.
struct Aging {
    compression: Compression,
    period: Option<Period>,
    register: Arc<Mutex<Register>>,
    /// Whether the register has been read.
    is_read: bool,
    compressor: Compressor,
    /// When files of past days were last looked for.
    looked: Nanos,
}

impl Writer {
    pub(super) fn new(options: &Options, clock: Clock) -> Self {
        let digest = hex::encode(&Sha256::digest(&options.text));
        let aging = options.compression.map(|compression| {
            let register = Arc::<Mutex<Register>>::default();
            let compressor = Compressor::new(Arc::clone(&register));
            Aging { compression, period: options.period, register, is_read: false, compressor, looked: Nanos::MIN }
        });
        Self {
            folder: options.folder.clone(),
            own_name: format!(".logboom~{}", digest.get(..8).unwrap_or_default()),
            rotate: options.rotate,
            clock,
            journal: None,
            mark: None,
            handles: Handles::default(),
            aging,
        }
    }

    /// Undoes the journal's batch, unless `mark` covers it.
    pub(super) fn open(&mut self, mark: Option<String>) -> Result<()> {
        let journal = self.journal()?;
        if let Some(entry) = &journal.entry
            && Some(&entry.mark) != mark.as_ref()
        {
            if entry.after == mark {
                entry.undo().map_err(|error| failure("restore files under", &self.folder, &error))?;
            } else {
                tracing::warn!(
                    folder = %self.folder.display(),
                    "the last batch in the files of a sink is not the one before the cursor, leaving the files as they are"
                );
            }
        }
        self.mark = mark;
        if let Some(aging) = &mut self.aging {
            aging.open(&self.folder, &self.own_name)?;
        }
        self.compress();
        Ok(())
    }

    /// Appends the lines of a batch, durably. Returns its mark.
    pub(super) fn send(&mut self, id: BatchId, lines: &Lines) -> Result<String> {
        let mark = format!(r#"{{"batch":"{id}"}}"#);
        let journal = self.journal()?;
        if let Some(entry) = journal.entry.as_ref().filter(|entry| entry.mark == mark) {
            // The batch comes again.
            entry.undo().map_err(|error| failure("restore files under", &self.folder, &error))?;
        }
        self.finish_past_days()?;
        let files = lines.groups().iter().map(|group| self.before(group)).collect::<Result<Vec<_>>>()?;
        self.handles.sync_folders().map_err(|error| failure("create files under", &self.folder, &error))?;
        if let Some(aging) = &self.aging {
            aging.add(lines.groups()).map_err(|error| failure("write a list under", &self.folder, &error))?;
        }
        let entry = Entry { after: self.mark.clone(), mark: mark.clone(), files };
        self.journal()?.write(entry)?;
        if let Err(error) = self.append(lines.groups()) {
            self.handles.close_all();
            if let Some(Err(undo)) = self.journal()?.entry.as_ref().map(Entry::undo) {
                tracing::warn!(error = %undo, "files could not be restored after an error, trying again with the next batch");
            }
            return Err(error);
        }
        self.mark = Some(mark.clone());
        self.compress();
        Ok(mark)
    }

    /// The journal, opened. One that was removed is created again.
    fn journal(&mut self) -> Result<&mut Journal> {
        let journal = match self.journal.take().filter(Journal::is_there) {
            Some(journal) => journal,
            None => Journal::open(&self.folder, &format!("{}.journal", self.own_name))?,
        };
        Ok(self.journal.insert(journal))
    }

    /// Makes the file ready for a group, and returns its state before it.
    fn before(&mut self, group: &Group) -> Result<Before> {
        let path = Path::new(&group.path);
        let (mut identity, mut length) = self.ensure(path)?;
        let grown = length.saturating_add(group.bytes.len() as u64);
        if length > 0 && self.rotate.is_some_and(|limit| grown > limit) {
            self.complete(path)?;
            (identity, length) = self.ensure(path)?;
        }
        Ok(Before { path: path.to_owned(), identity, length })
    }

    fn ensure(&mut self, path: &Path) -> Result<((u64, u64), u64)> {
        self.handles.ensure(path).map_err(|error| failure("open", path, &error))
    }

    /// Gives a file that is complete its numbered name.
    fn complete(&mut self, path: &Path) -> Result<()> {
        let renamed = (|| {
            let renamed = numbered(path)?;
            let Some(aging) = &self.aging else { return fs::rename(path, &renamed) };
            // Locked until it is renamed. The compressor would forget a file that does not exist yet.
            let mut register = aging.register();
            register.complete(path, renamed.clone(), aging.compression)?;
            fs::rename(path, &renamed)
        })();
        self.handles.close(path);
        renamed.map_err(|error| failure("rename", path, &error))
    }

    /// Completes files of past days that no record has reached for an hour.
    fn finish_past_days(&mut self) -> Result<()> {
        let now = self.clock.now();
        let Some(aging) = &mut self.aging else { return Ok(()) };
        if now < aging.looked.saturating_add(LOOK) && now >= aging.looked {
            return Ok(());
        }
        aging.looked = now;
        let ended = aging.register().ended(now);
        for path in ended {
            match fs::metadata(&path) {
                Ok(metadata) => {
                    let modified =
                        metadata.modified().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
                    let quiet_at = modified.unwrap_or_default() + QUIET;
                    if quiet_at.as_nanos() <= u128::try_from(now).unwrap_or(0) {
                        self.complete(&path)?;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    if let Some(aging) = &self.aging {
                        aging.register().forget_waiting(&path).map_err(|error| failure("forget", &path, &error))?;
                    }
                }
                Err(error) => return Err(failure("look at", &path, &error)),
            }
        }
        Ok(())
    }

    /// Writes each group with one call, and flushes the files.
    fn append(&mut self, groups: &[Group]) -> Result<()> {
        for groups in groups.chunks(TOGETHER) {
            for group in groups {
                let path = Path::new(&group.path);
                self.ensure(path)?;
                let mut file = self.file(path)?;
                file.write_all(&group.bytes).map_err(|error| failure("append to", path, &error))?;
            }
            let flush = |groups: &[Group]| -> Result<()> {
                for path in groups.iter().map(|group| Path::new(&group.path)) {
                    self.file(path)?.sync_data().map_err(|error| failure("append to", path, &error))?;
                }
                Ok(())
            };
            thread::scope(|scope| {
                let each = groups.len().div_ceil(FLUSHERS).max(1);
                let (first, others) = groups.split_at(each.min(groups.len()));
                let others: Vec<_> = others.chunks(each).map(|groups| scope.spawn(move || flush(groups))).collect();
                let mut outcome = flush(first);
                for other in others {
                    outcome = outcome.and(other.join().unwrap_or_else(|_| Err(Error::internal("a flush panicked"))));
                }
                outcome
            })?;
        }
        // A file that was removed since it was made ready has been created again.
        self.handles.sync_folders().map_err(|error| failure("create files under", &self.folder, &error))
    }

    fn file(&self, path: &Path) -> Result<&fs::File> {
        self.handles.get(path).ok_or_else(|| Error::internal(format!("{} is not open", path.display())))
    }

    fn compress(&mut self) {
        if let (Some(aging), Some(journal)) = (&mut self.aging, &self.journal) {
            aging.compressor.start(|| journal.lock());
        }
    }

    #[cfg(test)]
    pub(super) fn open_files(&self) -> usize {
        self.handles.len()
    }

    #[cfg(test)]
    pub(super) fn take_compression(&mut self) -> Option<tokio::task::JoinHandle<()>> {
        self.aging.as_mut().and_then(|aging| aging.compressor.take_running())
    }
}

impl Aging {
    fn register(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&mut self, folder: &Path, own_name: &str) -> Result<()> {
        if self.is_read {
            return Ok(());
        }
        let path = folder.join(format!("{own_name}.files"));
        let register = Register::read(path.clone()).map_err(|error| failure("read", &path, &error))?;
        *self.register() = register;
        self.is_read = true;
        Ok(())
    }

    /// Notes the ends of the days of files.
    fn add(&self, groups: &[Group]) -> io::Result<()> {
        let Some(period) = self.period else { return Ok(()) };
        self.register().add_waiting(groups.iter().map(|group| (Path::new(&group.path), period.end(group.newest))))
    }
}

impl Drop for Aging {
    fn drop(&mut self) {
        self.compressor.stop();
    }
}
