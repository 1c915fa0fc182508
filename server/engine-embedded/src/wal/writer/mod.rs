//! The writer: one thread that owns the active segment.
//!
//! During a sync, appends gather in the channel; all of them become the next group: one write, one sync, then a reply
//! to every caller. The module documentation describes failures of the two.

mod files;
mod forget;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use crash_points::crash_point;
use pipeline::{Batch, Error, ErrorClass, Result};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use self::files::failure;
use super::{
    events,
    frame::{self, HEADER_BYTES},
    log::{Log, Progress},
    segment::FRAMES_AT,
};
use crate::filesystem::{File, Lock};

/// The payload bytes of a group beyond which no more appends are added.
const GROUP_BYTES: usize = 8 << 20;
/// The buffer capacity kept between groups.
const BUFFER_BYTES: usize = 1 << 20;
/// The interval at which a blocked writer retries.
const PROBE: Duration = Duration::from_secs(1);

pub(super) enum Command {
    Append(Append),
    /// `State::released` has increased.
    Release,
    /// Removes the bytes of the frames up to this one; see [`Wal::forget`](super::Wal::forget).
    Forget {
        upto: u64,
        answer: oneshot::Sender<Result<Option<u64>>>,
    },
    Close(oneshot::Sender<()>),
    /// The last handle was dropped.
    Abandon,
}

pub(super) struct Append {
    pub(super) payload: Vec<u8>,
    pub(super) batch: Arc<Batch>,
    pub(super) weight: usize,
    pub(super) answer: oneshot::Sender<Result<u64>>,
    /// Its share of [`PENDING_BYTES`](super::PENDING_BYTES).
    pub(super) permit: OwnedSemaphorePermit,
}

impl Append {
    /// The bytes it takes in a segment, including the end mark.
    fn room(&self) -> u64 {
        (self.payload.len() + 2 * HEADER_BYTES) as u64
    }
}

/// The active segment.
struct Active {
    file: Arc<dyn File>,
    salt: u64,
    offset: u64,
    capacity: u64,
}

pub(super) struct Writer {
    log: Arc<Log>,
    commands: Receiver<Command>,
    active: Option<Active>,
    /// The number of the next frame.
    next: u64,
    /// The newest durable frame; 0 if there never was one.
    durable: u64,
    /// The room that could not be provided; 0 if appends are accepted.
    wanted: u64,
    buffer: Vec<u8>,
    /// Dropped last.
    _lock: Lock,
}

impl Writer {
    pub(super) fn new(log: Arc<Log>, commands: Receiver<Command>, lock: Lock, next: u64, durable: u64) -> Self {
        Self { log, commands, active: None, next, durable, wanted: 0, buffer: Vec::new(), _lock: lock }
    }

    /// Runs until the log is closed or its last handle is dropped.
    pub(super) fn run_thread(mut self) {
        let done = catch_unwind(AssertUnwindSafe(|| self.run())).unwrap_or_else(|_| self.refuse());
        // The caller may reopen the folder after the reply, so the lock is released first.
        drop(self);
        if let Some(done) = done {
            let _ = done.send(());
        }
    }

    /// Returns the `close` call to reply to, or `None` if the last handle was dropped.
    fn run(&mut self) -> Option<oneshot::Sender<()>> {
        let mut next_command = None;
        loop {
            let Some(command) = next_command.take().or_else(|| self.wait()) else { continue };
            match command {
                Command::Append(first) => {
                    let group = self.gather(first, &mut next_command);
                    self.commit(group);
                }
                Command::Release => {
                    self.collect();
                    self.probe();
                }
                Command::Forget { upto, answer } => {
                    let _ = answer.send(self.forget(upto));
                }
                Command::Close(done) => {
                    self.close();
                    return Some(done);
                }
                Command::Abandon => return None,
            }
        }
    }

    /// Replies to all commands with an error after a panic, and writes nothing. Returns as [`Writer::run`].
    fn refuse(&mut self) -> Option<oneshot::Sender<()>> {
        let error = Error::unavailable(
            "the writer of the write-ahead log failed because of a fault in the server; restart the server, \
             acknowledged records are kept",
        );
        events::writer_failed();
        self.active = None;
        self.log.state.lock().trouble = Some(error.message.clone());
        loop {
            match self.commands.recv() {
                Ok(Command::Append(append)) => {
                    let _ = append.answer.send(Err(error.clone()));
                }
                Ok(Command::Forget { answer, .. }) => {
                    let _ = answer.send(Err(error.clone()));
                }
                Ok(Command::Release) => {}
                Ok(Command::Close(done)) => {
                    self.log.progress.send_modify(|progress| progress.closed = true);
                    return Some(done);
                }
                Ok(Command::Abandon) | Err(_) => return None,
            }
        }
    }

    /// The next command; `None` after a probe.
    fn wait(&mut self) -> Option<Command> {
        if self.wanted == 0 {
            return Some(self.commands.recv().unwrap_or(Command::Abandon));
        }
        match self.commands.recv_timeout(PROBE) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => {
                self.probe();
                None
            }
            Err(RecvTimeoutError::Disconnected) => Some(Command::Abandon),
        }
    }

    /// All pending appends, up to the size limit of a group. The command that ended the group is left in `next_command`.
    fn gather(&mut self, first: Append, next_command: &mut Option<Command>) -> Vec<Append> {
        let mut bytes = first.payload.len();
        let mut group = vec![first];
        while bytes < GROUP_BYTES {
            match self.commands.try_recv() {
                Ok(Command::Append(append)) => {
                    bytes += append.payload.len();
                    group.push(append);
                }
                Ok(other) => {
                    *next_command = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        group
    }

    /// Writes the group, split over as many segments as needed, and replies.
    fn commit(&mut self, group: Vec<Append>) {
        let mut rest = group.into_iter().peekable();
        while let Some(first) = rest.peek() {
            if let Err(error) = self.make_room(first.room()) {
                for append in rest {
                    let _ = append.answer.send(Err(error.clone()));
                }
                return;
            }
            let mut room = self.active.as_ref().map_or(0, |active| active.capacity - active.offset);
            let mut part = Vec::new();
            while let Some(append) = rest.next_if(|append| append.room() <= room) {
                room -= append.room() - HEADER_BYTES as u64;
                part.push(append);
            }
            match self.write(&part) {
                Ok(end) => self.publish(part, end),
                Err(error) => self.fail_part(part, &error),
            }
        }
    }

    /// Makes the frames durable and returns the offset after them.
    fn write(&mut self, part: &[Append]) -> io::Result<u64> {
        let Some(active) = &self.active else { return Err(io::ErrorKind::NotFound.into()) };
        self.buffer.clear();
        for ((number, ordinal), append) in (self.next..).zip(0..).zip(part) {
            frame::put(&mut self.buffer, active.salt, number, ordinal, &append.payload);
        }
        let end = active.offset + self.buffer.len() as u64;
        // The end mark: old content behind it must not look like a torn write.
        self.buffer.extend_from_slice(&[0; HEADER_BYTES]);
        let started = Instant::now();
        crash_point!("wal::group-gathered");
        active.file.write_all_at(&self.buffer, active.offset)?;
        crash_point!("wal::group-written");
        active.file.sync()?;
        crash_point!("wal::group-synced");
        events::group_synced(part.len(), end - active.offset, started.elapsed());
        Ok(end)
    }

    /// Makes the durable part visible to readers, and replies to its callers.
    fn publish(&mut self, part: Vec<Append>, end: u64) {
        let Some(active) = &mut self.active else { return };
        let first = self.next;
        let mut offset = active.offset;
        let mut answers = Vec::with_capacity(part.len());
        let mut state = self.log.state.lock();
        if let Some(segment) = state.segments.back_mut() {
            for (number, append) in (first..).zip(&part) {
                segment.mark(number, offset);
                offset += append.room() - HEADER_BYTES as u64;
            }
            segment.last = first + part.len() as u64 - 1;
            segment.end = end;
        }
        for (number, append) in (first..).zip(part) {
            state.tail.push(number, append.batch, append.weight);
            answers.push((number, append.answer, append.permit));
        }
        drop(state);
        active.offset = end;
        self.next += answers.len() as u64;
        self.durable = self.next - 1;
        self.resume();
        self.log.progress.send_replace(Progress { last: self.durable, closed: false });
        crash_point!("wal::group-published");
        for (number, answer, _permit) in answers {
            let _ = answer.send(Ok(number));
        }
        if self.buffer.capacity() > BUFFER_BYTES && self.buffer.len() < BUFFER_BYTES {
            self.buffer = Vec::new();
        }
    }

    /// The content of the disk is unknown for this part. Its numbers are never reused, and the next segment declares
    /// them void.
    fn fail_part(&mut self, part: Vec<Append>, cause: &io::Error) {
        self.active = None;
        if let Some(segment) = self.log.state.lock().segments.back_mut() {
            segment.sound = false;
        }
        self.next += part.len() as u64;
        let error = failure("write", &self.log.folder, cause);
        events::group_failed(part.len(), cause);
        self.set_trouble(&error, FRAMES_AT);
        for append in part {
            let _ = append.answer.send(Err(error.clone()));
        }
    }

    fn set_trouble(&mut self, error: &Error, wanted: u64) {
        self.wanted = wanted.max(1);
        let mut state = self.log.state.lock();
        state.trouble = Some(error.message.clone());
        state.full = error.class == ErrorClass::Overloaded;
    }

    /// Accepts appends again, if they were refused.
    fn resume(&mut self) {
        if self.wanted > 0 {
            self.wanted = 0;
            let mut state = self.log.state.lock();
            (state.trouble, state.full) = (None, false);
            drop(state);
            events::appends_resumed();
        }
    }

    /// Tests whether appends are possible again, so that recovery needs no client.
    fn probe(&mut self) {
        if self.wanted > 0 && self.make_room(self.wanted).is_ok() {
            self.resume();
        }
    }

    /// Truncates the unused end of the active segment, and refuses the remaining commands.
    fn close(&mut self) {
        crash_point!("wal::closing");
        if let Some(active) = self.active.take()
            && let Err(error) = active.file.truncate(active.offset).and_then(|()| active.file.sync())
        {
            events::cleanup_failed("truncate its last segment", &self.log.folder, &error);
        }
        self.log.progress.send_modify(|progress| progress.closed = true);
        while let Ok(command) = self.commands.try_recv() {
            match command {
                Command::Append(append) => {
                    let _ = append.answer.send(Err(super::closed()));
                }
                Command::Forget { answer, .. } => {
                    let _ = answer.send(Err(super::closed()));
                }
                Command::Close(done) => {
                    let _ = done.send(());
                }
                Command::Release | Command::Abandon => {}
            }
        }
    }
}
