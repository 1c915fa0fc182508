//! The file sink: records as lines of append-only files, each exactly once.
//!
//! `file:///var/log/logboom/{service}-{yyyy}-{MM}-{dd}.ndjson?format=ndjson&rotate=100MB&compress=zstd`
//!
//! **Exactly once.** Before a batch, the sink writes a journal: the files that the batch appends to, and their lengths
//! before it. Then it appends, flushes the files to the disk, and returns the batch's id as its mark. The follower
//! stores the mark together with its cursor. `open` compares the mark with the journal. If the cursor has not moved
//! past the journal's batch, its files are truncated to their lengths before it, and the batch is written again. The
//! same happens after an error, such as a full disk, so no incomplete line stays.
//!
//! **Other processes.** A file that another process renames, removes or truncates is created again, or continued at
//! its new end, with the next batch. The inode tells such files from the sink's own, so `open` never truncates a file
//! that only has the name of another. No other process may append to the files. A lock keeps two sinks of one machine
//! from writing the same path. Several nodes each write to their own disks: after a change of the node, the last batch
//! may be on both.
//!
//! **Rotation.** A file that a batch would grow past `rotate` is renamed first: `goods.log` to `goods~1.log`, and so
//! on. No field of a template contains `~`, so no name of a service collides. A name that would be too long is cut. With `compress`, renamed files are
//! compressed in the background to `goods~1.log.zst`. A file of a past day (or hour, with `{HH}`) is renamed in the
//! same way when no record came for an hour. Records that are even later start a new file beside it.
//!
//! | file | content |
//! |---|---|
//! | `options` | the parameters of the URL |
//! | `names` | the file system's limits on names |
//! | `lines` | a batch as lines, grouped by file |
//! | `writer` | the order of the steps of a batch |
//! | `journal` | what must be undone after a crash |
//! | `handles` | a bounded number of open files |
//! | `rotation` | numbered names, files of past days |
//! | `compression` | compression in the background |

mod compression;
mod handles;
mod journal;
mod lines;
mod names;
mod options;
mod rotation;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    io,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use pipeline::{
    Error, Result,
    clock::Clock,
    follow::{Outgoing, Sent, Sink},
};
use url::Url;

use self::{lines::Lines, options::Options, writer::Writer};
use crate::parameters::Parameters;

/// When to try again on a full disk.
const FULL_RETRY: Duration = Duration::from_secs(10);

/// A sink that appends to files.
pub(crate) struct FileSink {
    /// Reused from batch to batch. `None` while a batch is written.
    lines: Option<Lines>,
    options: Options,
    /// Shared with the thread that writes: it completes its step even if the caller is gone.
    writer: Arc<Mutex<Writer>>,
}

impl FileSink {
    /// Reads the options. Touches no file.
    ///
    /// # Errors
    /// `Invalid` if the path or a parameter cannot be read.
    pub(crate) fn new(url: &Url, parameters: &mut Parameters) -> Result<Self> {
        Ok(Self::with_options(Options::read(url, parameters)?, Clock::system()))
    }

    fn with_options(options: Options, clock: Clock) -> Self {
        let writer = Arc::new(Mutex::new(Writer::new(&options, clock)));
        Self { lines: None, options, writer }
    }

    /// Runs a step on a thread that may block.
    async fn blocking<T: Send + 'static>(
        &self,
        step: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let writer = Arc::clone(&self.writer);
        let step = move || step(&mut writer.lock().unwrap_or_else(PoisonError::into_inner));
        let done = tokio::task::spawn_blocking(step).await;
        done.map_err(|error| Error::internal(format!("the writer of files ended: {error}")))?
    }
}

#[async_trait]
impl Sink for FileSink {
    async fn open(&mut self, mark: Option<&str>) -> Result<()> {
        let mark = mark.map(str::to_owned);
        self.blocking(move |writer| writer.open(mark)).await
    }

    async fn send(&mut self, batch: &Outgoing) -> Result<Sent> {
        let mut lines = self.lines.take().unwrap_or_default();
        lines.clear();
        for records in batch.records.chunks(1000) {
            lines.push(records, &self.options);
            tokio::task::yield_now().await;
        }
        let id = batch.id;
        let (lines, outcome) = self
            .blocking(move |writer| {
                let outcome = writer.send(id, &lines);
                Ok((lines, outcome))
            })
            .await?;
        self.lines = Some(lines);
        Ok(Sent { refused: Vec::new(), mark: Some(outcome?) })
    }
}

/// Converts an error of the file system.
fn failure(doing: &str, path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::overloaded(
            format!("the disk of the file sink is full: cannot {doing} {path}; free some space there"),
            FULL_RETRY,
        ),
        _ => Error::unavailable(format!("cannot {doing} {path}: {error}")),
    }
}
