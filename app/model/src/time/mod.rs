//! Time: nanoseconds since the Unix epoch, and the formats of clients.
//!
//! Dates and printing use the crate `chrono`. Parsing is our own: chrono parses one format per call, and supports
//! neither epochs of unknown unit nor a fraction after a comma. Each record may have any of some twenty formats.

mod calendar;
mod epoch;
mod parse;
mod range;
mod reader;
#[cfg(test)]
mod tests;
#[cfg(feature = "written-times")]
mod written;
mod zone;
#[cfg(feature = "written-times")]
mod zones;

use chrono::{DateTime, SecondsFormat};

pub use epoch::from_epoch;
pub use parse::parse_timestamp;
pub use range::parse_range_end;
#[cfg(feature = "written-times")]
pub use zones::offset_of as zone_offset;

/// Nanoseconds since the Unix epoch, UTC. Spans the years 1677 to 2262.
pub type Nanos = i64;

const SECOND: Nanos = 1_000_000_000;

/// The earliest accepted time of a log, 1973-03-03. A smaller number of seconds is not a plausible time. From here
/// on, seconds, milliseconds, microseconds and nanoseconds have 9 to 11, 12 to 14, 15 to 17 and 18 to 19 digits.
pub const EARLIEST: Nanos = 100_000_000 * SECOND;

/// Formats as RFC 3339 in UTC with nine fractional digits: `2026-01-02T03:04:05.000000006Z`.
pub fn format_rfc3339(time: Nanos) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// Formats as RFC 3339 in UTC with three fractional digits, truncated, like JavaScript's `Date.toISOString`:
/// `2026-01-02T03:04:05.006Z`.
pub fn format_rfc3339_millis(time: Nanos) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}
