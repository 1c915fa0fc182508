//! What the relay does, for display and for metrics.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use metrics::{counter, gauge};
use model::Nanos;
use parking_lot::Mutex;

use super::{Destination, Progress, Waiting, progress::Counts};
use crate::{Error, Queue as _, Space};

/// The state of a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DestinationState {
    /// Nothing was sent to it yet.
    #[default]
    Untried,
    /// The last attempt was acknowledged.
    Up,
    /// The last attempt failed; it is tried again.
    Failing,
}

impl DestinationState {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Untried => "untried",
            Self::Up => "up",
            Self::Failing => "failing",
        }
    }
}

/// The status of one destination.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DestinationStatus {
    /// Its URL without secrets.
    pub target: String,
    pub state: DestinationState,
    /// Records that it acknowledged since the program started.
    pub delivered: u64,
    /// The error of the last attempt, if it failed.
    pub error: Option<String>,
    /// When it last acknowledged something.
    pub acknowledged: Option<Nanos>,
}

/// The status of the relay. Counts are records since the first start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RelayStatus {
    pub delivered: u64,
    /// Refused for good; see the file of refused records.
    pub refused: u64,
    /// Dropped because the disk space was used up.
    pub dropped: u64,
    /// Records that wait; `None` until the backlog of the start is counted.
    pub waiting_records: Option<u64>,
    /// Their size in memory.
    pub waiting_bytes: Option<u64>,
    /// The time since the receipt of the oldest record that waits, in nanoseconds; 0 if none waits.
    pub waiting_age: Nanos,
    /// The disk space of the queue.
    pub space: Option<Space>,
    /// Why new records are refused.
    pub queue_trouble: Option<String>,
    /// Why the relay itself cannot continue.
    pub trouble: Option<String>,
    pub destinations: Vec<DestinationStatus>,
}

/// What the stage shares with those who show it.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Whether a destination is being waited for.
    pub(super) in_attempt: AtomicBool,
}

#[derive(Default)]
struct State {
    counts: Counts,
    /// The time of receipt of the oldest record that waits.
    oldest: Option<Nanos>,
    trouble: Option<String>,
    destinations: Vec<DestinationStatus>,
}

impl Shared {
    pub(super) fn new(progress: &Progress, destinations: &[Destination]) -> Self {
        for Destination { target, .. } in destinations {
            counter!("logboom_agent_delivered_total", "to" => target.clone()).increment(0);
            counter!("logboom_agent_failures_total", "to" => target.clone()).increment(0);
        }
        counter!("logboom_agent_refused_total").increment(0);
        counter!("logboom_agent_dropped_total").increment(0);
        let status = |destination: &Destination| DestinationStatus {
            target: destination.target.clone(),
            ..DestinationStatus::default()
        };
        let destinations = destinations.iter().map(status).collect();
        let state = State { counts: progress.counts(), destinations, ..State::default() };
        Self { state: Mutex::new(state), in_attempt: AtomicBool::new(false) }
    }

    pub(super) fn status(&self, queue: &Waiting, now: Nanos) -> RelayStatus {
        let of_queue = queue.status();
        let waiting = queue.counts();
        let state = self.state.lock();
        RelayStatus {
            delivered: state.counts.delivered,
            refused: state.counts.refused,
            dropped: state.counts.dropped,
            waiting_records: waiting.map(|(records, _)| records),
            waiting_bytes: waiting.map(|(_, bytes)| bytes),
            waiting_age: state.oldest.map_or(0, |oldest| (now - oldest).max(0)),
            space: of_queue.space,
            queue_trouble: of_queue.trouble,
            trouble: state.trouble.clone(),
            destinations: state.destinations.clone(),
        }
    }

    pub(super) fn set_oldest(&self, oldest: Option<Nanos>) {
        self.state.lock().oldest = oldest;
    }

    pub(super) fn set_trouble(&self, error: Option<&Error>) {
        self.state.lock().trouble = error.map(|error| error.message.clone());
    }

    /// A group was settled; `progress` has the totals.
    pub(super) fn settled(&self, progress: &Progress, counts: Counts) {
        self.state.lock().counts = progress.counts();
        counter!("logboom_agent_refused_total").increment(counts.refused);
        counter!("logboom_agent_dropped_total").increment(counts.dropped);
    }

    /// An attempt begins.
    pub(super) fn begin_attempt(&self) -> Attempt<'_> {
        self.in_attempt.store(true, Relaxed);
        Attempt(self)
    }

    /// The destination acknowledged `records`; returns whether it had failed before.
    pub(super) fn acknowledged(&self, index: usize, records: u64, now: Nanos) -> bool {
        let mut state = self.state.lock();
        let Some(destination) = state.destinations.get_mut(index) else { return false };
        destination.delivered += records;
        destination.error = None;
        destination.acknowledged = Some(now);
        counter!("logboom_agent_delivered_total", "to" => destination.target.clone()).increment(records);
        gauge!("logboom_agent_destination_up", "to" => destination.target.clone()).set(1.0);
        std::mem::replace(&mut destination.state, DestinationState::Up) == DestinationState::Failing
    }

    /// The attempt failed; returns whether the error is another one than before.
    pub(super) fn failed(&self, index: usize, error: &Error) -> bool {
        let mut state = self.state.lock();
        let Some(destination) = state.destinations.get_mut(index) else { return false };
        counter!("logboom_agent_failures_total", "to" => destination.target.clone()).increment(1);
        gauge!("logboom_agent_destination_up", "to" => destination.target.clone()).set(0.0);
        destination.state = DestinationState::Failing;
        destination.error.replace(error.message.clone()).as_deref() != Some(error.message.as_str())
    }
}

/// Marks an attempt under way until it is dropped.
pub(super) struct Attempt<'a>(&'a Shared);

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.0.in_attempt.store(false, Relaxed);
    }
}
