//! The two calls of source S1, with exactly its parameters and field names.
//!
//! `GET /logs` is a stream of unnamed server-sent events: the most recent records, oldest first, then each record once
//! it is stored. `GET /historical-logs` searches.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{Query as Parameters, State, rejection::QueryRejection},
    response::{Response, sse::Event},
};
use futures::StreamExt as _;
use model::{
    Position, Query, StoredRecord, limits,
    query::{Expr, Field, Pattern, Test},
    time,
};
use pipeline::{Error, live::LiveEvent};
use reading::{DefaultRange, RangeText, compiled};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::{logs::checked, problem::Problem, tail};
use crate::{gate::Routes, state::ReadingState};

#[derive(OpenApi)]
#[openapi(paths(logs, historical_logs))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<ReadingState> {
    Routes::new().get("/logs", Need::Read, logs).get("/historical-logs", Need::Read, historical_logs)
}

/// A record in the format of the earlier server.
#[derive(Serialize, ToSchema)]
struct LogView {
    /// A decimal string, the form in which S1's database driver sends 64-bit numbers.
    sequence_number: String,
    /// RFC 3339, with milliseconds.
    timestamp: String,
    node: String,
    level: String,
    message: String,
}

impl From<&StoredRecord> for LogView {
    fn from(stored: &StoredRecord) -> Self {
        Self {
            sequence_number: stored.position.to_string(),
            timestamp: time::format_rfc3339_millis(stored.record.time),
            node: stored.record.node.to_string(),
            level: stored.record.level.to_string(),
            message: stored.record.message.clone(),
        }
    }
}

/// Records as they are stored, as server-sent events of the earlier log stream server.
///
/// It begins with the most recent records, oldest first, and does not end by itself. Parameters are ignored.
#[utoipa::path(
    get,
    path = "/logs",
    tag = "live",
    responses((
        status = 200,
        description = "The stream. The data of each event is a record.",
        body = String,
        content_type = "text/event-stream",
        example = "id: 184991\ndata: {\"sequence_number\":\"184991\",\"node\":\"web-1\",\"message\":\"ok\"}\n\n",
    )),
)]
async fn logs(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
) -> Result<Response, Problem> {
    let reader = state.reader.seen_by(principal.sight());
    // The position is read first: records stored in between are then in the tail, and those that the search also found
    // are recognised by position.
    let newest = reader.newest().await?;
    let mut tail = reader.tail(&state.live, Query::default(), Some(newest))?;
    let recent = reader.recent(newest, state.recent).await?;
    let events = async_stream::stream! {
        for stored in recent {
            yield event(&stored);
        }
        while let Some(next) = tail.next().await {
            match next {
                LiveEvent::Record(stored) => yield event(&stored),
                // S1's clients know only one kind of event, so skipped records become a comment.
                LiveEvent::Skipped { count, .. } => yield Event::default().comment(format!("skipped {count}")),
            }
        }
    };
    // It ends when the caller's rights end or change.
    Ok(tail::stream(events.map(Ok).take_until(principal.revoked().clone().cancelled_owned())))
}

fn event(stored: &StoredRecord) -> Event {
    Event::default()
        .id(stored.position.to_string())
        .json_data(LogView::from(stored))
        .unwrap_or_else(|_| Event::default().comment("not serialisable"))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(rename_all = "camelCase")]
struct SearchParameters {
    /// Continues after the record with this number, which is older.
    #[serde(rename = "sequence_number")]
    #[param(example = "184991")]
    sequence_number: Option<String>,
    /// The begin: RFC 3339, epoch milliseconds, or relative to now. Without it, the oldest record.
    #[param(example = "2026-11-30T00:00:00Z")]
    start_time: Option<String>,
    /// The end, exclusive. Without it, the newest record.
    #[param(example = "2026-12-01T00:00:00Z")]
    end_time: Option<String>,
    /// A part of the message, in any case.
    #[param(example = "failed")]
    message: Option<String>,
    /// A part of the level, in any case, of at most 256 bytes.
    #[param(max_length = 256, example = "error")]
    level: Option<String>,
    /// The most records: 1 to 10000; 10 if it is missing or empty.
    #[param(example = "10")]
    limit: Option<String>,
}

/// Searches the past, for clients of the earlier log stream server.
///
/// It ignores parameters that it does not know, as that server did. An empty parameter counts as missing.
#[utoipa::path(
    get,
    path = "/historical-logs",
    tag = "compatible",
    params(SearchParameters),
    responses(
        (status = 200, description = "The records, newest first.", body = Vec<LogView>, example = json!([{
            "sequence_number": "184991",
            "timestamp": "2026-11-30T09:15:04.120Z",
            "node": "web-1",
            "level": "error",
            "message": "payment of order 4711 failed",
        }])),
        (status = 400, description = "A parameter is invalid."),
    ),
)]
async fn historical_logs(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<SearchParameters>, QueryRejection>,
) -> Result<Json<Vec<LogView>>, Problem> {
    let parameters = checked(parameters)?;
    let reader = state.reader.seen_by(principal.sight());
    let range = RangeText { from: parameters.start_time.as_deref(), to: parameters.end_time.as_deref() };
    let range = reader.range(range, DefaultRange::All)?;
    let limit = match non_empty(&parameters.limit) {
        None => 10,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=limits::PAGE_RECORDS).contains(limit))
            .ok_or_else(|| Error::invalid(format!("limit is {text:?}; it may be 1 to {}", limits::PAGE_RECORDS)))?,
    };
    let cursor = match non_empty(&parameters.sequence_number) {
        None => None,
        Some(text) => Some(reader.cursor_at(position(text)?).await?),
    };
    let records = reader.search(compiled(query(&parameters)?).await?, range, limit, cursor).await?;
    Ok(Json(records.iter().map(LogView::from).collect()))
}

/// An empty parameter counts as missing.
fn non_empty(text: &Option<String>) -> Option<&str> {
    text.as_deref().map(str::trim).filter(|text| !text.is_empty())
}

/// Level and message are case-insensitive substrings.
fn query(parameters: &SearchParameters) -> Result<Query, Error> {
    let mut tests = Vec::new();
    if let Some(text) = non_empty(&parameters.message) {
        tests.push(Expr::Contains(text.to_owned()));
    }
    if let Some(text) = non_empty(&parameters.level) {
        let pattern = Pattern::new(&format!("(?i){}", regex::escape(text)))
            .map_err(|_| Error::invalid(format!("level is longer than {} bytes", limits::NAME_BYTES)))?;
        tests.push(Expr::Field(Field::Level, Test::Regex(pattern)));
    }
    let expr = match tests.len() {
        0 => Expr::All,
        1 => tests.remove(0),
        _ => Expr::And(tests),
    };
    Ok(Query { expr })
}

/// The position of the record after which the search continues.
fn position(text: &str) -> Result<Position, Error> {
    text.parse().map(Position).map_err(|_| {
        Error::invalid(format!("sequence_number is {text:?}; it must be a whole number from an earlier response"))
    })
}
