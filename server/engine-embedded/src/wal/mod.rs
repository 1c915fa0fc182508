//! The write-ahead log: makes a batch durable before its client receives a response.
//!
//! # Constraints
//!
//! - An append returns only when the frame is on disk (C1). A disk performs some hundred syncs per second, so hundreds
//!   of callers must share one sync (group commit).
//! - A frame's number is the upper part of its records' store positions (C8): numbers increase and never identify two
//!   batches, even after failures and releases.
//! - Readers never block an append. A reader that keeps up receives the appended batch without decoding it. Memory and
//!   disk are bounded (C4).
//! - A batch is accepted only if its bytes are exactly those appended under its number. Durable frames that can no
//!   longer be read are delivered as undecodable (C5).
//!
//! # Format
//!
//! A folder holds segments, `<first frame number, 20 digits>.wal`: a header of 4096 bytes ([`segment`]), then
//! consecutive frames ([`frame`]), then twenty zero bytes, then free space. It also holds `.spare` files, former
//! segments kept for reuse, whose blocks are already written so that a sync writes no metadata; `.tmp`, a segment being
//! created; and `lock`. A frame's checksum covers its number, its ordinal in the group and the segment's random salt,
//! so that neither old content of a reused file nor a frame forged inside a log message is accepted.
//!
//! # Life of a frame
//!
//! `append` encodes in the caller's task and sends to the writer, a thread ([`writer`]). The writer takes all pending
//! appends, writes them at once, syncs once, puts the batches into the [`tail`], and answers all callers; meanwhile the
//! next group gathers. `read` is served from the tail, or from disk ([`reader`]) for frames evicted from the tail.
//! `release` marks frames as durable elsewhere; fully released segments are reused or removed, except the last one,
//! which keeps the frame number.
//!
//! `forget` also removes the bytes of released frames, which stay otherwise: in the last segment, in spare files, and
//! behind the end of a reused file. It seals the log: it removes the spare files and starts a segment in a new file, and
//! the older files are never reused. Once all their frames are released, no file holds one of them.
//!
//! A segment's file is renamed to its name only when its header is durable. The header contains `follows`: the newest
//! frame that was durable at that moment.
//!
//! # When a write or a sync fails
//!
//! After a failed sync the content of the disk is unknown: the kernel drops the pages and reports success the next
//! time. So the group's callers receive `Unavailable`, the segment is never written again, and the log continues in a
//! new one whose header follows the last synced frame. Frames in between are void: not delivered, and their numbers are
//! not reused. A full disk, or the log's own limit, is `Overloaded`; disk space is reserved when a segment is created,
//! so it fails there, before any write. The writer probes every second whether the condition is over.
//!
//! # When the writer panics
//!
//! The writer is not restarted. After a panic its view of the segment may be wrong, and reusing a frame number would be
//! worse than stopping. It still replies: appends receive `Unavailable`, the status contains the reason (`/readyz`
//! returns 503), and durable frames can be read. The next start recovers as after a crash.
//!
//! # Opening
//!
//! ([`recovery`]) A segment with a successor ends at the frame that the successor follows. The last one is scanned
//! frame by frame. If an area cannot be read, later frames decide what it was ([`scan`]): the ordinal of each frame
//! shows which frames were durable before its group was written. If one of them proves that the area was durable, it is
//! damage: the scan continues, and `read` delivers the area as [`Content::Undecodable`]. Otherwise it belongs to a
//! group whose sync never returned and which was never acknowledged: the log is truncated there, and the truncation is
//! logged. (Damage to the very last group of a log that was not closed looks the same.) Older segments are verified
//! when they are read, so the time to open does not depend on the length of the log. Each opening starts a new segment:
//! nothing is ever written after a torn end, and the numbering skips all numbers that the torn bytes may have held.

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
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use crash_points::crash_point;
use parking_lot::Mutex;
use pipeline::{Batch, Content, Error, Result, envelope};
use tokio::{
    sync::{Semaphore, oneshot},
    task::spawn_blocking,
    time::sleep,
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

/// The limit of encoded bytes that wait for the writer; beyond it, appends wait.
const PENDING_BYTES: usize = 32 << 20;
/// The minimum charge per append, which bounds many small ones.
const PENDING_LEAST: usize = 1 << 10;

/// A write-ahead log of batches; cheap to clone.
///
/// Dropping the last clone ends the writer as if the process had been killed; [`Wal::close`] ends it cleanly.
#[derive(Debug, Clone)]
pub struct Wal {
    handle: Arc<Handle>,
}

#[derive(Debug)]
struct Handle {
    log: Arc<Log>,
    commands: mpsc::Sender<Command>,
    pending: Arc<Semaphore>,
    /// The wait before each append, in microseconds.
    delay: AtomicU64,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Wal {
    /// Opens the log in the folder; creates it if it is missing. `released` is the newest frame that is stored
    /// elsewhere; 0 if unknown.
    ///
    /// # Errors
    /// `Unavailable` if the folder cannot be read or another process uses it; `Invalid` for invalid options and a newer
    /// format; `Corrupt` if a segment was renamed. A full disk, damage and a torn end are not errors.
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
        // A log that accepts no appends now can still be read.
        if writer.make_room(0).is_ok()
            && let Some(segment) = opened.cut
        {
            writer.cut(&segment);
        }
        let thread = std::thread::Builder::new()
            .name("wal-writer".to_owned())
            .spawn(move || writer.run_thread())
            .map_err(|error| Error::unavailable(format!("cannot start the writer of the write-ahead log: {error}")))?;
        events::opened(folder, &opened.recovery);
        let handle = Handle {
            log: opened.log,
            commands,
            pending: Arc::new(Semaphore::new(PENDING_BYTES)),
            delay: AtomicU64::new(0),
            writer: Mutex::new(Some(thread)),
        };
        Ok((Self { handle: Arc::new(handle) }, opened.recovery))
    }

    /// Appends the batch and returns its frame number once it is durable. Numbers increase, are never reused, and may
    /// have gaps.
    ///
    /// A dropped call may or may not append.
    ///
    /// # Errors
    /// `Overloaded` if the disk is full or the log is at its limit; `Unavailable` after [`Wal::close`], and if the disk
    /// failed, in which case the batch may or may not be in the log after a restart; `Invalid` for a batch that exceeds
    /// a frame.
    pub async fn append(&self, batch: Arc<Batch>) -> Result<u64> {
        let payload = envelope::encode(&batch);
        if payload.is_empty() || payload.len() > frame::PAYLOAD_BYTES {
            return Err(Error::invalid(format!(
                "the batch has {} bytes encoded; at most {} are allowed",
                payload.len(),
                frame::PAYLOAD_BYTES
            )));
        }
        let delay = self.delay();
        if !delay.is_zero() {
            sleep(delay).await;
        }
        let weight = batch.weight();
        let share = payload.len().clamp(PENDING_LEAST, PENDING_BYTES) as u32;
        let permit = self.handle.pending.clone().acquire_many_owned(share).await.map_err(|_| closed())?;
        let (answer, answered) = oneshot::channel();
        let append = Append { payload, batch, weight, answer, permit };
        self.handle.commands.send(Command::Append(append)).map_err(|_| closed())?;
        // The writer panicked before it replied.
        answered.await.map_err(|_| self.status().trouble.map_or_else(closed, Error::unavailable))?
    }

    /// Delays each append from now on: what stores the frames cannot keep up. At first there is no delay.
    pub fn delay_appends(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.handle.delay.store(micros, Ordering::Relaxed);
    }

    /// The wait before each append.
    pub fn delay(&self) -> Duration {
        Duration::from_micros(self.handle.delay.load(Ordering::Relaxed))
    }

    /// Waits for durable frames after `after`, then returns some of them in order: at least one, and at most about
    /// `max_records` records. They come from memory if the reader keeps up, otherwise from disk; an append is never
    /// blocked. Frames up to `after` are dropped from memory. Skips released frames. Cancel-safe.
    ///
    /// # Errors
    /// `Unavailable` if the disk cannot be read, and after [`Wal::close`].
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

    /// The durable frames after `after`, as [`Wal::read`], but from disk and without waiting. May be empty: numbers
    /// have gaps, so only a read shows whether a frame follows.
    ///
    /// # Errors
    /// `Unavailable` if the disk cannot be read.
    pub async fn read_now(&self, after: u64, max_records: usize) -> Result<Vec<(u64, Content)>> {
        let log = self.handle.log.clone();
        spawn_blocking(move || reader::read(&log, after, max_records))
            .await
            .map_err(|error| Error::internal(format!("reading the write-ahead log: {error}")))?
    }

    /// The newest durable frame, or the newest released one if there is none.
    pub fn last(&self) -> u64 {
        self.status().last
    }

    /// Marks the frames up to this one as durable elsewhere. Segments without other frames are reused or removed soon.
    pub fn release(&self, upto: u64) {
        let mut state = self.handle.log.state.lock();
        if upto > state.released {
            state.released = upto;
            drop(state);
            // A closed log removes nothing; the next open does.
            let _ = self.handle.commands.send(Command::Release);
        }
    }

    /// Removes the bytes of the frames up to `upto` from disk, as far as they are released. Returns `None` if none is
    /// left, and otherwise the frame up to which the log has to be released for that: the newest one at the first call,
    /// because files are removed as a whole. Idempotent; call it again after that release.
    ///
    /// # Errors
    /// `Overloaded` if the disk is full or the log is at its limit, `Unavailable` if the disk fails, and after
    /// [`Wal::close`].
    pub async fn forget(&self, upto: u64) -> Result<Option<u64>> {
        let (answer, answered) = oneshot::channel();
        self.handle.commands.send(Command::Forget { upto, answer }).map_err(|_| closed())?;
        // The writer panicked before it replied.
        answered.await.map_err(|_| self.status().trouble.map_or_else(closed, Error::unavailable))?
    }

    /// The state, for display and health checks; from memory.
    pub fn status(&self) -> WalStatus {
        self.handle.log.status()
    }

    /// Finishes earlier appends, then stops: later calls fail with `Unavailable`, and the folder may be opened again.
    pub async fn close(&self) {
        let (done, finished) = oneshot::channel();
        if self.handle.commands.send(Command::Close(done)).is_ok() {
            let _ = finished.await;
        }
    }
}

impl Drop for Handle {
    /// Waits for the writer, at most for the current sync, so that the log can be reopened after the drop.
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

/// Converts a file system error.
fn io_error(doing: &str, path: &Path, error: &io::Error) -> Error {
    Error::unavailable(format!("cannot {doing} the write-ahead log in {}: {error}", path.display()))
}
