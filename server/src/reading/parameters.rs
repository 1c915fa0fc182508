//! Parameters that several calls share: the query, and the range of time.

use chrono::FixedOffset;
use model::{
    Query,
    api::QueryHint,
    limits,
    query::{Reason, advise},
    time,
    time::Nanos,
};
use pipeline::{Error, Result, TimeRange};

/// The server's clock and the zone of times that name none.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    pub clock: pipeline::clock::Clock,
    pub assume_timezone: FixedOffset,
}

impl Clock {
    pub(crate) fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// One end of a range: relative to now, or any form of timestamp.
    pub(crate) fn instant(&self, name: &str, text: &str) -> Result<Nanos> {
        time::parse_range_end(text, self.now(), self.assume_timezone).ok_or_else(|| {
            Error::invalid(format!(
                "{name} is {text:?}, which is no time; write it as -15m, now, 2026-01-02T03:04:05Z or epoch milliseconds"
            ))
        })
    }
}

/// A range as it was written: each end may be missing or empty.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RangeText<'a> {
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
}

impl RangeText<'_> {
    /// The range, with `default` for the ends that are missing.
    pub(crate) fn resolve(self, clock: &Clock, default: TimeRange) -> Result<TimeRange> {
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

    /// The range, by default the last hour up to the end of time, so that records from
    /// clocks that run ahead are seen as well.
    pub(crate) fn resolve_recent(self, clock: &Clock) -> Result<TimeRange> {
        const HOUR: Nanos = 3_600_000_000_000;
        self.resolve(clock, TimeRange { from: clock.now() - HOUR, to: Nanos::MAX })
    }
}

/// What else the query may have meant. Other tools' syntax is always named; a field's test
/// that may be meant as text only where nothing was found.
pub(crate) fn hints(text: &str, found_nothing: bool) -> Vec<QueryHint> {
    advise(text)
        .into_iter()
        .filter(|advice| found_nothing || advice.reason == Reason::OtherSyntax)
        .map(QueryHint::from)
        .collect()
}

/// Reads a query strictly: what does not parse is an error that says where and why.
pub(crate) fn parse_query(text: Option<&str>) -> Result<Query> {
    let text = text.unwrap_or_default();
    if text.len() > limits::QUERY_BYTES {
        return Err(Error::invalid(format!("query has {} bytes; it may have {}", text.len(), limits::QUERY_BYTES)));
    }
    Query::parse(text).map_err(|error| Error::invalid(format!("query: {error}")))
}
