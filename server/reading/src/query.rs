//! The query of a request: parsed strictly, limited, and compiled off the async threads.

use model::{
    Query,
    api::QueryHint,
    limits,
    query::{Reason, advise},
};
use pipeline::{Error, Result};
use tokio::sync::Semaphore;

/// Hints on other possible meanings of the query. Syntax of other tools is always reported; a field test that may be
/// meant as text, only if there were no results.
pub fn hints(text: &str, found_nothing: bool) -> Vec<QueryHint> {
    advise(text)
        .into_iter()
        .filter(|advice| found_nothing || advice.reason == Reason::OtherSyntax)
        .map(QueryHint::from)
        .collect()
}

/// Parses a query strictly; an error contains the position and the reason. Compiles its regular expressions.
pub async fn parse_query(text: Option<&str>) -> Result<Query> {
    let text = text.unwrap_or_default();
    if text.len() > limits::QUERY_BYTES {
        return Err(Error::invalid(format!("query has {} bytes; it may have {}", text.len(), limits::QUERY_BYTES)));
    }
    compiled(Query::parse(text).map_err(|error| Error::invalid(format!("query: {error}")))?).await
}

/// The limit of concurrent compilations; others wait. A hostile expression takes a core for a while and some megabytes,
/// and clients may send many.
static COMPILING: Semaphore = Semaphore::const_new(2);

/// Compiles the regular expressions of the query, off the async threads.
///
/// # Errors
/// `Invalid` for an expression that is invalid or too expensive.
pub async fn compiled(query: Query) -> Result<Query> {
    if !query.has_patterns() {
        return Ok(query);
    }
    let turn = COMPILING.acquire().await.map_err(|error| Error::internal(error.to_string()))?;
    let compile = move || {
        // Released when the work ends, not when its caller is dropped.
        let _turn = turn;
        query.compile().map(|()| query)
    };
    let compiled = tokio::task::spawn_blocking(compile).await;
    compiled
        .map_err(|error| Error::internal(format!("compiling the query failed: {error}")))?
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

    /// The runtime has one thread: another task runs only if that thread is free.
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
            (short, "a query may have at most 16 regular expressions"),
            (vec![r"m:/[\w-]{20}/"; 16].join(" OR "), "may take 4 MiB together"),
        ] {
            let error = parse_query(Some(&text)).await.unwrap_err();
            assert_eq!(error.class, ErrorClass::Invalid);
            assert!(error.message.contains(words), "{error}");
        }
    }
}
