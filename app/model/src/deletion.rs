//! JSON types of deletions.

use serde::{Deserialize, Serialize};

use crate::api::RecordView;

/// What a deletion would remove.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeletionPreviewView {
    /// The query as it was given.
    pub query: String,
    /// The first time of the records, in RFC 3339; `null` for all before `to`.
    pub from: Option<String>,
    /// The end of the times, exclusive; `null` for all after `from`.
    pub to: Option<String>,
    /// The newest position now, which the deletion takes: later records stay. A decimal string.
    pub position: String,
    /// The number of matching records, which the deletion takes: if more match, it removes nothing. Audit records are
    /// never removed, and not counted.
    pub records: u64,
    /// The newest of them, at most 20.
    pub newest: Vec<RecordView>,
    /// Whether the server has an archive, which keeps the records unless the deletion has `archives`.
    pub has_archive: bool,
}

/// A deletion: records that are removed for good.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeletionView {
    pub id: String,
    /// `running`, `cancelling` (what is left is being counted), `done`, `failed` or `cancelled`.
    pub state: String,
    /// The query; empty for all records.
    pub query: String,
    /// The first time of the records, in RFC 3339; `null` for all before `to`.
    pub from: Option<String>,
    /// The end of the times, exclusive; `null` for all after `from`.
    pub to: Option<String>,
    /// Whether the records are also removed from the archive.
    pub archives: bool,
    /// Why, in the words of who started it; may be empty.
    pub reason: String,
    /// The name of the caller who started it.
    pub by: String,
    /// The number of records that was confirmed.
    pub confirmed: u64,
    /// The number of matching records at the start; `null` until they are counted.
    pub total: Option<u64>,
    /// Records that are removed from the store.
    pub removed: u64,
    /// Records that are removed from the archive.
    pub archived: u64,
    /// The removed part of the records of the store, from 0 to 1; `null` until they are counted.
    pub fraction: Option<f64>,
    /// When it was started, in RFC 3339.
    pub started: String,
    /// When it ended.
    pub ended: Option<String>,
    /// Why it failed, or the last error while it is retried.
    pub error: Option<String>,
}
