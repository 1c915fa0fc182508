//! `/api/v1/canary`: what became of the canary's records, by door; empty if it is off.

use access::{Need, Principal};
use axum::{Extension, Json, extract::State};
use model::api::CanaryView;
use reading::need_whole_sight;

use super::{parameters::NoParameters, problem::Problem};
use crate::{canary::Canary, gate::Routes, state::LossesState};

pub(super) fn routes() -> Routes<LossesState> {
    Routes::new().get("/api/v1/canary", Need::Read, list)
}

async fn list(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<CanaryView>>, Problem> {
    need_whole_sight(principal.sight(), "the canary's numbers")?;
    Ok(Json(state.canary.get().map(Canary::views).unwrap_or_default()))
}
