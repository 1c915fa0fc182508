//! `/api/v1/tail`: the live tail, by server-sent events.
//!
//! The event id is the store position, so a client that reconnects with `Last-Event-ID` receives each missed record
//! once (C3). With `batch=N`, one event carries up to N records, one per line. This cuts the browser's cost per event.

use std::{convert::Infallible, time::Duration};

use access::{Need, Principal};
use axum::{
    Extension,
    extract::{Query as Parameters, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response, Sse, sse::Event},
};
use futures::{Stream, StreamExt as _};
use model::{
    Position, StoredRecord,
    api::{RecordView, SkippedView},
};
use pipeline::{Error, live::LiveEvent};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use utoipa::{IntoParams, OpenApi};

use super::{
    logs::checked,
    problem::{Problem, parse_query},
};
use crate::{gate::Routes, state::ReadingState};

/// Below 30 s, after which common proxies close a silent connection.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);
/// The browser's delay before it reconnects.
const RETRY: Duration = Duration::from_secs(1);
/// The limits of one event, in records, bytes, and time to wait for more: about the duration of a screen frame.
pub(super) const MOST_BATCHED: usize = 1_000;
const BATCH_BYTES: usize = 256 << 10;
const BATCH_DELAY: Duration = Duration::from_millis(20);

#[derive(OpenApi)]
#[openapi(paths(tail))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<ReadingState> {
    Routes::new().get("/api/v1/tail", Need::Read, tail)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct TailParameters {
    /// A filter in the query language; all records without it.
    #[param(max_length = 4096, example = "level>=warn")]
    query: Option<String>,
    /// Continues after this position: the id of an event, or `position` of a page of records. The header
    /// `Last-Event-ID` has priority. Without both, the stream begins now.
    #[param(example = "184990")]
    after: Option<String>,
    /// The most records of an event.
    #[param(minimum = 1, maximum = 1000, default = 1)]
    batch: Option<usize>,
}

/// Records as they are stored, as server-sent events.
///
/// An event `log` has up to `batch` records, one JSON object per line. Its id is the position of the last of them. An
/// event `skipped` has the number of records that a slow client has missed. The stream does not end by itself; it has a
/// comment every 10 s.
#[utoipa::path(
    get,
    path = "/api/v1/tail",
    tag = "live",
    params(
        TailParameters,
        ("last-event-id" = Option<String>, Header, description = "The id of the last event that was received."),
    ),
    responses(
        (
            status = 200,
            description = "The stream.",
            body = String,
            content_type = "text/event-stream",
            example = "id: 184991\nevent: log\ndata: {\"id\":\"0193b2c4-5d6e-7f80-9a1b-2c3d4e5f0000\"}\n\n",
        ),
        (status = 400, description = "A parameter is unknown or invalid. `hints` has queries to try instead."),
    ),
)]
async fn tail(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<TailParameters>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = checked(parameters)?;
    let query = parse_query(parameters.query.as_deref()).await?;
    let after = resume_point(&headers, parameters.after.as_deref())?;
    let most = parameters.batch.unwrap_or(1);
    if !(1..=MOST_BATCHED).contains(&most) {
        return Err(Error::invalid(format!("batch is {most}; it is 1 to {MOST_BATCHED} records an event")).into());
    }
    let mut tail = state.reader.seen_by(principal.sight()).tail(&state.live, query, after)?;
    let events = async_stream::stream! {
        yield Event::default().retry(RETRY).comment("tail");
        let mut batch = Batch::default();
        loop {
            let next = match batch.due {
                None => tail.next().await,
                Some(due) => match timeout_at(due, tail.next()).await {
                    Ok(next) => next,
                    Err(_) => {
                        yield batch.take();
                        continue;
                    }
                }
            };
            match next {
                Some(LiveEvent::Record(stored)) => {
                    batch.push(&stored);
                    if batch.records >= most || batch.lines.len() >= BATCH_BYTES {
                        yield batch.take();
                    }
                }
                Some(LiveEvent::Skipped { count, position }) => {
                    if batch.due.is_some() {
                        yield batch.take();
                    }
                    let event = Event::default().id(position.to_string()).event("skipped");
                    yield event.data(json(&SkippedView { count }));
                }
                None => break,
            }
        }
        if batch.due.is_some() {
            yield batch.take();
        }
    };
    // It ends when the caller's rights end or change.
    Ok(stream(events.map(Ok).take_until(principal.revoked().clone().cancelled_owned())))
}

/// The records of an event under construction.
#[derive(Default)]
struct Batch {
    /// One record per line: a JSON line contains no line feed.
    lines: String,
    records: usize,
    last: Position,
    /// When it is sent even if it is not full; `None` while it is empty.
    due: Option<Instant>,
}

impl Batch {
    fn push(&mut self, stored: &StoredRecord) {
        if self.due.is_some() {
            self.lines.push('\n');
        }
        self.due.get_or_insert_with(|| Instant::now() + BATCH_DELAY);
        self.lines.push_str(&json(&RecordView::from(stored)));
        self.records += 1;
        self.last = stored.position;
    }

    fn take(&mut self) -> Event {
        let batch = std::mem::take(self);
        Event::default().id(batch.last.to_string()).event("log").data(batch.lines)
    }
}

/// An SSE response with heartbeats, which proxies must not buffer.
pub(super) fn stream(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let keep_alive = axum::response::sse::KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-transform"));
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The position to resume at. The header, which a browser sends on reconnect, has priority over the parameter of the
/// original URL.
fn resume_point(headers: &HeaderMap, after: Option<&str>) -> Result<Option<Position>, Error> {
    let header = headers.get("last-event-id").map(|value| ("Last-Event-ID", value.to_str().unwrap_or("?")));
    match header.or(after.map(|text| ("after", text))) {
        None | Some((_, "")) => Ok(None),
        Some((name, text)) => text.parse().map(|position| Some(Position(position))).map_err(|_| {
            Error::invalid(format!("{name} is {text:?}; it must be the id of an event of this tail, a whole number"))
        }),
    }
}

fn json(data: &impl serde::Serialize) -> String {
    // These types always serialise: no maps with keys other than texts, no non-finite numbers.
    serde_json::to_string(data).unwrap_or_default()
}
