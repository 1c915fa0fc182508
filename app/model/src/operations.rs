//! What operators look after, as JSON: tasks, dead letters, missing files, sinks, replays and the canary.

use serde::{Deserialize, Serialize};

/// A batch that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeadLetterView {
    pub id: String,
    pub time: String,
    pub reason: String,
    pub producer: String,
    pub batch_id: Option<String>,
    pub records: u32,
    pub bytes: u64,
    /// The services of its records; empty if unknown.
    #[serde(default)]
    pub services: Vec<String>,
}

/// A missing or damaged file. All results lack its records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PartAsideView {
    pub name: String,
    /// The path to restore the file to before the next start.
    pub path: String,
    pub reason: String,
    pub records: u64,
    /// Size of the intact file.
    pub bytes: u64,
    /// The times of its oldest and newest record, in RFC 3339.
    pub oldest: String,
    pub newest: String,
}

/// A long-running task of the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TaskView {
    pub name: String,
    /// `running`, `waiting` for its restart, `ended`, or `broken`: it needs a restart of the program.
    pub state: String,
    /// Time of the last state change, in RFC 3339.
    pub since: String,
    pub restarts: u64,
    /// The last failure.
    pub last_error: Option<String>,
}

/// A sink, and what it has delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SinkView {
    pub name: String,
    /// The destination, without secrets.
    pub target: String,
    /// The filter; empty for all records.
    pub query: String,
    /// `starting`, `following`, `failing`, `paused`, `elsewhere` (another node runs it) or `refused` (its definition
    /// must be changed).
    pub state: String,
    /// Delivered records since its first start.
    pub records: u64,
    /// Records that the destination refused; they are dead letters.
    pub refused: u64,
    /// Stored records that it has not examined yet; `null` if another node runs it.
    pub behind_records: Option<u64>,
    /// Their approximate bytes.
    pub behind_bytes: Option<u64>,
    /// These two are at least so many: the sink has not reached the start of the process.
    pub behind_is_more: bool,
    /// When the oldest undelivered record that matches was stored, in RFC 3339.
    pub waiting_since: Option<String>,
    /// When the retention deletes it, if that is within a day.
    pub deleted_at: Option<String>,
    /// When the destination last acknowledged.
    pub acknowledged: Option<String>,
    pub error: Option<String>,
}

/// A replay: records that are sent to a sink once more, or stored again.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReplayView {
    pub id: String,
    /// The day in UTC, such as `2026-11-19`; `null` for other times.
    pub day: Option<String>,
    /// The times of the records, in RFC 3339; `to_time` is exclusive.
    pub from: String,
    pub to_time: String,
    /// Where the records come from: `store` or `archive`.
    pub source: String,
    /// The name of the sink, or `store`.
    pub to: String,
    /// The destination, without secrets.
    pub target: String,
    /// A filter beside that of the sink; empty for all records.
    pub query: String,
    /// `running`, `done`, `failed` or `cancelled`.
    pub state: String,
    /// Delivered records, without the skipped ones.
    pub sent: u64,
    /// Records that were not stored again, because the store had them.
    pub skipped: u64,
    /// Records that the destination refused; they are dead letters of the sink.
    pub refused: u64,
    /// An estimate of the number of all records; `null` until they are counted, and for a filter on the archive.
    pub total: Option<u64>,
    /// The examined part of the records, from 0 to 1; `null` if it is not known.
    pub fraction: Option<f64>,
    /// The position of the last delivered record in the store; in the archive, its number within the day. `null` before
    /// the first.
    pub position: Option<String>,
    /// When it was started, in RFC 3339.
    pub started: String,
    /// When it ended.
    pub ended: Option<String>,
    /// Why it failed, or the last error of the destination.
    pub error: Option<String>,
}

/// What became of the canary's records that one door has taken.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CanaryView {
    pub door: String,
    pub sent: u64,
    /// Found by a search and shown by a tail.
    pub arrived: u64,
    /// Not taken by the door.
    pub failed: u64,
    /// Neither arrived nor failed after 30 s, until now.
    pub missing: u64,
    pub doubled: u64,
    /// Shown by a tail after more than 5 s.
    pub late: u64,
    /// How long the newest arrival took until a tail showed it, in milliseconds.
    pub last_ms: Option<f64>,
    /// Why the newest record was not taken.
    pub error: Option<String>,
}
