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

use super::{parameters::NoParameters, state::FiguresState, tail::stream};
use crate::gate::Routes;

pub(super) fn routes() -> Routes<FiguresState> {
    Routes::new().get("/api/v1/figures", Need::Read, now).get("/api/v1/figures/live", Need::Read, live)
}

async fn now(
    State(state): State<FiguresState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Json<Arc<FiguresView>> {
    Json(state.figures.seen_by(principal.sight()).now().await)
}

/// Ends with the server's live tails, because it would block the shutdown, and with the rights of the caller.
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
