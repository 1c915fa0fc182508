//! The progress of a follower, kept as a document.

use model::Position;
use serde::{Deserialize, Serialize};

use super::Definition;
use crate::{Documents, Error, Expected, Json, Kind, Lease, Result, documents::unchecked};

/// The cursors. They belong to the store's positions, so they are neither exported nor imported.
pub const CURSOR: Kind = Kind {
    name: "sink-cursor",
    format: 1,
    plural: "sink cursors",
    most_bytes: 8 << 10,
    most_documents: 1000,
    check: unchecked,
};

/// What a follower has delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// The destination, as the first node wrote it. Nodes of an earlier version may compare it letter by letter.
    target: String,
    position: i64,
    /// The last position of the batch that may have been sent without an acknowledgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sending: Option<i64>,
    /// [`super::Sent::mark`] of the last acknowledged batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mark: Option<String>,
    /// Acknowledged records since the first start.
    #[serde(default)]
    pub(super) records: u64,
    /// Refused records since the first start.
    #[serde(default)]
    pub(super) refused: u64,
}

impl Cursor {
    pub(super) fn new(definition: &Definition, position: Position) -> Self {
        let target = definition.target.to_string();
        Self { target, position: position.0, sending: None, mark: None, records: 0, refused: 0 }
    }

    /// The stored cursor of the sink; `None` before its first start.
    ///
    /// # Errors
    /// `Invalid` if it belongs to another destination.
    pub(super) async fn load(documents: &dyn Documents, definition: &Definition) -> Result<Option<Self>> {
        let Some(document) = documents.get(&CURSOR, &definition.name).await? else { return Ok(None) };
        let cursor: Self = document
            .body
            .read()
            .map_err(|error| Error::corrupt(format!("the cursor of the sink {}: {error}", definition.name)))?;
        if !definition.target.is(&cursor.target) {
            return Err(Error::invalid(format!(
                "the sink {} sent to {} until now, and its cursor belongs to that; give the new destination {} \
                 another name",
                definition.name, cursor.target, definition.target
            )));
        }
        Ok(Some(cursor))
    }

    pub(super) async fn store(&self, documents: &dyn Documents, name: &str, fence: &Lease) -> Result<()> {
        documents.put(&CURSOR, name, &Json::from_value(self)?, Expected::Any, Some(fence)).await?;
        Ok(())
    }

    pub(super) fn position(&self) -> Position {
        Position(self.position)
    }

    /// The end of the batch that may have been sent.
    pub(super) fn sending(&self) -> Option<Position> {
        self.sending.map(Position)
    }

    pub(super) fn set_sending(&mut self, upto: Option<Position>) {
        self.sending = upto.map(|position| position.0);
    }

    /// Moves past everything up to `upto`.
    pub(super) fn advance(&mut self, upto: Position) {
        self.position = upto.0;
        self.sending = None;
    }
}
