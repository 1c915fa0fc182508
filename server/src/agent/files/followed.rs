//! One file that is followed.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use pipeline::BatchId;

use crate::agent::checkpoints::{Checkpoint, Sending};
use crate::files::{Format, Lines, Place, Reader};

/// The lines of one batch.
const LINES: usize = 4000;
/// How long a file must be missing until it is forgotten.
const GONE: Duration = Duration::from_secs(60);

pub(super) struct Followed {
    path: PathBuf,
    reader: Reader,
    /// What may have gone to the queue before a crash.
    sending: Option<Sending>,
    missing: Option<Instant>,
    /// When this process found it.
    found: Instant,
    /// The last error, so that each is logged once.
    error: Option<String>,
}

/// Lines on their way to the queue.
pub(super) struct Read {
    pub(super) id: BatchId,
    pub(super) text: Vec<u8>,
    /// The checkpoint while they are on their way, and after it.
    pub(super) sending: Checkpoint<Place>,
    pub(super) after: Checkpoint<Place>,
}

impl Followed {
    /// A new file, from its first line on.
    pub(super) fn new(path: PathBuf, format: &Format) -> Self {
        let reader = Reader::from_start(&path).with_format(format.clone());
        Self { path, reader, sending: None, missing: None, found: Instant::now(), error: None }
    }

    /// A known file, from its checkpoint on.
    pub(super) fn resume(path: PathBuf, checkpoint: &Checkpoint<Place>, format: &Format) -> Self {
        let Checkpoint { place, sending } = checkpoint.clone();
        match Reader::resume(&path, place) {
            // Without a place it is another file, which has sent nothing.
            Ok(reader) => {
                let sending = sending.filter(|_| reader.place().is_some());
                Self { reader: reader.with_format(format.clone()), sending, ..Self::new(path, format) }
            }
            Err(error) => {
                tracing::warn!(file = %path.display(), %error, "cannot look for the file, reading it from its start");
                Self::new(path, format)
            }
        }
    }

    /// Where it was read up to.
    pub(super) fn place(&self) -> Option<&Place> {
        self.reader.place()
    }

    /// The time since this process found it.
    pub(super) fn age(&self) -> Duration {
        self.found.elapsed()
    }

    /// The bytes that were not read yet.
    pub(super) fn lag(&self) -> u64 {
        self.reader.lag()
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
            Some(sending) => {
                let again = self.reader.again(sending.end, |text| sending.is_of(text));
                again.map(|lines| lines.map(|lines| (lines, sending)))
            }
            None => self.reader.lines(LINES, searched).map(|lines| {
                lines.map(|lines| {
                    let sending = Sending::new(lines.from.offset + lines.text.len() as u64, &lines.text);
                    (lines, sending)
                })
            }),
        };
        match read {
            Ok(read) => {
                self.error = None;
                read.and_then(|(lines, sending)| self.on_its_way(lines, sending))
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

    fn on_its_way(&self, Lines { text, from }: Lines, sending: Sending) -> Option<Read> {
        let (id, end) = (sending.batch_id()?, sending.end);
        // The reader is at the end of what it returned, unless that was the end of a file that was replaced.
        let after = self.reader.place().filter(|place| place.offset == end).cloned().unwrap_or_else(|| from.at(end));
        Some(Read {
            id,
            text,
            // With the fingerprint of the bytes that are on their way: if the file is compressed after a crash, its copy
            // is recognised, also if these are its first bytes.
            sending: Checkpoint { place: after.at(from.offset), sending: Some(sending) },
            after: Checkpoint { place: after, sending: None },
        })
    }
}
