//! What a follower does, for display.

use metrics::{counter, gauge};
use model::Nanos;
use parking_lot::Mutex;

/// The state of a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FollowerState {
    #[default]
    Starting,
    /// It sends, or waits for new records.
    Following,
    /// The destination does not acknowledge; it is tried again.
    Failing,
    /// A user paused it.
    Paused,
    /// Another node runs it.
    Elsewhere,
    /// Only a change of its definition can help.
    Refused,
}

impl FollowerState {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Following => "following",
            Self::Failing => "failing",
            Self::Paused => "paused",
            Self::Elsewhere => "elsewhere",
            Self::Refused => "refused",
        }
    }
}

/// The status of one follower.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FollowerStatus {
    pub name: String,
    /// The destination, without secrets.
    pub target: String,
    /// The filter as text; empty for all records.
    pub query: String,
    pub state: FollowerState,
    /// Acknowledged records since the first start of the sink.
    pub records: u64,
    /// Refused records since then; they are dead letters.
    pub refused: u64,
    /// Stored records that it has not examined, matching or not; `None` if unknown, as on the nodes that do not run it.
    pub behind: Option<crate::live::Behind>,
    /// When the oldest record that it has not delivered was stored, if there is one.
    pub waiting_since: Option<Nanos>,
    /// When retention deletes it, if that is within a day.
    pub deleted_at: Option<Nanos>,
    /// The last error; `None` if the last attempt succeeded.
    pub error: Option<String>,
    /// When it last received an acknowledgement.
    pub acknowledged: Option<Nanos>,
}

/// The part of the status that the follower's task writes.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) state: FollowerState,
    pub(super) at: Option<model::Position>,
    pub(super) records: u64,
    pub(super) refused: u64,
    pub(super) waiting_since: Option<Nanos>,
    pub(super) error: Option<String>,
    pub(super) acknowledged: Option<Nanos>,
}

/// The shared progress of one follower, and its metrics.
pub(super) struct Shared {
    name: String,
    progress: Mutex<Progress>,
}

impl Shared {
    pub(super) fn new(name: &str) -> Self {
        counter!("logboom_sink_records_total", "sink" => name.to_owned()).increment(0);
        counter!("logboom_sink_refused_total", "sink" => name.to_owned()).increment(0);
        counter!("logboom_sink_failures_total", "sink" => name.to_owned()).increment(0);
        Self { name: name.to_owned(), progress: Mutex::default() }
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&Progress) -> T) -> T {
        read(&self.progress.lock())
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut self.progress.lock());
    }

    /// Nothing waits to be delivered.
    pub(super) fn idle(&self) {
        self.change(|progress| {
            progress.state = FollowerState::Following;
            (progress.waiting_since, progress.error) = (None, None);
        });
    }

    pub(super) fn delivered(&self, records: u64, refused: u64, now: Nanos) {
        self.change(|progress| {
            progress.state = FollowerState::Following;
            progress.error = None;
            progress.acknowledged = Some(now);
        });
        counter!("logboom_sink_records_total", "sink" => self.name.clone()).increment(records);
        counter!("logboom_sink_refused_total", "sink" => self.name.clone()).increment(refused);
        gauge!("logboom_sink_up", "sink" => self.name.clone()).set(1.0);
    }

    pub(super) fn failed(&self, error: &crate::Error) {
        let is_new = self.read(|progress| progress.error.as_deref() != Some(error.message.as_str()));
        if is_new {
            tracing::warn!(sink = self.name, %error, "a sink does not take records, retrying");
        }
        self.change(|progress| {
            progress.state = FollowerState::Failing;
            progress.error = Some(error.message.clone());
        });
        counter!("logboom_sink_failures_total", "sink" => self.name.clone()).increment(1);
        gauge!("logboom_sink_up", "sink" => self.name.clone()).set(0.0);
    }
}
