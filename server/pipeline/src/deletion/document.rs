//! A deletion as it is stored.

use std::collections::BTreeSet;

use model::{Nanos, Position, Query, TimeRange};
use serde::{Deserialize, Serialize};

use super::{KEPT, without_audit};
use crate::{
    Documents, Error, Kind, Removal, Result,
    documents::unchecked,
    jobs::{self, ERROR, Job},
};

/// The deletions. They belong to the store's positions, so they are neither exported nor imported.
const DELETION: Kind = Kind {
    name: "deletion",
    format: 1,
    plural: "deletions",
    most_bytes: 256 << 10,
    most_documents: KEPT,
    check: unchecked,
};

/// The most parts of [`Deletion::aside`], so that the document keeps its size.
pub(super) const ASIDE: usize = 1000;

/// The state of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeletionState {
    /// It counts or removes, or waits for its turn.
    Running,
    /// A user ended it; what is still there is being counted.
    Cancelling,
    /// No matching record is left.
    Done,
    /// It could not remove all; [`Deletion::error`] has the reason.
    Failed,
    /// A user ended it.
    Cancelled,
}

impl DeletionState {
    /// The name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A deletion with its progress.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deletion {
    /// 8 hexadecimal digits.
    #[serde(skip)]
    pub id: String,
    pub query: String,
    /// The first time, in nanoseconds since the Unix epoch.
    pub(super) from: Nanos,
    /// The end of the range, exclusive.
    pub(super) until: Nanos,
    /// Only records up to this position are removed.
    pub(super) upto: i64,
    /// The number of records that the user has confirmed.
    pub confirmed: u64,
    /// Whether archived days are written again.
    pub archives: bool,
    /// Why, in the words of the user; may be empty.
    pub reason: String,
    /// The name of the caller who started it.
    pub by: String,
    pub state: DeletionState,
    pub started: Nanos,
    pub ended: Option<Nanos>,
    /// The number of matching records before the first was removed; `None` until they are counted.
    pub total: Option<u64>,
    /// Records that are removed from the store. Until the end, a step that a crash has interrupted may be missing.
    pub removed: u64,
    /// Where the pass goes on.
    pub(super) next: Option<String>,
    /// Whether the store is done.
    pub(super) is_removed: bool,
    /// The parts that were set aside when the records were counted, at most [`ASIDE`]: their records are not in `total`.
    #[serde(default)]
    pub(super) aside: BTreeSet<String>,
    /// Why not all records of the store could be removed.
    pub(super) left: Option<String>,
    /// Records that are removed from archived days.
    pub archived: u64,
    /// The start of the last archived day that is done.
    pub(super) day: Option<Nanos>,
    /// The last error, or why it failed.
    pub error: Option<String>,
}

impl Deletion {
    /// Only records of these times are removed.
    pub fn range(&self) -> TimeRange {
        TimeRange { from: self.from, to: self.until }
    }

    /// Only records up to this position are removed.
    pub fn upto(&self) -> Position {
        Position(self.upto)
    }

    /// The removed part of the store's records, from 0 to 1; `None` before they are counted.
    pub fn fraction(&self) -> Option<f64> {
        match (self.state, self.total?) {
            (DeletionState::Done, _) => Some(1.0),
            (_, 0) => Some(0.0),
            (_, total) => Some((self.removed as f64 / total as f64).min(1.0)),
        }
    }

    pub fn is_finished(&self) -> bool {
        !matches!(self.state, DeletionState::Running | DeletionState::Cancelling)
    }

    /// What it removes.
    ///
    /// # Errors
    /// `Invalid` if this version does not read the query.
    pub(super) fn removal(&self) -> Result<Removal> {
        let query = Query::parse(&self.query).map_err(|error| Error::invalid(format!("query: {error}")))?;
        Ok(Removal { query: without_audit(query), range: self.range(), upto: self.upto() })
    }

    /// Some records could not be removed. All different reasons are kept, as far as there is room.
    pub(super) fn add_left(&mut self, reason: &str) {
        let reasons = match self.left.take() {
            None => reason.to_owned(),
            // Found again by an attempt that goes on after an error.
            Some(before) if before.contains(reason) => before,
            Some(before) => format!("{before}; {reason}"),
        };
        self.left = Some(reasons.chars().take(ERROR).collect());
    }
}

impl Job for Deletion {
    const KIND: &'static Kind = &DELETION;

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
        self.state == DeletionState::Running
    }

    fn is_finished(&self) -> bool {
        Self::is_finished(self)
    }

    fn error_mut(&mut self) -> &mut Option<String> {
        &mut self.error
    }

    fn cancel(&mut self, _now: Nanos) -> Result<()> {
        if !self.is_running() {
            let (id, state) = (&self.id, self.state.name());
            return Err(Error::conflict(format!("the deletion {id} is {state}; there is nothing to cancel")));
        }
        // It ends once what is left is counted.
        self.state = DeletionState::Cancelling;
        Ok(())
    }
}

/// The id of a deletion that is not finished. A replay to the store may bring back what it removes.
pub(crate) async fn deleting(documents: &dyn Documents) -> Result<Option<String>> {
    jobs::unfinished::<Deletion>(documents, |_| true).await
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A deletion that has not begun.
    fn deletion() -> Deletion {
        let body = r#"{"query":"a","from":0,"until":9,"upto":5,"confirmed":1,"archives":false,"reason":"","by":"kim",
            "state":"running","started":1,"ended":null,"total":null,"removed":0,"next":null,"is_removed":false,
            "left":null,"archived":0,"day":null,"error":null}"#;
        serde_json::from_str(body).unwrap()
    }

    #[test]
    fn reasons_are_added_once_each_and_stay_bounded() {
        let mut deletion = deletion();
        assert!(deletion.aside.is_empty(), "it is absent in a document of before");
        for reason in ["the part p1 is set aside", "the day 2 cannot be read", "the part p1 is set aside"] {
            deletion.add_left(reason);
        }
        assert_eq!(deletion.left.as_deref(), Some("the part p1 is set aside; the day 2 cannot be read"));
        deletion.add_left(&"x".repeat(2 * ERROR));
        assert_eq!(deletion.left.map(|left| left.chars().count()), Some(ERROR));
    }
}
