//! The read position of each file, in one small file that is replaced atomically.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use pipeline::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::files::Place;

/// The format that this program writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// The checkpoints of all files.
pub(super) struct Checkpoints {
    path: PathBuf,
    content: Content,
    is_stored: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content {
    format: u32,
    files: BTreeMap<String, Checkpoint>,
}

/// How far one file was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    /// Everything before it is in the queue.
    pub(super) place: Place,
    /// What follows and may be in the queue.
    pub(super) sending: Option<Sending>,
}

/// Bytes that may be in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sending {
    pub(super) end: u64,
    /// The id of their batch.
    pub(super) id: String,
    /// Their SHA-256: other bytes must not get the same id.
    pub(super) digest: String,
}

impl Checkpoints {
    /// # Errors
    /// `Corrupt` if the file is damaged or of another format, `Unavailable` if it cannot be read.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let name = path.display();
        let content = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Error::corrupt(format!("{name} is damaged: {error}; remove it to read all files from their start"))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Content { format: FORMAT, files: BTreeMap::new() },
            Err(error) => return Err(Error::unavailable(format!("cannot read {name}: {error}"))),
        };
        if content.format != FORMAT {
            let format = content.format;
            return Err(Error::corrupt(format!(
                "{name} has format {format}, and this program reads {FORMAT}; use the program that wrote it"
            )));
        }
        Ok(Self { path, content, is_stored: true })
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Checkpoint)> {
        self.content.files.iter()
    }

    pub(super) fn set(&mut self, path: &Path, checkpoint: Checkpoint) {
        let Some(path) = path.to_str() else { return };
        self.content.files.insert(path.to_owned(), checkpoint);
        self.is_stored = false;
    }

    /// Returns what it was.
    pub(super) fn remove(&mut self, path: &Path) -> Option<Checkpoint> {
        let removed = self.content.files.remove(path.to_str()?)?;
        self.is_stored = false;
        Some(removed)
    }

    pub(super) fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// # Errors
    /// `Unavailable` if the file cannot be written.
    pub(super) async fn store(&mut self) -> Result<()> {
        pipeline::relay::replace_file("the checkpoints", &self.path, &self.content).await?;
        self.is_stored = true;
        Ok(())
    }
}
