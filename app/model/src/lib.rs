//! The data model: log records, the query language and the limits.
//!
//! Shared by the server and the browser, so it compiles to WebAssembly and has no I/O, no clock and no randomness:
//! callers pass the time and fresh ids. The fields follow the OpenTelemetry log data model, flattened
//! (<https://opentelemetry.io/docs/specs/otel/logs/data-model/>).

pub mod access_views;
pub mod aggregate;
pub mod api;
pub mod audit;
pub mod deletion;
mod figures;
pub mod hex;
pub mod hidden;
pub mod id;
pub mod limits;
mod loss_ledger;
mod operations;
pub mod pattern;
pub mod query;
mod range;
pub mod record;
mod redaction;
mod saved_view;
pub mod severity;
mod sight;
pub mod time;
pub mod trace;

pub use id::RecordId;
pub use query::{ParseError, Query};
pub use range::TimeRange;
pub use record::{Position, Record, StoredRecord, Value, attribute_place};
pub use saved_view::SavedView;
pub use severity::{LevelClass, LevelNumbers, Severity};
pub use sight::{HiddenField, Sight, Unhideable};
pub use time::Nanos;

/// Short text, stored inline up to 24 bytes: services, nodes, levels, keys.
pub type Text = compact_str::CompactString;
