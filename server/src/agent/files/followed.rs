//! One file that is followed.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use doors::{json, mapping::Mapping};
use model::{Text, Value, hex};
use pipeline::{BatchId, normalise::RawRecord};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::checkpoints::{Checkpoint, Sending};
use crate::files::{Lines, Place, Reader};

/// The lines of one batch.
const LINES: usize = 1000;
/// How long a file must be missing until it is forgotten.
const GONE: Duration = Duration::from_secs(60);
/// The attribute with the path of the file, as in OpenTelemetry.
const PATH: &str = "log.file.path";

pub(super) struct Followed {
    path: PathBuf,
    reader: Reader,
    /// What may have gone to the queue before a crash.
    sending: Option<Sending>,
    missing: Option<Instant>,
    /// The last error, so that each is logged once.
    error: Option<String>,
}

/// Lines on their way to the queue.
pub(super) struct Read {
    pub(super) id: BatchId,
    pub(super) text: Vec<u8>,
    /// The checkpoint while they are on their way, and after it.
    pub(super) sending: Checkpoint,
    pub(super) after: Checkpoint,
}

impl Followed {
    /// A new file, from its first line on.
    pub(super) fn new(path: PathBuf) -> Self {
        let reader = Reader::from_start(&path);
        Self { path, reader, sending: None, missing: None, error: None }
    }

    /// A known file, from its checkpoint on.
    pub(super) fn resume(path: PathBuf, checkpoint: &Checkpoint) -> Self {
        let Checkpoint { place, sending } = checkpoint.clone();
        match Reader::resume(&path, place) {
            // Without a place it is another file, which has sent nothing.
            Ok(reader) => {
                let sending = sending.filter(|_| reader.place().is_some());
                Self { reader, sending, ..Self::new(path) }
            }
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot look for the file, reading it from its start");
                Self::new(path)
            }
        }
    }

    /// Where it was read up to.
    pub(super) fn place(&self) -> Option<&Place> {
        self.reader.place()
    }

    /// The same file under its new path.
    pub(super) fn renamed(self, path: &Path) -> Self {
        Self { reader: self.reader.renamed(path), path: path.to_owned(), missing: None, ..self }
    }

    /// Whether it has been missing for so long that it is forgotten.
    pub(super) fn is_gone(&mut self, is_there: bool) -> bool {
        if is_there {
            self.missing = None;
            return false;
        }
        self.missing.get_or_insert_with(Instant::now).elapsed() >= GONE
    }

    /// The next lines, if there are some. `searched`: when files were last searched for. Blocks.
    pub(super) fn read(&mut self, searched: Instant) -> Option<Read> {
        let read = match self.sending.take() {
            Some(Sending { end, id, digest }) => {
                let again = self.reader.again(end, |text| digest_of(text) == digest);
                again.map(|lines| lines.map(|lines| (lines, id)))
            }
            None => {
                let new = self.reader.lines(LINES, searched);
                new.map(|lines| lines.map(|lines| (lines, Uuid::now_v7().to_string())))
            }
        };
        match read {
            Ok(read) => {
                self.error = None;
                read.and_then(|(lines, id)| self.on_its_way(lines, id))
            }
            Err(error) => {
                let text = error.to_string();
                if self.error.as_ref() != Some(&text) {
                    tracing::warn!(file = %self.path.display(), %error, "cannot read the file, retrying");
                    self.error = Some(text);
                }
                None
            }
        }
    }

    fn on_its_way(&self, Lines { text, from }: Lines, id: String) -> Option<Read> {
        let batch_id = BatchId(*Uuid::parse_str(&id).ok()?.as_bytes());
        let end = from.offset + text.len() as u64;
        // The reader is at the end of what it returned, unless that was the end of a file that was replaced.
        let after = self.reader.place().filter(|place| place.offset == end).cloned().unwrap_or_else(|| from.at(end));
        Some(Read {
            id: batch_id,
            sending: Checkpoint { place: from, sending: Some(Sending { end, id, digest: digest_of(&text) }) },
            text,
            after: Checkpoint { place: after, sending: None },
        })
    }
}

fn digest_of(text: &[u8]) -> String {
    hex::encode(&Sha256::digest(text))
}

impl Read {
    /// The records, and the number of lines that are none.
    pub(super) fn records(&self, path: &Path) -> (Vec<RawRecord>, usize) {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // The same for shop.log and shop.log.1.
        let service = name.split('.').find(|part| !part.is_empty()).unwrap_or(name);
        let mut mapping = Mapping::usual();
        (mapping.service, mapping.node) = (service.into(), node());
        // An error means that there are only empty lines.
        let Ok(decoded) = json::decode_text(&self.text, &mapping) else { return (Vec::new(), 0) };
        let mut records = decoded.records;
        let path: Text = path.to_str().unwrap_or_default().into();
        for record in &mut records {
            record.attributes.push((Text::const_new(PATH), Value::Text(path.clone())));
        }
        (records, decoded.rejections.len())
    }
}

/// The name of this host.
fn node() -> Text {
    rustix::system::uname().nodename().to_str().unwrap_or_default().into()
}
