//! A replay as it is stored.

use model::{Nanos, Position, TimeRange};
use serde::{Deserialize, Serialize};

use super::{KEPT, STORE, archived::ArchivedDay};
use crate::{
    Documents, Error, Kind, Result,
    documents::unchecked,
    jobs::{self, Job},
};

/// The replays. They belong to the store's positions, so they are neither exported nor imported.
const REPLAY: Kind =
    Kind { name: "replay", format: 1, plural: "replays", most_bytes: 32 << 10, most_documents: KEPT, check: unchecked };

/// The state of a replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReplayState {
    /// It sends, or waits for a node or for its destination.
    Running,
    /// All records were acknowledged or refused.
    Done,
    /// It cannot go on; [`Replay::error`] has the reason.
    Failed,
    /// A user ended it.
    Cancelled,
}

impl ReplayState {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Where the records of a replay come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Store,
    Archive,
}

impl Origin {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Archive => "archive",
        }
    }
}

/// The number of skipped records of the mark of a replay to the store.
pub(super) fn skipped(mark: Option<&str>) -> u64 {
    mark.and_then(|mark| mark.parse().ok()).unwrap_or(0)
}

/// A replay with its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// 8 hexadecimal digits.
    #[serde(skip)]
    pub id: String,
    /// The first time, in nanoseconds since the Unix epoch.
    pub(super) from: Nanos,
    /// The end of the range, exclusive.
    pub(super) until: Nanos,
    /// The day in the archive that the records come from; `None` for the store.
    #[serde(default)]
    pub(super) archived: Option<ArchivedDay>,
    /// The name of the sink, or [`STORE`].
    pub sink: String,
    /// The destination of the sink at the start, without secrets.
    pub target: String,
    /// A filter beside that of the sink; empty for all records.
    pub query: String,
    /// Whether audit records are left out: who started it does not see them, and may not send them elsewhere.
    #[serde(default)]
    pub(super) without_audit: bool,
    pub state: ReplayState,
    pub started: Nanos,
    pub ended: Option<Nanos>,
    /// The number of matching records at the start; `None` if it is not known.
    pub total: Option<u64>,
    /// Acknowledged records.
    pub sent: u64,
    /// Refused records; they are dead letters of the sink.
    pub refused: u64,
    /// Everything up to here was delivered: a position of the store, or the number of a record in the archive.
    pub(super) position: i64,
    /// The newest position at the start, where a replay from the store ends.
    pub(super) upto: i64,
    /// The end of the batch that may have been sent without an acknowledgement.
    pub(super) sending: Option<i64>,
    /// [`crate::follow::Sent::mark`] of the last acknowledged batch.
    pub(super) mark: Option<String>,
    /// Why it failed, or the last error of the destination; `None` if the last attempt succeeded.
    pub error: Option<String>,
}

impl Replay {
    /// Only records of these times are sent.
    pub fn range(&self) -> TimeRange {
        TimeRange { from: self.from, to: self.until }
    }

    /// Where the records come from.
    pub fn source(&self) -> Origin {
        if self.archived.is_some() { Origin::Archive } else { Origin::Store }
    }

    /// The position of the last delivered record in the store; in the archive, its number within the day.
    pub fn position(&self) -> Position {
        Position(self.position)
    }

    /// The newest position at the start.
    pub fn newest(&self) -> Position {
        Position(self.upto)
    }

    /// Records that the store had, of a replay to the store. They are also counted as sent.
    pub fn skipped(&self) -> u64 {
        if self.sink == STORE { skipped(self.mark.as_deref()) } else { 0 }
    }

    /// The examined part of the records, from 0 to 1; `None` if it is not known.
    pub fn fraction(&self) -> Option<f64> {
        let (done, all) = match (self.state, self.archived) {
            (ReplayState::Done, _) => return Some(1.0),
            (_, Some(day)) => (u64::try_from(self.position).unwrap_or(0), day.records),
            (_, None) => (self.sent + self.refused, self.total?),
        };
        Some(if all == 0 { 0.0 } else { (done as f64 / all as f64).min(1.0) })
    }

    pub fn is_finished(&self) -> bool {
        self.state != ReplayState::Running
    }
}

impl Job for Replay {
    const KIND: &'static Kind = &REPLAY;

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: &str) {
        self.id = id.to_owned();
    }

    fn started(&self) -> Nanos {
        self.started
    }

    fn is_running(&self) -> bool {
        self.state == ReplayState::Running
    }

    fn is_finished(&self) -> bool {
        Self::is_finished(self)
    }

    fn error_mut(&mut self) -> &mut Option<String> {
        &mut self.error
    }

    fn cancel(&mut self, now: Nanos) -> Result<()> {
        if !self.is_running() {
            let (id, state) = (&self.id, self.state.name());
            return Err(Error::conflict(format!("the replay {id} is {state} already; there is nothing to cancel")));
        }
        self.state = ReplayState::Cancelled;
        self.ended = Some(now);
        Ok(())
    }
}

/// The id of a replay to the store that is not finished. It may bring back what a deletion removes.
pub(crate) async fn restoring(documents: &dyn Documents) -> Result<Option<String>> {
    jobs::unfinished::<Replay>(documents, |replay| replay.sink == STORE).await
}
