//! `/api/v1/tasks`: the long-running tasks of this process, with their status.

use access::{Need, Principal};
use axum::{Extension, Json, extract::State};
use model::api::TaskView;
use reading::need_whole_sight;
use utoipa::OpenApi;

use super::{parameters::NoParameters, problem::Problem, state::HealthState};
use crate::{gate::Routes, tasks::tasks};

#[derive(OpenApi)]
#[openapi(paths(list))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<HealthState> {
    Routes::new().get("/api/v1/tasks", Need::Read, list)
}

/// The long tasks of this process.
#[utoipa::path(
    get,
    path = "/api/v1/tasks",
    tag = "server",
    responses(
        (status = 200, description = "The tasks.", body = Vec<TaskView>, example = json!([{
            "name": "store-flush",
            "state": "running",
            "since": "2026-11-30T09:15:04.120000000Z",
            "restarts": 0,
            "last_error": null,
        }])),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn list(
    State(state): State<HealthState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<TaskView>>, Problem> {
    need_whole_sight(principal.sight(), "the server's tasks")?;
    Ok(Json(tasks(&state.supervisor)))
}
