//! The journal: the batch that is being written, and how to undo it.
//!
//! One file, `.logboom~<hash of the path>.journal`, overwritten in place for each batch: the SHA-256 of an [`Entry`]
//! as JSON, a space, and the JSON as one line. It is flushed before the files of the batch change. If it is damaged,
//! its write was interrupted, so none of these files has changed. The file is also the lock of the sink.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use model::hex;
use pipeline::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    failure,
    handles::{self, Identity},
};

/// A batch and the state of its files before it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Entry {
    /// The mark of the batch before it.
    pub(super) after: Option<String>,
    /// The mark of the batch.
    pub(super) mark: String,
    pub(super) files: Vec<Before>,
}

/// A file before a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Before {
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    /// Bytes.
    pub(super) length: u64,
}

impl Entry {
    /// Truncates the files to their lengths before the batch. Files that have been removed or replaced are left alone.
    pub(super) fn undo(&self) -> io::Result<()> {
        for before in &self.files {
            let file = match OpenOptions::new().write(true).open(&before.path) {
                Ok(file) => file,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let metadata = file.metadata()?;
            // A file that another process has truncated is shorter.
            if handles::identity(&metadata) == before.identity && metadata.len() > before.length {
                file.set_len(before.length)?;
                file.sync_all()?;
            }
        }
        Ok(())
    }
}

const ATTEMPTS: usize = 20;
const BETWEEN_ATTEMPTS: Duration = Duration::from_millis(10);

/// The journal's file, locked, and its content.
pub(super) struct Journal {
    path: PathBuf,
    file: File,
    identity: Identity,
    /// The last entry; `None` if there is none yet, or if it is damaged.
    pub(super) entry: Option<Entry>,
    buffer: Vec<u8>,
}

/// Locks the file. Returns false if another sink has it. A process that is being started holds all locks of this one for
/// a moment, until its own program runs, so this waits for that long.
fn lock(file: &File) -> io::Result<bool> {
    for _ in 0..ATTEMPTS {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_ATTEMPTS),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

impl Journal {
    /// Opens or creates the journal, locks it and reads it.
    ///
    /// # Errors
    /// `Unavailable` if another sink has locked it, or for an error of the file system.
    pub(super) fn open(folder: &Path, name: &str) -> Result<Self> {
        let path = folder.join(name);
        let open = || {
            std::fs::create_dir_all(folder)?;
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            if !lock(&file)? {
                return Ok(None);
            }
            let identity = handles::identity(&file.metadata()?);
            handles::sync_folder(folder)?;
            let entry = read(&file)?;
            Ok(Some(Self { path: path.clone(), file, identity, entry, buffer: Vec::new() }))
        };
        open().map_err(|error| failure("open", &path, &error))?.ok_or_else(|| {
            let path = path.display();
            Error::unavailable(format!("another sink or process writes the same files: it has locked {path}"))
        })
    }

    /// Another handle of the lock.
    pub(super) fn lock(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Whether the file still is at its path.
    pub(super) fn is_there(&self) -> bool {
        handles::is_at(&self.path, self.identity).unwrap_or(false)
    }

    /// Replaces the entry, durably.
    pub(super) fn write(&mut self, entry: Entry) -> Result<()> {
        self.entry = None;
        self.buffer.clear();
        self.put(&entry).map_err(|error| failure("write", &self.path, &error))?;
        self.entry = Some(entry);
        Ok(())
    }

    fn put(&mut self, entry: &Entry) -> io::Result<()> {
        let json = serde_json::to_vec(entry)?;
        self.buffer.extend_from_slice(hex::encode(&Sha256::digest(&json)).as_bytes());
        self.buffer.push(b' ');
        self.buffer.extend_from_slice(&json);
        self.buffer.push(b'\n');
        self.file.write_all_at(&self.buffer, 0)?;
        self.file.sync_data()
    }
}

fn read(file: &File) -> io::Result<Option<Entry>> {
    let mut bytes = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(decode(&bytes))
}

fn decode(bytes: &[u8]) -> Option<Entry> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let (digest, json) = line.split_at_checked(64)?;
    let json = json.strip_prefix(b" ")?;
    let is_whole = hex::encode(&Sha256::digest(json)).as_bytes() == digest;
    if is_whole { serde_json::from_slice(json).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(files: usize) -> Entry {
        let before = |n| Before { path: format!("/x/{n}").into(), identity: (1, n), length: n };
        Entry { after: None, mark: "m".into(), files: (0..files as u64).map(before).collect() }
    }

    #[test]
    fn a_shorter_entry_replaces_a_longer_one() {
        let folder = tempfile::tempdir().unwrap();
        for entry in [entry(300), entry(1), entry(20)] {
            let mut journal = Journal::open(folder.path(), "j").unwrap();
            journal.write(entry.clone()).unwrap();
            drop(journal);
            assert_eq!(Journal::open(folder.path(), "j").unwrap().entry, Some(entry));
        }
    }

    #[test]
    fn an_interrupted_write_leaves_no_entry() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("j");
        let mut journal = Journal::open(folder.path(), "j").unwrap();
        journal.write(entry(3)).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() - 1 {
            let mut torn = whole[..cut].to_vec();
            torn.resize(whole.len(), b'x');
            for bytes in [&whole[..cut], &torn] {
                std::fs::write(&path, bytes).unwrap();
                assert_eq!(Journal::open(folder.path(), "j").unwrap().entry, None, "cut at {cut}");
            }
        }
    }

    #[test]
    fn two_sinks_cannot_write_the_same_files() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Journal::open(folder.path(), "j").unwrap();
        let error = Journal::open(folder.path(), "j").err().unwrap();
        assert!(error.is_retryable() && error.message.contains("another sink"), "{error}");
    }
}
