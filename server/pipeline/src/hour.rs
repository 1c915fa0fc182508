//! An hour of record times.

use std::fmt;

use chrono::{DateTime, NaiveDateTime};
use model::{Nanos, TimeRange};

const NANOS: i64 = 3_600_000_000_000;

/// The number of an hour since the Unix epoch, in UTC. It is shown as `2026-11-19T14`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub i64);

impl Hour {
    /// The width of an hour in nanoseconds.
    pub const WIDTH: i64 = NANOS;

    /// The hour that contains the time.
    pub const fn of(time: Nanos) -> Self {
        Self(time.div_euclid(NANOS))
    }

    pub const fn start(self) -> Nanos {
        self.0.saturating_mul(NANOS)
    }

    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    pub const fn range(self) -> TimeRange {
        TimeRange { from: self.start(), to: self.next().start() }
    }

    /// Reads the form that [`fmt::Display`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let time = NaiveDateTime::parse_from_str(&format!("{text}:00"), "%Y-%m-%dT%H:%M").ok()?;
        Some(Self(time.and_utc().timestamp().div_euclid(3600)))
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp(self.0.saturating_mul(3600), 0) {
            Some(time) => time.format("%Y-%m-%dT%H").fmt(f),
            None => self.0.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_written_form_is_read_back() {
        for (hour, text) in [(0, "1970-01-01T00"), (-1, "1969-12-31T23"), (498_782, "2026-11-25T14")] {
            assert_eq!(Hour(hour).to_string(), text);
            assert_eq!(Hour::parse(text), Some(Hour(hour)));
        }
        for text in ["", "2026-11-19", "2026-11-19T24", "x"] {
            assert_eq!(Hour::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_hour_contains_its_times() {
        for time in [0, 1, NANOS - 1, NANOS, -1] {
            assert!(Hour::of(time).range().contains(time), "{time}");
        }
    }
}
