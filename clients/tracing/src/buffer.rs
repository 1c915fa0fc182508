//! The buffer of entries that wait for the sender, and the accounting of unsettled entries.
//!
//! An entry counts against the limits from the event until its acknowledgement, so waiting and sent entries together
//! stay within the limits. Entries are numbered in order of arrival. A batch is a run of numbers, and the lowest
//! unsettled number shows up to where everything is settled (see [`Shared`]).
//!
//! [`Shared`]: crate::shared::Shared

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::{entry::Entry, limits};

/// The limits of the buffer and of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// Maximum number of unacknowledged entries.
    pub(crate) records: usize,
    /// Maximum weight of unacknowledged entries, in bytes.
    pub(crate) bytes: usize,
    /// Maximum number of entries per batch.
    pub(crate) batch_records: usize,
    /// How long an entry waits for its batch to fill.
    pub(crate) batch_delay: Duration,
}

#[derive(Debug)]
pub(crate) struct Buffer {
    bounds: Bounds,
    state: Mutex<State>,
    /// Notified when a batch may be ready.
    wake: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Entries with their weights.
    waiting: VecDeque<(usize, Entry)>,
    waiting_bytes: usize,
    /// The arrival of the oldest waiting entry, or the time of the last take before it.
    since: Option<Instant>,
    /// Waiting and sent entries.
    held: Held,
    /// The number of the next entry.
    next: u64,
    /// Entries below this number do not wait for their batch to fill.
    flush_below: u64,
    closed: bool,
}

/// An amount of unsettled entries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
}

/// A refused entry, and the reason.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) entry: Entry,
    pub(crate) reason: &'static str,
}

/// The next step of the sender.
#[derive(Debug)]
pub(crate) enum Next {
    Batch(Run),
    /// Nothing before this time.
    At(Instant),
    /// Nothing before [`Buffer::wait_for_wake`] returns.
    Nothing,
}

/// Consecutive entries.
#[derive(Debug)]
pub(crate) struct Run {
    /// The number of the first entry.
    pub(crate) first: u64,
    pub(crate) entries: Vec<Entry>,
    pub(crate) weight: usize,
}

impl Buffer {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { bounds, state: Mutex::default(), wake: Notify::new() }
    }

    /// Adds an entry, or returns it at once.
    pub(crate) fn push(&self, entry: Entry) -> Option<Refused> {
        let weight = entry.weight();
        let mut state = self.state.lock();
        if state.closed {
            return Some(Refused { entry, reason: "the guard is gone" });
        }
        if state.held.records >= self.bounds.records || state.held.bytes + weight > self.bounds.bytes {
            return Some(Refused { entry, reason: "the buffer is full" });
        }
        let was_full = self.is_full(&state);
        if state.waiting.is_empty() {
            state.since = Some(Instant::now());
        }
        state.waiting.push_back((weight, entry));
        state.waiting_bytes += weight;
        state.held.records += 1;
        state.held.bytes += weight;
        state.next += 1;
        // Waking a thread costs more than everything else here. So it is done only if the sender has something new to
        // do: to start the delay, or to take a full batch.
        let wake = state.waiting.len() == 1 || (!was_full && self.is_full(&state));
        drop(state);
        if wake {
            self.wake.notify_one();
        }
        None
    }

    /// Takes the next batch if it is full, due or requested by a flush.
    pub(crate) fn take(&self, now: Instant) -> Next {
        let mut state = self.state.lock();
        let Some(since) = state.since else { return Next::Nothing };
        let due = since + self.bounds.batch_delay;
        if !self.is_full(&state) && state.first() >= state.flush_below && now < due {
            return Next::At(due);
        }
        let run = state.take_run(self.bounds.batch_records);
        state.since = (!state.waiting.is_empty()).then_some(now);
        Next::Batch(run)
    }

    /// Waits until a batch may be ready. Only one call at a time.
    pub(crate) async fn wait_for_wake(&self) {
        self.wake.notified().await;
    }

    /// Requests all waiting entries to be sent without delay. Returns the number after the last one.
    pub(crate) fn request_flush(&self) -> u64 {
        let mut state = self.state.lock();
        let below = state.next;
        state.flush_below = below;
        drop(state);
        self.wake.notify_one();
        below
    }

    /// Releases the space of settled entries.
    pub(crate) fn release(&self, records: usize, bytes: usize) {
        let mut state = self.state.lock();
        state.held.records -= records;
        state.held.bytes -= bytes;
    }

    /// The number of the first waiting entry, or of the next one.
    pub(crate) fn first(&self) -> u64 {
        self.state.lock().first()
    }

    pub(crate) fn held(&self) -> Held {
        self.state.lock().held
    }

    /// Refuses entries from now on.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
    }

    /// Takes waiting entries, for the fallback.
    pub(crate) fn drain(&self) -> Option<Run> {
        let mut state = self.state.lock();
        (!state.waiting.is_empty()).then(|| state.take_run(limits::RECORDS_PER_BATCH))
    }

    fn is_full(&self, state: &State) -> bool {
        state.waiting.len() >= self.bounds.batch_records || state.waiting_bytes >= limits::BATCH_WEIGHT
    }
}

impl State {
    fn first(&self) -> u64 {
        self.next - self.waiting.len() as u64
    }

    /// Takes up to `most` entries within the weight of a batch, but at least one.
    fn take_run(&mut self, most: usize) -> Run {
        let first = self.first();
        let mut weight = 0;
        let fits = |(own, _): &&(usize, Entry)| {
            weight += own;
            weight <= limits::BATCH_WEIGHT
        };
        let count = self.waiting.iter().take(most).take_while(fits).count().max(1).min(self.waiting.len());
        let mut weight = 0;
        let entries = self.waiting.drain(..count).map(|(own, entry)| {
            weight += own;
            entry
        });
        let entries = entries.collect();
        self.waiting_bytes -= weight;
        Run { first, entries, weight }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::{entry::Origin, fields::Fields};

    const DELAY: Duration = Duration::from_secs(3600);

    fn buffer(records: usize, bytes: usize, batch_records: usize) -> Buffer {
        Buffer::new(Bounds { records, bytes, batch_records, batch_delay: DELAY })
    }

    fn entry(message: impl Into<String>) -> Entry {
        let place = Origin { target: Cow::Borrowed(""), file: None, line: None };
        let (level, message) = (tracing::Level::INFO, message.into());
        Entry { time: 0, level, place, message, fields: Fields::default(), spans: Vec::new() }
    }

    fn taken(buffer: &Buffer) -> Option<(u64, usize)> {
        match buffer.take(Instant::now()) {
            Next::Batch(run) => Some((run.first, run.entries.len())),
            Next::At(_) | Next::Nothing => None,
        }
    }

    #[test]
    fn a_batch_is_taken_when_it_is_full_or_old_or_waited_for() {
        let buffer = buffer(100, 1 << 20, 3);
        assert!(matches!(buffer.take(Instant::now()), Next::Nothing));
        (0..4).for_each(|_| assert!(buffer.push(entry("m")).is_none()));
        assert_eq!(taken(&buffer), Some((0, 3)));
        let Next::At(due) = buffer.take(Instant::now()) else { panic!("taken too early") };
        assert!(matches!(buffer.take(due), Next::Batch(Run { first: 3, .. })));
        assert!(buffer.push(entry("m")).is_none());
        assert_eq!(taken(&buffer), None);
        assert_eq!(buffer.request_flush(), 5);
        // Entries after the call wait for their own batch.
        assert!(buffer.push(entry("m")).is_none());
        assert_eq!(taken(&buffer), Some((4, 2)));
        assert!(buffer.push(entry("m")).is_none());
        assert_eq!(taken(&buffer), None);
        assert_eq!(buffer.first(), 6);
    }

    #[test]
    fn room_is_returned_when_entries_are_settled_and_not_when_they_are_taken() {
        let buffer = buffer(2, 1 << 20, 2);
        assert!(buffer.push(entry("m")).is_none() && buffer.push(entry("m")).is_none());
        let Next::Batch(run) = buffer.take(Instant::now()) else { panic!("not full") };
        assert_eq!(buffer.push(entry("m")).unwrap().reason, "the buffer is full");
        assert_eq!(buffer.held(), Held { records: 2, bytes: run.weight });
        buffer.release(run.entries.len(), run.weight);
        assert_eq!(buffer.held(), Held::default());
        assert!(buffer.push(entry("m")).is_none());
        buffer.close();
        assert_eq!(buffer.push(entry("m")).unwrap().reason, "the guard is gone");
        assert_eq!(buffer.drain().unwrap().entries.len(), 1);
        assert!(buffer.drain().is_none());
    }

    #[test]
    fn a_batch_has_its_weight_too_and_one_heavy_entry_goes_alone() {
        let buffer = buffer(100, 64 << 20, 10);
        assert!(buffer.push(entry("x".repeat(limits::BATCH_WEIGHT))).is_none());
        assert_eq!(taken(&buffer), Some((0, 1)));
        (0..3).for_each(|_| assert!(buffer.push(entry("x".repeat(limits::BATCH_WEIGHT / 2 - 1000))).is_none()));
        assert_eq!(taken(&buffer), Some((1, 2)));
        assert_eq!(taken(&buffer), None);
        let tight = self::buffer(100, 1000, 10);
        assert!(tight.push(entry("x".repeat(1000))).is_some());
        assert_eq!(tight.held(), Held::default());
    }
}
