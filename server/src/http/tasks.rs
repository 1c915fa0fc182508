//! `/api/v1/tasks`: the long-running tasks of this process, with their status.

use access::{Need, Principal};
use axum::{Extension, Json, extract::State};
use model::api::TaskView;
use reading::need_whole_sight;

use super::{parameters::NoParameters, problem::Problem, state::HealthState};
use crate::{gate::Routes, tasks::tasks};

pub(super) fn routes() -> Routes<HealthState> {
    Routes::new().get("/api/v1/tasks", Need::Read, list)
}

async fn list(
    State(state): State<HealthState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<TaskView>>, Problem> {
    need_whole_sight(principal.sight(), "the server's tasks")?;
    Ok(Json(tasks(&state.supervisor)))
}
