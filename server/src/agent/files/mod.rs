//! The input of an agent from files: `--file`.
//!
//! Lines are read in batches. Before a batch goes to the queue, its end and its id are written to the checkpoints; after
//! the queue has made it durable, the place behind it is. After a crash the same bytes are read again under the same id,
//! so a destination that knows ids stores them once.

mod checkpoints;
mod followed;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashSet},
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use metrics::{counter, gauge};
use pipeline::{
    Error, Result,
    admit::{Ingest, Submission},
};
use tokio::{task::spawn_blocking, time::sleep};

use self::{
    checkpoints::Checkpoints,
    followed::{Followed, Read},
};

/// How often files are looked at, and how often new ones are looked for.
const LOOK: Duration = Duration::from_millis(200);
const SEARCH: Duration = Duration::from_secs(1);
/// The most files that are followed at once; each keeps one open.
const FILES: usize = 1000;
/// The bytes of all files that are on their way at once.
const ROUND_BYTES: usize = 4 << 20;

/// All files that match.
pub(super) struct Files {
    patterns: Vec<glob::Pattern>,
    ingest: Ingest,
    checkpoints: Checkpoints,
    /// By path. Taken out while it is read.
    followed: BTreeMap<PathBuf, Followed>,
    searched: Option<Instant>,
    /// More files match than are followed; logged once.
    is_too_many: bool,
}

impl Files {
    /// Reads the checkpoints.
    ///
    /// # Errors
    /// `Corrupt` if they are damaged, `Unavailable` if they cannot be read.
    pub(super) fn open(patterns: Vec<glob::Pattern>, checkpoints: PathBuf, ingest: Ingest) -> Result<Self> {
        let checkpoints = Checkpoints::open(checkpoints)?;
        Ok(Self { patterns, ingest, checkpoints, followed: BTreeMap::new(), searched: None, is_too_many: false })
    }

    /// Follows the files. Never ends without an error.
    ///
    /// # Errors
    /// The checkpoints cannot be written.
    pub(super) async fn follow(&mut self) -> Result<()> {
        // From the checkpoints, also after an error: what was read and is not in the queue must be read again.
        let resume = |(path, checkpoint): (&String, _)| {
            let path = PathBuf::from(path);
            (path.clone(), Followed::resume(path, checkpoint))
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
        let patterns = self.patterns.clone();
        let found =
            spawn_blocking(move || search(&patterns)).await.map_err(|error| Error::internal(error.to_string()))?;
        let is_gone =
            |(path, followed): (&PathBuf, &mut Followed)| followed.is_gone(found.contains(path)).then(|| path.clone());
        let gone: Vec<PathBuf> = self.followed.iter_mut().filter_map(is_gone).collect();
        for path in gone {
            self.followed.remove(&path);
            self.checkpoints.remove(&path);
        }
        let mut new: Vec<PathBuf> = found.into_iter().filter(|path| !self.followed.contains_key(path)).collect();
        while let Some(path) = new.pop() {
            if let Some(old) = self.old_path(&path) {
                // It was renamed to a path that matches, too. What is at its old path now is another file.
                if let Some(followed) = self.followed.remove(&old) {
                    self.followed.insert(path.clone(), followed.renamed(&path));
                }
                if let Some(checkpoint) = self.checkpoints.remove(&old) {
                    self.checkpoints.set(&path, checkpoint);
                }
                new.push(old);
            } else if self.followed.len() < FILES {
                self.followed.insert(path.clone(), Followed::new(path));
            } else if !std::mem::replace(&mut self.is_too_many, true) {
                tracing::warn!("--file: more than {FILES} files match; the others are not read: {}", path.display());
            }
        }
        gauge!("logboom_agent_files").set(self.followed.len() as f64);
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

    /// Reads every file once; returns whether there was something.
    async fn round(&mut self) -> Result<bool> {
        let mut any = false;
        let paths: Vec<PathBuf> = self.followed.keys().cloned().collect();
        let (mut reads, mut bytes) = (Vec::new(), 0);
        for path in paths {
            let Some(mut followed) = self.followed.remove(&path) else { continue };
            let searched = self.searched.unwrap_or_else(Instant::now);
            let read = spawn_blocking(move || {
                let read = followed.read(searched);
                (followed, read)
            });
            let (followed, read) = read.await.map_err(|error| Error::internal(error.to_string()))?;
            self.followed.insert(path.clone(), followed);
            let Some(read) = read else { continue };
            any = true;
            bytes += read.text.len();
            self.checkpoints.set(&path, read.sending.clone());
            reads.push((path, read));
            if bytes >= ROUND_BYTES {
                self.submit(std::mem::take(&mut reads)).await?;
                bytes = 0;
            }
        }
        self.submit(reads).await?;
        Ok(any)
    }

    /// Makes what was read durable.
    async fn submit(&mut self, reads: Vec<(PathBuf, Read)>) -> Result<()> {
        if reads.is_empty() {
            return Ok(());
        }
        self.checkpoints.store().await?;
        let submissions = reads.iter().map(|(path, read)| deliver(&self.ingest, path, read));
        for delivered in futures::future::join_all(submissions).await {
            delivered?;
        }
        for (path, read) in reads {
            self.checkpoints.set(&path, read.after);
        }
        Ok(())
    }
}

/// Hands the records to the queue, and waits until it has them.
async fn deliver(ingest: &Ingest, path: &Path, read: &Read) -> Result<()> {
    let (records, mut refused) = read.records(path);
    let mut reason = None;
    if !records.is_empty() {
        let submission = Submission { batch_id: Some(read.id), producer: "file".into(), records };
        let accepted = ingest.deliver(submission).await?;
        refused += accepted.rejected.len();
        reason = accepted.rejected.into_iter().next().map(|rejection| rejection.reason);
    }
    if refused > 0 {
        counter!("logboom_messages_refused_total", "door" => "file").increment(refused as u64);
        tracing::warn!(file = %path.display(), refused, reason, "lines were refused");
    }
    Ok(())
}

/// The files that match.
fn search(patterns: &[glob::Pattern]) -> HashSet<PathBuf> {
    let matching = patterns.iter().filter_map(|pattern| glob::glob(pattern.as_str()).ok()).flatten().flatten();
    // A checkpoint names its file by text.
    matching.filter(|path| path.to_str().is_some() && path.is_file()).collect()
}
