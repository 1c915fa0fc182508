//! `/api/v1/views`: what readers have saved; `/view/…`: the way there.

use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    response::Redirect,
    routing::{get, put},
};
use model::api::SavedView;
use pipeline::Error;
use serde::Deserialize;

use super::{parameters::NoParameters, problem::Problem};
use crate::state::ReadingState;

pub(super) fn routes() -> Router<ReadingState> {
    Router::new().route("/api/v1/views", get(list)).route("/api/v1/views/{name}", put(save).delete(remove))
}

/// Outside the API: a link for people.
pub(super) fn links() -> Router<ReadingState> {
    Router::new().route("/view/{name}", get(follow))
}

async fn list(State(state): State<ReadingState>, _: NoParameters) -> Result<Json<Vec<SavedView>>, Problem> {
    Ok(Json(state.views.list().await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    address: String,
}

async fn save(
    State(state): State<ReadingState>,
    Path(name): Path<String>,
    saved: Result<Json<Saved>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(saved) = saved.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    state.views.save(&name, &saved.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(State(state): State<ReadingState>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    state.views.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn follow(State(state): State<ReadingState>, Path(name): Path<String>) -> Result<Redirect, Problem> {
    Ok(Redirect::to(&state.views.address(&name).await?))
}
