//! Time: nanoseconds since the Unix epoch, and every form clients write it in.
//!
//! Dates and printing are the crate `chrono`. Reading is our own: chrono reads one form a call
//! and knows no epoch whose unit follows from its size and no fraction after a comma, while a
//! sender's time may have any of some twenty forms, and one is read for each record.

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

/// The earliest time that a log can mean, 1973-03-03: a smaller count of seconds since 1970 is
/// no time at all, and from here on seconds, milliseconds, microseconds and nanoseconds have
/// 9 to 11, 12 to 14, 15 to 17 and 18 to 19 digits.
pub const EARLIEST: Nanos = 100_000_000 * SECOND;

/// Writes RFC 3339 in UTC with nine digits: `2026-01-02T03:04:05.000000006Z`.
pub fn format_rfc3339(time: Nanos) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::Nanos, true)
}

/// Writes RFC 3339 in UTC with three digits, cut off, as JavaScript's
/// `Date.toISOString` does: `2026-01-02T03:04:05.006Z`.
pub fn format_rfc3339_millis(time: Nanos) -> String {
    DateTime::from_timestamp_nanos(time).to_rfc3339_opts(SecondsFormat::Millis, true)
}
