//! `/api/v1/figures`: figures of the server and its traffic, once or as events.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    response::{Response, sse::Event},
    routing::get,
};
use futures::StreamExt as _;
use model::api::FiguresView;

use super::{parameters::NoParameters, state::FiguresState, tail::stream};

pub(super) fn routes() -> Router<FiguresState> {
    Router::new().route("/api/v1/figures", get(now)).route("/api/v1/figures/live", get(live))
}

async fn now(State(state): State<FiguresState>, _: NoParameters) -> Json<Arc<FiguresView>> {
    Json(state.figures.now().await)
}

/// Ends with the server's live tails; otherwise it would block the shutdown.
async fn live(State(state): State<FiguresState>, _: NoParameters) -> Response {
    let closed = state.live.closed();
    let figures = state.figures.watch().map(|figures| {
        let event = Event::default().event("figures");
        // Views can always be serialised as JSON.
        Ok(event.json_data(&*figures).unwrap_or_default())
    });
    stream(figures.take_until(closed))
}
