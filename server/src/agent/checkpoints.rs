//! The read position of each source of an input, in one small file that is replaced atomically.

use std::{collections::BTreeMap, fs, io, path::PathBuf};

use model::hex;
use pipeline::{BatchId, Error, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// The format that this program writes, and the only one that it reads.
const FORMAT: u32 = 1;

/// The checkpoints of all sources of an input. `P` is a position in a source.
pub(super) struct Checkpoints<P> {
    path: PathBuf,
    content: Content<P>,
    is_stored: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Content<P> {
    format: u32,
    /// By path, container or journal. The first input was files.
    #[serde(rename = "files")]
    sources: BTreeMap<String, Checkpoint<P>>,
}

/// How far one source was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint<P> {
    /// Everything before it is in the queue.
    pub(super) place: P,
    /// What follows and may be in the queue.
    pub(super) sending: Option<Sending>,
}

/// Bytes that may be in the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sending {
    /// Their end, as an offset in the file, or from the position in other sources.
    pub(super) end: u64,
    /// The id of their batch.
    pub(super) id: String,
    /// Their SHA-256: other bytes must not get the same id.
    pub(super) digest: String,
}

impl Sending {
    /// New bytes, with a new id.
    pub(super) fn new(end: u64, bytes: &[u8]) -> Self {
        Self { end, id: Uuid::now_v7().to_string(), digest: digest(bytes) }
    }

    pub(super) fn is_of(&self, bytes: &[u8]) -> bool {
        self.digest == digest(bytes)
    }

    /// `None` if the id was damaged.
    pub(super) fn batch_id(&self) -> Option<BatchId> {
        Uuid::parse_str(&self.id).ok().map(|id| BatchId(*id.as_bytes()))
    }
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes))
}

impl<P: Serialize + DeserializeOwned> Checkpoints<P> {
    /// # Errors
    /// `Corrupt` if the file is damaged or of another format, `Unavailable` if it cannot be read.
    pub(super) fn open(path: PathBuf) -> Result<Self> {
        let name = path.display();
        let content = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| {
                Error::corrupt(format!("{name} is damaged: {error}; remove it to read all sources from their start"))
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Content { format: FORMAT, sources: BTreeMap::new() }
            }
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

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Checkpoint<P>)> {
        self.content.sources.iter()
    }

    pub(super) fn get(&self, source: &str) -> Option<&Checkpoint<P>> {
        self.content.sources.get(source)
    }

    pub(super) fn set(&mut self, source: &str, checkpoint: Checkpoint<P>) {
        self.content.sources.insert(source.to_owned(), checkpoint);
        self.is_stored = false;
    }

    /// Returns what it was.
    pub(super) fn remove(&mut self, source: &str) -> Option<Checkpoint<P>> {
        let removed = self.content.sources.remove(source)?;
        self.is_stored = false;
        Some(removed)
    }

    /// Keeps the sources for which `is_known` holds.
    pub(super) fn retain(&mut self, is_known: impl Fn(&str) -> bool) {
        let before = self.content.sources.len();
        self.content.sources.retain(|source, _| is_known(source));
        self.is_stored &= self.content.sources.len() == before;
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
