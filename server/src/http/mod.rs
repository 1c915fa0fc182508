//! The HTTP doors: the API, S1's two calls, health and metrics.
//!
//! The folder is the URL space: one file per call or group of calls.

mod dead_letters;
mod export;
mod figures;
mod health;
mod logs;
mod metrics;
mod parts;
pub(crate) mod problem;
mod s1;
mod tail;
mod tasks;
mod views;
pub(crate) mod write;

use std::sync::Arc;

use axum::{Router, http::StatusCode, response::Response, routing::get};
use metrics_exporter_prometheus::PrometheusHandle;
use pipeline::{LogStore, Queue, Supervisor, admit::Ingest, live::LiveHub};

use crate::reading::{Figures, Letters, Parts, Reader, Views};

/// What the calls work on.
#[derive(Clone)]
pub(crate) struct Services {
    pub ingest: Ingest,
    pub reader: Reader,
    pub figures: Figures,
    pub letters: Letters,
    pub parts: Parts,
    pub views: Views,
    pub live: Arc<LiveHub>,
    pub queue: Arc<dyn Queue>,
    pub store: Arc<dyn LogStore>,
    pub metrics: PrometheusHandle,
    /// The supervisor of the long tasks.
    pub supervisor: Supervisor,
    /// Of requests with an `Idempotency-Key`.
    pub repetitions: Arc<write::Repetitions>,
    /// How many of the newest records a page and S1's stream begin with.
    pub recent: usize,
}

/// The doors as routes.
pub(crate) fn routes(services: Services) -> Router {
    let api = Router::new()
        .merge(logs::routes())
        .merge(export::routes())
        .merge(tail::routes())
        .merge(write::routes())
        .merge(dead_letters::routes())
        .merge(parts::routes())
        .merge(figures::routes())
        .merge(tasks::routes())
        .merge(views::routes())
        .route("/api/{*path}", axum::routing::any(no_such_call));
    let router = api
        .merge(views::links())
        .merge(dead_letters::forms())
        .merge(parts::forms())
        .merge(s1::routes())
        .merge(write::put())
        .route("/healthz", get(health::process))
        .route("/readyz", get(health::ready))
        .route("/readyz/write", get(health::ready_to_write))
        .route("/readyz/read", get(health::ready_to_read))
        .route("/metrics", get(metrics::render));
    router.with_state(services)
}

/// What answers where OpenTelemetry looks for HTTP.
pub(crate) fn otlp_routes(services: Services) -> Router {
    write::otlp_alone().with_state(services)
}

async fn no_such_call(uri: axum::http::Uri) -> Response {
    problem::document(StatusCode::NOT_FOUND, &format!("there is no call {}", uri.path()))
}
