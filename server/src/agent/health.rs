//! The state of an agent as JSON.

use model::time;
use pipeline::{Supervisor, relay::RelayStatus, supervisor::TaskState};
use serde::{Deserialize, Serialize};

use super::status::InputView;

/// The answer of `/healthz` to callers who may not read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Readiness {
    /// Whether new records are taken.
    pub ready: bool,
}

/// The answer of `/healthz`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Health {
    /// Records since the first start that a destination acknowledged.
    pub delivered: u64,
    /// Records since the first start that were refused for good.
    pub refused: u64,
    /// Records since the first start that were dropped because the disk space was used up.
    pub dropped: u64,
    pub waiting: WaitingView,
    pub destinations: Vec<DestinationView>,
    /// What the agent reads by itself. Older agents send none.
    #[serde(default)]
    pub inputs: Vec<InputView>,
    /// Why new records are refused now, or why none is delivered; empty if all is well.
    pub troubles: Vec<String>,
}

/// What waits to be delivered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct WaitingView {
    /// `None` until the backlog of the start is counted.
    pub records: Option<u64>,
    /// Their size in memory; `None` likewise.
    pub bytes: Option<u64>,
    /// The age of the oldest one.
    pub seconds: f64,
    pub disk_bytes: u64,
    pub disk_limit: u64,
}

/// One destination.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DestinationView {
    pub to: String,
    /// `up`, `failing` or `untried`.
    pub state: String,
    /// Records that it acknowledged since the program started.
    pub delivered: u64,
    pub error: Option<String>,
    /// When it last acknowledged something.
    pub acknowledged: Option<String>,
}

impl Health {
    pub(super) fn new(status: RelayStatus, supervisor: &Supervisor, inputs: Vec<InputView>) -> Self {
        let broken = supervisor.tasks().into_iter().filter(|task| task.state == TaskState::Broken);
        let broken = broken.map(|task| format!("{}: {}", task.name, task.last_error.unwrap_or_default()));
        let troubles = status.queue_trouble.into_iter().chain(status.trouble).chain(broken).collect();
        let space = status.space;
        let destinations = status.destinations.into_iter().map(|destination| DestinationView {
            to: destination.target,
            state: destination.state.name().to_owned(),
            delivered: destination.delivered,
            error: destination.error,
            acknowledged: destination.acknowledged.map(time::format_rfc3339),
        });
        Self {
            delivered: status.delivered,
            refused: status.refused,
            dropped: status.dropped,
            waiting: WaitingView {
                records: status.waiting_records,
                bytes: status.waiting_bytes,
                seconds: status.waiting_age as f64 / 1e9,
                disk_bytes: space.map_or(0, |space| space.bytes),
                disk_limit: space.map_or(0, |space| space.limit),
            },
            destinations: destinations.collect(),
            inputs,
            troubles,
        }
    }

    /// Whether some destination takes records, or none was tried yet.
    pub(super) fn delivers(&self) -> bool {
        self.destinations.iter().any(|destination| destination.state != "failing")
    }
}
