//! `/api/v1/canary`: what became of the canary's records, by door; empty if it is off.

use access::{Need, Principal};
use axum::{Extension, Json, extract::State};
use model::api::CanaryView;
use reading::need_whole_sight;
use utoipa::OpenApi;

use super::{parameters::NoParameters, problem::Problem};
use crate::{canary::Canary, gate::Routes, state::LossesState};

#[derive(OpenApi)]
#[openapi(paths(list))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<LossesState> {
    Routes::new().get("/api/v1/canary", Need::Read, list)
}

/// What became of the marked records of `--canary`, by door; empty if it is off.
#[utoipa::path(
    get,
    path = "/api/v1/canary",
    tag = "losses",
    responses(
        (status = 200, description = "The numbers by door.", body = Vec<CanaryView>, example = json!([{
            "door": "json",
            "sent": 1440,
            "arrived": 1440,
            "failed": 0,
            "missing": 0,
            "doubled": 0,
            "late": 0,
            "last_ms": 41.5,
            "error": null,
        }])),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn list(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<CanaryView>>, Problem> {
    need_whole_sight(principal.sight(), "the canary's numbers")?;
    Ok(Json(state.canary.get().map(Canary::views).unwrap_or_default()))
}
