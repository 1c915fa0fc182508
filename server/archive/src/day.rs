//! A UTC day.

use std::{fmt, str::FromStr};

use chrono::{DateTime, NaiveDate};
use model::Nanos;
use pipeline::{Error, TimeRange};
use serde::{Deserialize, Serialize};

const NANOS: Nanos = 86_400_000_000_000;

/// A UTC day, written as `2026-11-21`. Spans the years 1677 to 2262, like [`Nanos`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Day(i64);

impl Day {
    /// The day of a time.
    pub fn of(time: Nanos) -> Self {
        Self(time.div_euclid(NANOS))
    }

    /// The day that is `days` earlier; negative numbers lead to later days.
    #[must_use]
    pub fn earlier(self, days: i64) -> Self {
        Self(self.0.saturating_sub(days))
    }

    /// Its first nanosecond since the Unix epoch.
    pub fn start(self) -> Nanos {
        self.0.saturating_mul(NANOS)
    }

    /// Its times.
    pub fn range(self) -> TimeRange {
        TimeRange { from: self.start(), to: self.earlier(-1).start() }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        DateTime::from_timestamp_nanos(self.start()).date_naive().format("%Y-%m-%d").fmt(f)
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.to_string()
    }
}

impl FromStr for Day {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid(format!("{text:?} is not a day; write it as 2026-11-21"));
        let date: NaiveDate = text.parse().map_err(|_| wrong())?;
        let start = date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp_nanos_opt().ok_or_else(wrong)?;
        let day = Self::of(start);
        // Chrono also accepts one digit for the month, which is never the name of a folder.
        if day.to_string() == text { Ok(day) } else { Err(wrong()) }
    }
}

impl TryFrom<String> for Day {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_as_it_is_written_and_holds_its_times() {
        let day: Day = "2026-11-21".parse().unwrap();
        assert_eq!(day.to_string(), "2026-11-21");
        let range = day.range();
        assert_eq!(range.to - range.from, NANOS);
        assert_eq!((Day::of(range.from), Day::of(range.to - 1), Day::of(range.to)), (day, day, day.earlier(-1)));
        assert_eq!(Day::of(-1).to_string(), "1969-12-31");
        for text in ["", "2026-11-2", "2026-11-31", "21.11.2026", "9999-01-01", "2026-11-21x"] {
            assert!(text.parse::<Day>().is_err(), "{text}");
        }
    }
}
