//! `/api/v1/tasks`: the long tasks of this process, and how each is.

use axum::{Json, Router, extract::State, routing::get};
use model::api::TaskView;

use super::Services;
use crate::tasks::tasks;

pub(super) fn routes() -> Router<Services> {
    Router::new().route("/api/v1/tasks", get(list))
}

async fn list(State(services): State<Services>) -> Json<Vec<TaskView>> {
    Json(tasks(&services.supervisor))
}
