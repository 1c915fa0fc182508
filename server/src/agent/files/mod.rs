//! The inputs of an agent from files: `--file` and `--kubernetes`.
//!
//! Lines are read in batches. Before a batch goes to the queue, its end and its id are written to the checkpoints; after
//! the queue has made it durable, the place behind it is. After a crash the same bytes are read again under the same id,
//! so a destination that knows ids stores them once.

mod followed;
mod kubernetes;
mod origins;
mod submit;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use model::Text;
use pipeline::{Error, Result, admit::Ingest};
use tokio::{task::spawn_blocking, time::sleep};

use self::{
    followed::{Followed, Read},
    origins::Origins,
    submit::Submitter,
};
use super::{
    checkpoints::{Checkpoint, Checkpoints},
    pods::Pods,
    status::Input,
};
use crate::files::{Format, Place, are_related, is_gzip};

/// How often files are looked at, and how often new ones are looked for.
const LOOK: Duration = Duration::from_millis(200);
const SEARCH: Duration = Duration::from_secs(1);
/// The most files that are followed at once; each keeps one open.
const FILES: usize = 1000;
/// The bytes of all files that are read at once. While they are on their way, as many are read.
const READ_BYTES: usize = 4 << 20;

/// What distinguishes one input from files from another.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    /// The name of its option.
    pub(super) name: &'static str,
    pub(super) patterns: Vec<glob::Pattern>,
    pub(super) format: Format,
    /// The node of records that name none.
    pub(super) node: Text,
    /// What all records of the file at a path have in common.
    pub(super) origins: Origins,
}

impl Settings {
    /// `--file`: the service is the name of the file.
    pub(super) fn files(patterns: Vec<glob::Pattern>, format: Format, node: Text) -> Self {
        Self { name: "file", patterns, format, node, origins: Origins::Names }
    }

    /// `--kubernetes`: with the metadata of `pods`, if there is an API server.
    pub(super) fn kubernetes(pattern: glob::Pattern, format: Format, node: Text, pods: Option<Arc<Pods>>) -> Self {
        Self { name: "kubernetes", patterns: vec![pattern], format, node, origins: Origins::Pods(pods) }
    }
}

/// The files that are followed. One that is being read is taken out meanwhile.
type ByPath = BTreeMap<PathBuf, Followed>;

/// All files that match.
pub(super) struct Files {
    settings: Arc<Settings>,
    submitter: Submitter,
    status: Arc<Input>,
    checkpoints: Checkpoints<Place>,
    followed: ByPath,
    searched: Option<Instant>,
    /// More files match than are followed; logged once.
    is_too_many: bool,
}

impl Files {
    /// Reads the checkpoints.
    ///
    /// # Errors
    /// `Corrupt` if they are damaged, `Unavailable` if they cannot be read.
    pub(super) fn open(settings: Settings, checkpoints: PathBuf, ingest: Ingest, status: Arc<Input>) -> Result<Self> {
        let checkpoints = Checkpoints::open(checkpoints)?;
        let (settings, followed) = (Arc::new(settings), BTreeMap::new());
        let submitter = Submitter::new(Arc::clone(&settings), ingest, Arc::clone(&status));
        Ok(Self { settings, submitter, status, checkpoints, followed, searched: None, is_too_many: false })
    }

    /// Follows the files. Never ends without an error.
    ///
    /// # Errors
    /// The checkpoints cannot be written.
    pub(super) async fn follow(&mut self) -> Result<()> {
        // From the checkpoints, also after an error: what was read and is not in the queue must be read again.
        let format = &self.settings.format;
        let resume = |(path, checkpoint): (&String, _)| {
            let path = PathBuf::from(path);
            (path.clone(), Followed::resume(path, checkpoint, format))
        };
        self.followed = self.checkpoints.all().map(resume).collect();
        self.searched = None;
        loop {
            if self.searched.is_none_or(|searched| searched.elapsed() >= SEARCH) {
                self.search().await?;
            }
            if !self.round().await? {
                if !self.checkpoints.is_stored() {
                    self.checkpoints.store().await?;
                }
                sleep(LOOK).await;
            }
        }
    }

    async fn search(&mut self) -> Result<()> {
        // Before the search: what is replaced later may have a new name that it does not find.
        let searched = Instant::now();
        let patterns = self.settings.patterns.clone();
        let found =
            spawn_blocking(move || search(&patterns)).await.map_err(|error| Error::internal(error.to_string()))?;
        let is_gone =
            |(path, followed): (&PathBuf, &mut Followed)| followed.is_gone(found.contains(path)).then(|| path.clone());
        let gone: Vec<PathBuf> = self.followed.iter_mut().filter_map(is_gone).collect();
        for path in gone {
            self.followed.remove(&path);
            self.checkpoints.remove(text(&path));
        }
        let mut new: Vec<PathBuf> = found.into_iter().filter(|path| !self.followed.contains_key(path)).collect();
        while let Some(path) = new.pop() {
            if let Some(old) = self.old_path(&path) {
                // It was renamed to a path that matches, too. What is at its old path now is another file.
                if let Some(followed) = self.followed.remove(&old) {
                    self.followed.insert(path.clone(), followed.renamed(&path));
                }
                if let Some(checkpoint) = self.checkpoints.remove(text(&old)) {
                    self.checkpoints.set(text(&path), checkpoint);
                }
                new.push(old);
            } else if is_gzip(&path) && self.takes_over(&path, &mut new) {
                continue;
            } else if self.followed.len() < FILES {
                self.followed.insert(path.clone(), Followed::new(path, &self.settings.format));
            } else if !std::mem::replace(&mut self.is_too_many, true) {
                let (name, path) = (self.settings.name, path.display());
                tracing::warn!("--{name}: more than {FILES} files match; the others are not read: {path}");
            }
        }
        self.status.followed(self.followed.len());
        self.status.lag_bytes(self.followed.values().map(Followed::lag).sum());
        self.searched = Some(searched);
        Ok(())
    }

    /// The path under which the file at `path` is followed already, if that is not its path any more.
    fn old_path(&self, path: &Path) -> Option<PathBuf> {
        let metadata = fs::metadata(path).ok()?;
        let is_same = |(old, followed): &(&PathBuf, &Followed)| {
            let place = followed.place().filter(|place| place.is_of(&metadata));
            place.is_some_and(|place| fs::metadata(old).map_or(true, |other| !place.is_of(&other)))
        };
        self.followed.iter().find(is_same).map(|(old, _)| old.clone())
    }

    /// Whether the compressed file at `path` is a copy of a file that is followed, or is still being written. It is
    /// followed in place of the file once that is gone; then what is at the path of the file is new.
    fn takes_over(&mut self, path: &Path, new: &mut Vec<PathBuf>) -> bool {
        let mut is_copy = false;
        let related = self.followed.iter().filter(|(old, _)| are_related(old, path) && old.as_path() != path);
        for (old, followed) in related {
            let Some(place) = followed.place() else { continue };
            let copy = match place.compressed(path) {
                Ok(Some(copy)) => copy,
                Ok(None) => continue,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return true,
                // Following it logs the error.
                Err(_) => return false,
            };
            // Several files may begin alike. Only the copy of a file that is gone is inflated up to its place, because
            // this is asked at each search.
            if fs::metadata(old).is_ok_and(|metadata| place.is_of(&metadata)) {
                is_copy = true;
                continue;
            }
            // Following it logs an error.
            if !place.has_tail_at(path).unwrap_or(true) {
                continue;
            }
            if let Some(Checkpoint { sending, .. }) = self.checkpoints.get(text(old)).cloned() {
                let (old, checkpoint) = (old.clone(), Checkpoint { place: copy, sending });
                let followed = Followed::resume(path.to_owned(), &checkpoint, &self.settings.format);
                self.followed.remove(&old);
                self.followed.insert(path.to_owned(), followed);
                self.checkpoints.remove(text(&old));
                self.checkpoints.set(text(path), checkpoint);
                if old.is_file() {
                    new.push(old);
                }
            }
            return true;
        }
        is_copy
    }

    /// Reads the files until none has more, or until new ones are to be looked for. Returns whether there was something.
    async fn round(&mut self) -> Result<bool> {
        let Self { settings, submitter, checkpoints, followed, searched, .. } = self;
        let searched = searched.unwrap_or_else(Instant::now);
        let all = |followed: &ByPath| -> VecDeque<PathBuf> { followed.keys().cloned().collect() };
        let mut due = all(followed);
        let mut reads = read(followed, settings, searched, &mut due).await?;
        let is_any = !reads.is_empty();
        while !reads.is_empty() {
            if due.is_empty() && searched.elapsed() < SEARCH {
                due = all(followed);
            }
            // The next lines are read while these become durable.
            let next = read(followed, settings, searched, &mut due);
            let (submitted, next) = tokio::join!(submitter.submit(reads, checkpoints), next);
            submitted?;
            reads = next?;
        }
        Ok(is_any)
    }
}

/// Reads the next lines of each file that is due, once, until there are enough. The files that were read are not due any
/// more. Empty if none has more lines.
async fn read(
    followed: &mut ByPath,
    settings: &Settings,
    searched: Instant,
    due: &mut VecDeque<PathBuf>,
) -> Result<Vec<(PathBuf, Read)>> {
    let (mut reads, mut bytes) = (Vec::new(), 0);
    while bytes < READ_BYTES
        && let Some(path) = due.pop_front()
    {
        let is_ready = |followed: &Followed| settings.origins.is_ready(&path, followed.age());
        if !followed.get(&path).is_some_and(is_ready) {
            continue;
        }
        let Some(mut file) = followed.remove(&path) else { continue };
        let read = spawn_blocking(move || {
            let read = file.read(searched);
            (file, read)
        });
        let (file, read) = read.await.map_err(|error| Error::internal(error.to_string()))?;
        followed.insert(path.clone(), file);
        if let Some(read) = read {
            bytes += read.text.len();
            reads.push((path, read));
        }
    }
    Ok(reads)
}

/// The name of a file in the checkpoints. Only paths that are text are followed.
fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

/// The files that match.
fn search(patterns: &[glob::Pattern]) -> HashSet<PathBuf> {
    let matching = patterns.iter().filter_map(|pattern| glob::glob(pattern.as_str()).ok()).flatten().flatten();
    // A checkpoint names its file by text.
    matching.filter(|path| path.to_str().is_some() && path.is_file()).collect()
}
