//! `/api/v1/figures`: figures of the server and its traffic, once or as events.

use std::sync::Arc;

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::State,
    response::{Response, sse::Event},
};
use futures::StreamExt as _;
use model::api::FiguresView;
use utoipa::OpenApi;

use super::{parameters::NoParameters, state::FiguresState, tail::stream};
use crate::gate::Routes;

#[derive(OpenApi)]
#[openapi(paths(now, live))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<FiguresState> {
    Routes::new().get("/api/v1/figures", Need::Read, now).get("/api/v1/figures/live", Need::Read, live)
}

/// The state and the traffic of the server.
#[utoipa::path(
    get,
    path = "/api/v1/figures",
    tag = "server",
    responses(
        (status = 200, description = "The figures.", body = FiguresView, example = json!({
            "time": "2026-11-30T09:15:04.120000000Z",
            "version": "0.1.0",
            "uptime_seconds": 86400,
            "memory_bytes": 120000000,
            "queue": { "engine": "embedded", "trouble": null, "depth": 0, "newer": 0 },
            "store": {
                "engine": "embedded", "trouble": null, "records": 120000000, "bytes": 9000000000_u64, "dead_letters": 0,
            },
            "retention": { "age": "30d", "bytes": null, "services": [["audit", "1y"]] },
            "tails": 2,
            "stored_per_second": 1200.5,
            "lag_ms": 35.0,
            "traffic": { "bucket_seconds": 15.0, "buckets": [] },
            "services": [{
                "service": "checkout",
                "count": 4182,
                "errors": 32,
                "spark": [120, 140],
                "last_seen": "2026-11-30T09:15:04.120000000Z",
            }],
            "trouble": null,
        })),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn now(
    State(state): State<FiguresState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Json<Arc<FiguresView>> {
    Json(state.figures.seen_by(principal.sight()).now().await)
}

/// The figures every second, as server-sent events.
///
/// It ends with the server's live tails, because it would block the shutdown, and with the rights of the caller.
#[utoipa::path(
    get,
    path = "/api/v1/figures/live",
    tag = "live",
    responses(
        (
            status = 200,
            description = "The stream. The data of each event `figures` is as in `/api/v1/figures`.",
            body = String,
            content_type = "text/event-stream",
            example = "event: figures\ndata: {\"time\":\"2026-11-30T09:15:04.120000000Z\"}\n\n",
        ),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn live(
    State(state): State<FiguresState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Response {
    let closed = state.live.closed();
    let revoked = principal.revoked().clone().cancelled_owned();
    let figures = state.figures.seen_by(principal.sight()).watch().map(|figures| {
        let event = Event::default().event("figures");
        // Views can always be serialised as JSON.
        Ok(event.json_data(&*figures).unwrap_or_default())
    });
    stream(figures.take_until(closed).take_until(revoked))
}
