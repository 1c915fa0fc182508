//! Time: nanoseconds since the Unix epoch, and every form clients write it in.

use chrono::{DateTime, SecondsFormat};

/// Nanoseconds since the Unix epoch, UTC. Spans the years 1677 to 2262.
pub type Nanos = i64;

/// Writes RFC 3339 in UTC with nine digits: `2026-01-02T03:04:05.000000006Z`.
pub fn format_rfc3339(time: Nanos) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::Nanos, true)
}
