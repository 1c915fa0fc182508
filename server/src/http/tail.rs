//! `/api/v1/tail`: the live tail, by server-sent events.
//!
//! The event id is the store position, so a client that comes back with `Last-Event-ID`
//! gets what it missed, once (C3).

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    extract::{Query as Parameters, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, header},
    response::{IntoResponse, Response, Sse, sse::Event},
    routing::get,
};
use futures::{Stream, StreamExt as _};
use model::{
    Position,
    api::{RecordView, SkippedView},
};
use pipeline::{Error, live::LiveEvent};
use serde::Deserialize;

use super::{Services, logs::checked, problem::Problem};
use crate::reading::parse_query;

/// Shorter than the 30 s after which common proxies cut a silent connection.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long a browser waits before it comes back.
const RETRY: Duration = Duration::from_secs(1);

pub(super) fn routes() -> Router<Services> {
    Router::new().route("/api/v1/tail", get(tail))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    query: Option<String>,
    after: Option<String>,
}

async fn tail(
    State(services): State<Services>,
    asked: Result<Parameters<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = checked(asked)?;
    let query = parse_query(asked.query.as_deref())?;
    let after = resume_point(&headers, asked.after.as_deref())?;
    let mut subscription = services.live.subscribe(query, after)?;
    let events = async_stream::stream! {
        yield Event::default().retry(RETRY).comment("tail");
        while let Some(event) = subscription.next().await {
            yield sse_event(event);
        }
    };
    Ok(stream(events.map(Ok)))
}

/// An SSE answer with heartbeats that no proxy holds back.
pub(super) fn stream(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let keep_alive = axum::response::sse::KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// The header that a browser sends by itself comes before the parameter of the URL it
/// first used.
fn resume_point(headers: &HeaderMap, after: Option<&str>) -> Result<Option<Position>, Error> {
    let header = headers.get("last-event-id").map(|value| ("Last-Event-ID", value.to_str().unwrap_or("?")));
    match header.or(after.map(|text| ("after", text))) {
        None | Some((_, "")) => Ok(None),
        Some((name, text)) => text.parse().map(|position| Some(Position(position))).map_err(|_| {
            Error::invalid(format!("{name} is {text:?}; it is the id of an event of this tail, a whole number"))
        }),
    }
}

fn sse_event(event: LiveEvent) -> Event {
    match event {
        LiveEvent::Record(stored) => {
            json(Event::default().id(stored.position.to_string()).event("log"), &RecordView::from(&stored))
        }
        LiveEvent::Skipped { count, position } => {
            json(Event::default().id(position.to_string()).event("skipped"), &SkippedView { count })
        }
    }
}

fn json(event: Event, data: &impl serde::Serialize) -> Event {
    // These types hold nothing that JSON cannot: no maps with other keys than texts, no
    // numbers that are not finite.
    event.json_data(data).unwrap_or_else(|_| Event::default().comment("not serialisable"))
}
