//! `/api/v1/canary`: what became of the canary's records, by door; empty if it is off.

use axum::{Json, Router, extract::State, routing::get};
use model::api::CanaryView;

use super::state::OperationState;

pub(super) fn routes() -> Router<OperationState> {
    Router::new().route("/api/v1/canary", get(list))
}

async fn list(State(state): State<OperationState>) -> Json<Vec<CanaryView>> {
    Json(state.canary.get().map(crate::canary::Canary::views).unwrap_or_default())
}
