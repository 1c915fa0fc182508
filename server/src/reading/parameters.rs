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
use tokio::sync::Semaphore;

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

/// Reads a query strictly: what does not parse is an error that says where and why. Its
/// regular expressions are compiled.
pub(crate) async fn parse_query(text: Option<&str>) -> Result<Query> {
    let text = text.unwrap_or_default();
    if text.len() > limits::QUERY_BYTES {
        return Err(Error::invalid(format!("query has {} bytes; it may have {}", text.len(), limits::QUERY_BYTES)));
    }
    compiled(Query::parse(text).map_err(|error| Error::invalid(format!("query: {error}")))?).await
}

/// How many queries are compiled at the same time; others wait. A hostile one takes a core
/// for a while and some megabytes, and clients may send many of them.
static COMPILING: Semaphore = Semaphore::const_new(2);

/// The query with its regular expressions compiled, off the async threads.
///
/// # Errors
/// `Invalid` for an expression that is not valid or takes too much.
pub(crate) async fn compiled(query: Query) -> Result<Query> {
    if !query.has_patterns() {
        return Ok(query);
    }
    let turn = COMPILING.acquire().await.map_err(|error| Error::internal(error.to_string()))?;
    let compile = move || {
        // Given back when the work is done, not when its caller is gone.
        let _turn = turn;
        query.compile().map(|()| query)
    };
    let compiled = tokio::task::spawn_blocking(compile).await;
    compiled
        .map_err(|error| Error::internal(format!("a query was not compiled: {error}")))?
        .map_err(|error| Error::invalid(format!("query: {error}")))
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    };

    use pipeline::ErrorClass;

    use super::*;

    /// The runtime has one thread: another task runs only where that one is let go of.
    #[tokio::test(flavor = "current_thread")]
    async fn other_tasks_run_while_an_expression_is_compiled() {
        for (text, class) in
            [(r"message:/(\w{3}[a-z]?){9}/", None), ("message:/((a{100}){100}){100}/", Some(ErrorClass::Invalid))]
        {
            let ran = Arc::new(AtomicBool::new(false));
            let task = ran.clone();
            tokio::spawn(async move { task.store(true, Ordering::SeqCst) });
            let query = parse_query(Some(text)).await;
            assert_eq!(query.err().map(|error| error.class), class, "{text}");
            assert!(ran.load(Ordering::SeqCst), "{text}: compiled on the runtime's thread");
        }
    }

    #[tokio::test]
    async fn a_query_of_a_thousand_expressions_is_refused_before_any_is_compiled() {
        let short = vec!["m:/x/"; limits::QUERY_BYTES / 6].join(" ");
        for (text, words) in [
            (vec!["message:/x/"; 1000].join(" OR "), "it may have 4096"),
            (short, "a query may have 16 regular expressions"),
            (vec![r"m:/[\w-]{20}/"; 16].join(" OR "), "may take 4 MiB together"),
        ] {
            let error = parse_query(Some(&text)).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Invalid);
            assert!(error.message.contains(words), "{error}");
        }
    }
}
