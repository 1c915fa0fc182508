//! `/`: the status page. `/healthz`: the state as JSON; 200 while the process runs, also while no destination answers.
//! `/readyz`: 503 while new records are refused. `/metrics`: the Prometheus format. The details of both are for callers
//! who may read.

use std::sync::Arc;

use ::metrics::gauge;
use access::{Need, Principal};
use axum::{
    Extension, Json, extract,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use metrics_exporter_prometheus::PrometheusHandle;
use pipeline::{Supervisor, relay::Relay};

use super::{
    health::{Health, Readiness},
    page,
    status::Inputs,
};
use crate::gate::Routes;

/// The state of the status page and the health calls.
#[derive(Clone)]
pub(super) struct State {
    pub(super) relay: Arc<Relay>,
    pub(super) metrics: PrometheusHandle,
    pub(super) supervisor: Supervisor,
    pub(super) inputs: Inputs,
}

impl State {
    fn health(&self) -> Health {
        Health::new(self.relay.status(), &self.supervisor, self.inputs.views())
    }
}

/// A page without scripts, of which nothing is loaded from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

pub(super) fn routes(state: State) -> Routes {
    calls().with_state(state)
}

/// What the calls need.
#[cfg(test)]
pub(crate) fn declared() -> Vec<crate::gate::Declared> {
    calls().into_parts().1
}

fn calls() -> Routes<State> {
    Routes::new()
        .get("/", Need::Read, page)
        .get("/healthz", Need::Nothing, health)
        .get("/readyz", Need::Nothing, ready)
        .get("/readyz/write", Need::Nothing, ready)
        .get("/metrics", Need::Read, metrics)
}

async fn page(extract::State(state): extract::State<State>) -> impl IntoResponse {
    ([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(page::render(&state.health())))
}

async fn health(extract::State(state): extract::State<State>, Extension(principal): Extension<Principal>) -> Response {
    shown(state.health(), &principal)
}

async fn ready(extract::State(state): extract::State<State>, Extension(principal): Extension<Principal>) -> Response {
    let health = state.health();
    let status = if health.troubles.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, shown(health, &principal)).into_response()
}

/// The state with its details, or only whether all is well.
fn shown(health: Health, principal: &Principal) -> Response {
    match principal.may(Need::Read) {
        Ok(()) => Json(health).into_response(),
        Err(_) => Json(Readiness { ready: health.troubles.is_empty() }).into_response(),
    }
}

async fn metrics(extract::State(state): extract::State<State>) -> impl IntoResponse {
    let status = state.relay.status();
    if let (Some(records), Some(bytes)) = (status.waiting_records, status.waiting_bytes) {
        gauge!("logboom_agent_waiting_records").set(records as f64);
        gauge!("logboom_agent_waiting_bytes").set(bytes as f64);
    }
    gauge!("logboom_agent_waiting_seconds").set(status.waiting_age as f64 / 1e9);
    if let Some(space) = status.space {
        gauge!("logboom_agent_disk_bytes").set(space.bytes as f64);
        gauge!("logboom_agent_disk_limit_bytes").set(space.limit as f64);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render())
}
