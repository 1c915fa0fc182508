//! `/metrics`: metrics in the Prometheus format.

use ::metrics::gauge;
use access::{Need, Principal};
use axum::{Extension, extract::State, http::header, response::IntoResponse};
use reading::need_whole_sight;
use utoipa::OpenApi;

use super::{problem::Problem, state::HealthState};
use crate::gate::Routes;

#[derive(OpenApi)]
#[openapi(paths(render))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<HealthState> {
    Routes::new().get("/metrics", Need::Read, render)
}

/// Metrics in the format of Prometheus.
///
/// Gauges that are not updated all the time are refreshed first. Parameters are ignored.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "server",
    responses(
        (
            status = 200,
            description = "The metrics.",
            body = String,
            content_type = "text/plain",
            example = "# TYPE logboom_queue_up gauge\nlogboom_queue_up 1\n",
        ),
    ),
)]
async fn render(
    State(state): State<HealthState>,
    Extension(principal): Extension<Principal>,
) -> Result<impl IntoResponse, Problem> {
    need_whole_sight(principal.sight(), "metrics")?;
    let queue = state.queue.status();
    let store = state.store.status();
    gauge!("logboom_queue_depth_batches").set(queue.depth as f64);
    gauge!("logboom_queue_newer_batches").set(queue.newer as f64);
    gauge!("logboom_queue_up").set(f64::from(u8::from(queue.trouble.is_none())));
    gauge!("logboom_store_records").set(store.records as f64);
    gauge!("logboom_store_bytes").set(store.bytes as f64);
    gauge!("logboom_store_up").set(f64::from(u8::from(store.trouble.is_none())));
    gauge!("logboom_dead_letters").set(store.dead_letters.letters as f64);
    gauge!("logboom_dead_letter_bytes").set(store.dead_letters.bytes as f64);
    gauge!("logboom_store_parts_aside").set(store.aside.len() as f64);
    gauge!("logboom_store_records_aside").set(store.aside.iter().map(|part| part.records).sum::<u64>() as f64);
    for sink in state.followers.status() {
        let behind = sink.behind.unwrap_or_default();
        gauge!("logboom_sink_behind_records", "sink" => sink.name.clone()).set(behind.records as f64);
        gauge!("logboom_sink_behind_bytes", "sink" => sink.name).set(behind.bytes as f64);
    }
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], state.metrics.render()))
}
