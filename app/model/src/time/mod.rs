//! Time: nanoseconds since the Unix epoch, and every form clients write it in.

mod calendar;
mod parse;
mod range;
#[cfg(test)]
mod tests;

use chrono::{DateTime, SecondsFormat};

pub use parse::parse_timestamp;
pub use range::parse_range_end;

/// Nanoseconds since the Unix epoch, UTC. Spans the years 1677 to 2262.
pub type Nanos = i64;

const SECOND: Nanos = 1_000_000_000;

/// Writes RFC 3339 in UTC with nine digits: `2026-01-02T03:04:05.000000006Z`.
pub fn format_rfc3339(time: Nanos) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// Writes RFC 3339 in UTC with three digits, cut off, as JavaScript's
/// `Date.toISOString` does: `2026-01-02T03:04:05.006Z`.
pub fn format_rfc3339_millis(time: Nanos) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}
