//! The HTTP doors: the API, S1's two calls, health and metrics.
//!
//! The folder is the URL space: one file per call or group of calls.

mod canary;
mod dead_letters;
mod documents;
mod export;
mod figures;
mod health;
mod ledger;
mod logs;
mod metrics;
mod parameters;
mod parts;
pub(crate) mod problem;
mod replays;
mod s1;
mod sinks;
mod state;
mod tail;
mod tasks;
mod views;
pub(crate) mod write;

use axum::{Router, http::StatusCode, response::Response, routing::any};

pub(crate) use self::{
    state::{FiguresState, HealthState, State},
    write::IngestState,
};

/// The doors as routes. Each router has the state of its group alone.
pub(crate) fn routes(State { ingest, reading, figures, losses, forwarding, health }: State) -> Router {
    let ingest = write_routes(ingest);
    let reading = Router::new()
        .merge(logs::routes())
        .merge(export::routes())
        .merge(tail::routes())
        .merge(documents::routes())
        .merge(views::routes())
        .merge(views::links())
        .merge(s1::routes())
        .with_state(reading);
    let figures = figures::routes().with_state(figures);
    let losses = Router::new()
        .merge(dead_letters::routes())
        .merge(dead_letters::forms())
        .merge(parts::routes())
        .merge(parts::forms())
        .merge(canary::routes())
        .merge(ledger::routes())
        .with_state(losses);
    let forwarding = Router::new()
        .merge(sinks::routes())
        .merge(sinks::forms())
        .merge(replays::routes())
        .merge(replays::forms())
        .with_state(forwarding);
    let health =
        Router::new().merge(health::routes()).merge(tasks::routes()).merge(metrics::routes()).with_state(health);
    ingest
        .merge(reading)
        .merge(figures)
        .merge(losses)
        .merge(forwarding)
        .merge(health)
        .route("/api/{*path}", any(no_such_call))
}

/// The doors for records alone.
pub(crate) fn write_routes(state: IngestState) -> Router {
    write::routes().merge(write::put()).with_state(state)
}

/// What answers where OpenTelemetry looks for HTTP.
pub(crate) fn otlp_routes(state: IngestState) -> Router {
    write::otlp_alone().with_state(state)
}

async fn no_such_call(uri: axum::http::Uri) -> Response {
    problem::document(StatusCode::NOT_FOUND, &format!("there is no call {}", uri.path()))
}
