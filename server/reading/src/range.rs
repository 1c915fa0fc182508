//! The clock of requests, and time ranges in text form.

use chrono::{FixedOffset, NaiveDate, NaiveTime};
use model::{time, time::Nanos};
use pipeline::{Error, Result, TimeRange};

/// The server's clock, and the zone of times without one.
#[derive(Debug, Clone)]
pub struct Clock {
    pub clock: pipeline::clock::Clock,
    pub assume_timezone: FixedOffset,
}

impl Clock {
    pub fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// Parses one end of a range: relative to now, or any form of timestamp.
    pub fn instant(&self, name: &str, text: &str) -> Result<Nanos> {
        time::parse_range_end(text, self.now(), self.assume_timezone).ok_or_else(|| {
            Error::invalid(format!(
                "{name} is {text:?}, which is not a time; write it as -15m, now, 2026-01-02T03:04:05Z or epoch milliseconds"
            ))
        })
    }
}

impl Clock {
    /// Parses a day in UTC, such as `2026-11-19`, that has begun.
    ///
    /// # Errors
    /// `Invalid`, naming the field.
    pub fn day(&self, name: &str, text: &str) -> Result<TimeRange> {
        let day = Some(text).filter(|text| text.len() == 10).and_then(|text| text.parse::<NaiveDate>().ok());
        let start = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc().timestamp_nanos_opt();
        let range = day.and_then(|day| Some(TimeRange { from: start(day)?, to: start(day.succ_opt()?)? }));
        let range = range.ok_or_else(|| {
            Error::invalid(format!("{name} is {text:?}, which is not a day in UTC; write it as 2026-11-19"))
        })?;
        if range.from > self.now() {
            return Err(Error::invalid(format!("{name} is {text}, which has not begun in UTC; name a day that has")));
        }
        Ok(range)
    }
}

/// A range in text form: each end may be missing or empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct RangeText<'a> {
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
}

impl RangeText<'_> {
    /// The range; `default` defines missing ends.
    ///
    /// # Errors
    /// `Invalid` for an end that is not a time, and for ends in the wrong order.
    pub fn resolve(self, clock: &Clock, default: DefaultRange) -> Result<TimeRange> {
        let default = default.at(clock);
        let end = |name, text: Option<&str>, default| match text {
            Some(text) if !text.trim().is_empty() => clock.instant(name, text.trim()),
            _ => Ok(default),
        };
        let range = TimeRange { from: end("from", self.from, default.from)?, to: end("to", self.to, default.to)? };
        if range.from > range.to {
            return Err(Error::invalid("from is later than to; swap them"));
        }
        Ok(range)
    }

    /// The range to compare with, open at a missing end; `None` if both are missing.
    ///
    /// # Errors
    /// As [`RangeText::resolve`].
    pub fn compared(self, clock: &Clock) -> Result<Option<TimeRange>> {
        match self {
            Self { from: None, to: None } => Ok(None),
            given => given.resolve(clock, DefaultRange::All).map(Some),
        }
    }
}

/// The meaning of missing ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultRange {
    /// All of time.
    All,
    /// The last hour, without an upper end, to include records from clocks that are ahead.
    LastHour,
}

impl DefaultRange {
    fn at(self, clock: &Clock) -> TimeRange {
        const HOUR: Nanos = 3_600_000_000_000;
        match self {
            Self::All => TimeRange::ALL,
            Self::LastHour => TimeRange { from: clock.now() - HOUR, to: Nanos::MAX },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Nanos = 3_600_000_000_000;
    const NOW: Nanos = 1_767_323_045_000_000_000;

    fn clock() -> Clock {
        let assume_timezone = FixedOffset::east_opt(0).unwrap();
        Clock { clock: pipeline::clock::Clock::from_fn(|| NOW), assume_timezone }
    }

    #[test]
    fn a_missing_or_empty_end_is_the_default() {
        let last_hour = TimeRange { from: NOW - HOUR, to: Nanos::MAX };
        for (default, expected) in [(DefaultRange::All, TimeRange::ALL), (DefaultRange::LastHour, last_hour)] {
            for (from, to) in [(None, None), (Some(""), None), (Some(" "), Some("")), (None, Some(" "))] {
                assert_eq!(RangeText { from, to }.resolve(&clock(), default).unwrap(), expected);
            }
            let given = RangeText { from: Some("-2h"), to: Some("now") }.resolve(&clock(), default).unwrap();
            assert_eq!(given, TimeRange { from: NOW - 2 * HOUR, to: NOW });
        }
    }

    #[test]
    fn an_error_names_the_end_at_fault() {
        for (from, to, words) in [
            (Some("soon"), None, "from is \"soon\""),
            (None, Some("x"), "to is \"x\""),
            (Some("now"), Some("-1h"), "swap"),
        ] {
            let error = RangeText { from, to }.resolve(&clock(), DefaultRange::All).unwrap_err();
            assert!(error.message.contains(words), "{error}");
        }
    }

    #[test]
    fn a_range_is_compared_with_where_one_end_is_given() {
        let compared = |from, to| RangeText { from, to }.compared(&clock()).unwrap();
        assert_eq!(compared(None, None), None);
        assert_eq!(compared(Some("now"), None), Some(TimeRange { from: NOW, to: Nanos::MAX }));
        assert_eq!(compared(None, Some("now")), Some(TimeRange { from: Nanos::MIN, to: NOW }));
    }
}
