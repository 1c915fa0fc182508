//! The write-ahead log: where a batch is durable before its client is answered.
//!
//! # Constraints
//!
//! - An append returns only when the frame is on disk (C1), and hundreds of callers
//!   must share one sync, because a disk gives some hundred of them a second.
//! - A frame's number is the upper part of its records' store positions (C8): numbers
//!   grow and never name two batches, whatever fails and whatever was released.
//! - Readers never make an append wait, and a reader who keeps up never decodes: it
//!   gets the batch that was appended. Memory and disk are bounded (C4).
//! - No bytes are taken for a batch that are not exactly what was appended under that
//!   number; what was durable and no longer reads is delivered as such (C5).
//!
//! # Format
//!
//! A folder holds segments, `<first frame number, 20 digits>.wal`: a head of 4096 bytes
//! ([`segment`]), then frames one after the other ([`frame`]), then twenty zero bytes,
//! then room. Beside them lie `.spare` files, former segments kept for reuse: their
//! blocks are written already, so that a sync writes data and no metadata; `.tmp`, a
//! segment being made; and `lock`. A frame's checksum covers its number, its place in
//! its group and its segment's random salt, so that neither the former content of a
//! reused file nor a frame forged inside a log message can pass for one.
//!
//! # Life of a frame
//!
//! `append` encodes in the caller's task and hands over to the writer, a thread
//! ([`writer`]). The writer takes all that has arrived, writes it at once, syncs once,
//! puts the batches into the [`tail`], and answers all callers; meanwhile the next
//! group gathers. `read` is served from the tail, and from disk ([`reader`]) where the
//! tail had to let go. `release` says that frames are durable elsewhere; segments that
//! hold no others are reused or removed, save the last one, whose name keeps the count.
//!
//! A segment's file gets its name only when its head is durable. The head says after
//! which frame it `follows`: the newest one that was durable at that moment.
//!
//! # When a write or a sync fails
//!
//! After a failed sync nobody can know what is on disk: the kernel drops the pages and
//! reports success the next time. So the group's callers get `Unavailable`, the segment
//! is never written again, and the log goes on in a fresh one whose head follows the
//! last frame whose sync did return. Frames in between are void: not delivered, and
//! their numbers not used again. A disk that is full, or the log's own bound, is
//! `Overloaded`; disk space is reserved when a segment is made, so that it shows there,
//! before anything is written. Either trouble is probed every second and ends by itself.
//!
//! # When the writer panics
//!
//! The writer is not started again. After a panic its view of the segment may be wrong, and to
//! use a frame number twice would be worse than a stop. It still answers: appends get
//! `Unavailable`, the status has the trouble (`/readyz` answers 503), and what is durable can be
//! read. The next start recovers as after a crash.
//!
//! # Opening
//!
//! ([`recovery`]) Each segment that has a follower ends where the follower says. The
//! last one is walked frame by frame. Where a place does not read, later frames tell
//! what it was ([`scan`]): each frame says how many of its group stand before it, thus
//! which frames were durable before its group was written. If one shows that the place
//! was durable, it is damage: the walk goes on and `read` delivers the place as
//! [`Content::Undecodable`]. If none does, it is a group whose sync never returned and
//! that nobody was promised: the log is cut there and says so. (Damage to the very last
//! group of a log that was not closed looks the same.) Older segments are verified when
//! they are read, so opening takes no longer with a long log. Each opening starts a
//! fresh segment: nothing is ever written behind a torn end, and the count skips all
//! numbers that the torn bytes can have held.

mod events;
mod frame;
mod log;
mod options;
mod reader;
mod recovery;
mod scan;
mod segment;
mod tail;
mod writer;

#[cfg(test)]
mod tests;

use std::{
    io,
    path::Path,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use crash_points::crash_point;
use parking_lot::Mutex;
use pipeline::{Batch, Content, Error, Result, envelope};
use tokio::{
    sync::{Semaphore, oneshot},
    task::spawn_blocking,
};

pub use self::{
    events::describe,
    options::{Recovery, WalOptions, WalStatus},
};
use self::{
    log::Log,
    writer::{Append, Command, Writer},
};
use crate::filesystem::FileSystem;

/// The encoded bytes that may wait for the writer; past it, appends wait.
const PENDING_BYTES: usize = 32 << 20;
/// What an append counts at least, so that many small ones are bounded as well.
const PENDING_LEAST: usize = 1 << 10;

/// A write-ahead log of batches; cheap to clone.
///
/// When the last clone is dropped the writer ends as if the process had been killed;
/// [`Wal::close`] ends it in order.
#[derive(Debug, Clone)]
pub struct Wal {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    log: Arc<Log>,
    commands: mpsc::Sender<Command>,
    pending: Arc<Semaphore>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Wal {
    /// Opens the log in the folder, which is made where it is missing. `released` is
    /// the newest frame that is stored elsewhere; 0 where nothing is known of any.
    ///
    /// # Errors
    /// `Unavailable` where the folder cannot be read or another process has it;
    /// `Invalid` for bad options and for a newer format; `Corrupt` where a segment was
    /// renamed. A full disk, damage and a torn end are no errors.
    pub async fn open(
        folder: impl AsRef<Path>,
        file_system: Arc<dyn FileSystem>,
        options: WalOptions,
        released: u64,
    ) -> Result<(Self, Recovery)> {
        let folder = folder.as_ref().to_path_buf();
        let opening = spawn_blocking(move || Self::open_blocking(&folder, file_system, options, released));
        opening.await.map_err(|error| Error::internal(format!("opening the write-ahead log: {error}")))?
    }

    fn open_blocking(
        folder: &Path,
        file_system: Arc<dyn FileSystem>,
        options: WalOptions,
        released: u64,
    ) -> Result<(Self, Recovery)> {
        options.check()?;
        let failed = |error: io::Error| io_error("open", folder, &error);
        file_system.create_folder(folder).map_err(failed)?;
        let lock = file_system.lock(&folder.join("lock")).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => {
                Error::unavailable(format!("another process uses the write-ahead log in {}", folder.display()))
            }
            _ => failed(error),
        })?;
        let opened = recovery::open(folder, file_system, options, released)?;
        crash_point!("wal::read");
        let (commands, received) = mpsc::channel();
        let mut writer = Writer::new(opened.log.clone(), received, lock, opened.next, opened.last);
        // A log that takes no appends now is still one that can be read.
        if writer.make_room(0).is_ok()
            && let Some(segment) = opened.cut
        {
            writer.cut(&segment);
        }
        let thread = std::thread::Builder::new()
            .name("wal-writer".to_owned())
            .spawn(move || writer.work())
            .map_err(|error| Error::unavailable(format!("cannot start the writer of the write-ahead log: {error}")))?;
        events::opened(folder, &opened.recovery);
        let handle = Handle {
            log: opened.log,
            commands,
            pending: Arc::new(Semaphore::new(PENDING_BYTES)),
            writer: Mutex::new(Some(thread)),
        };
        Ok((Self { handle: Arc::new(handle) }, opened.recovery))
    }

    /// Appends the batch and returns its frame number once it is durable. Numbers grow
    /// and are never used twice; some may be left out.
    ///
    /// A dropped call may or may not append.
    ///
    /// # Errors
    /// `Overloaded` where the disk or the log's bound of it is full; `Unavailable`
    /// where the disk failed, in which case the batch may or may not be in the log
    /// after a restart, and after [`Wal::close`]; `Invalid` for a batch past the
    /// bounds of a frame.
    pub async fn append(&self, batch: Arc<Batch>) -> Result<u64> {
        let payload = envelope::encode(&batch);
        if payload.is_empty() || payload.len() > frame::PAYLOAD_BYTES {
            return Err(Error::invalid(format!(
                "the batch has {} bytes encoded; at most {} are allowed",
                payload.len(),
                frame::PAYLOAD_BYTES
            )));
        }
        let weight = batch.weight();
        let share = payload.len().clamp(PENDING_LEAST, PENDING_BYTES) as u32;
        let permit = self.handle.pending.clone().acquire_many_owned(share).await.map_err(|_| closed())?;
        let (answer, answered) = oneshot::channel();
        let append = Append { payload, batch, weight, answer, permit };
        self.handle.commands.send(Command::Append(append)).map_err(|_| closed())?;
        // Unanswered where the writer panicked over it.
        answered.await.map_err(|_| self.status().trouble.map_or_else(closed, Error::unavailable))?
    }

    /// Waits for durable frames after `after`, then returns some of them in order: at
    /// least one, and at most about `max_records` records. Comes from memory for a
    /// reader who keeps up, else from disk, and never makes an append wait. Whoever
    /// reads `after` needs no frame up to it from memory any more; frames released
    /// before are left out. Cancel-safe.
    ///
    /// # Errors
    /// `Unavailable` where the disk cannot be read, and after [`Wal::close`].
    pub async fn read(&self, after: u64, max_records: usize) -> Result<Vec<(u64, Content)>> {
        let log = &self.handle.log;
        let mut progress = log.progress.subscribe();
        loop {
            let seen = *progress.borrow_and_update();
            if seen.closed {
                return Err(closed());
            }
            let after = after.max(log.state.lock().released);
            if after < seen.last {
                let found = match log.recent(after, max_records) {
                    Some(found) => found,
                    None => {
                        let log = log.clone();
                        spawn_blocking(move || reader::read(&log, after, max_records))
                            .await
                            .map_err(|error| Error::internal(format!("reading the write-ahead log: {error}")))??
                    }
                };
                if !found.is_empty() {
                    return Ok(found);
                }
            }
            progress.changed().await.map_err(|_| closed())?;
        }
    }

    /// The durable frames after `after`, as [`Wal::read`] gives them, but from disk, and
    /// nothing where there are none: numbers are left out, so that only reading tells
    /// whether a frame is still to come.
    ///
    /// # Errors
    /// `Unavailable` where the disk cannot be read.
    pub async fn read_now(&self, after: u64, max_records: usize) -> Result<Vec<(u64, Content)>> {
        let log = self.handle.log.clone();
        spawn_blocking(move || reader::read(&log, after, max_records))
            .await
            .map_err(|error| Error::internal(format!("reading the write-ahead log: {error}")))?
    }

    /// The newest durable frame, or the newest released one where there is none.
    pub fn last(&self) -> u64 {
        self.status().last
    }

    /// Says that the frames up to this one are durable elsewhere: segments that hold no
    /// others are reused or removed, soon.
    pub fn release(&self, upto: u64) {
        let mut state = self.handle.log.state.lock();
        if upto > state.released {
            state.released = upto;
            drop(state);
            // A closed log removes nothing; the next open does.
            let _ = self.handle.commands.send(Command::Release);
        }
    }

    /// What a person or a probe wants to know; from memory.
    pub fn status(&self) -> WalStatus {
        self.handle.log.status()
    }

    /// Finishes the appends that were called before, then stops: later calls fail with
    /// `Unavailable`, and the folder may be opened again.
    pub async fn close(&self) {
        let (done, finished) = oneshot::channel();
        if self.handle.commands.send(Command::Close(done)).is_ok() {
            let _ = finished.await;
        }
    }
}

impl Drop for Handle {
    /// Waits for the writer, for at most the sync that is under way, so that whoever
    /// drops a log can open it again.
    fn drop(&mut self) {
        let _ = self.commands.send(Command::Abandon);
        if let Some(writer) = self.writer.get_mut().take() {
            let _ = writer.join();
        }
    }
}

fn closed() -> Error {
    Error::unavailable("the write-ahead log is closed; the server is stopping")
}

/// A failure of the file system.
fn io_error(doing: &str, path: &Path, error: &io::Error) -> Error {
    Error::unavailable(format!("cannot {doing} the write-ahead log in {}: {error}", path.display()))
}
