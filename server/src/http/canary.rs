//! `/api/v1/canary`: what became of the canary's records, by door; empty if it is off.

use axum::{Json, Router, extract::State, routing::get};
use model::api::CanaryView;

use super::parameters::NoParameters;
use crate::{canary::Canary, state::LossesState};

pub(super) fn routes() -> Router<LossesState> {
    Router::new().route("/api/v1/canary", get(list))
}

async fn list(State(state): State<LossesState>, _: NoParameters) -> Json<Vec<CanaryView>> {
    Json(state.canary.get().map(Canary::views).unwrap_or_default())
}
