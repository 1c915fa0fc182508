//! `/api/v1/tasks`: the long-running tasks of this process, with their status.

use axum::{Json, Router, extract::State, routing::get};
use model::api::TaskView;

use super::{parameters::NoParameters, state::HealthState};
use crate::tasks::tasks;

pub(super) fn routes() -> Router<HealthState> {
    Router::new().route("/api/v1/tasks", get(list))
}

async fn list(State(state): State<HealthState>, _: NoParameters) -> Json<Vec<TaskView>> {
    Json(tasks(&state.supervisor))
}
