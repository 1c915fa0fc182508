//! `/api/v1/views`: what readers have saved; `/view/…`: the way there.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
    response::Redirect,
};
use model::api::SavedView;
use pipeline::Error;
use serde::Deserialize;

use super::{parameters::NoParameters, problem::Problem};
use crate::{gate::Routes, state::ReadingState};

pub(super) fn routes() -> Routes<ReadingState> {
    Routes::new().get("/api/v1/views", Need::Read, list).put("/api/v1/views/{name}", Need::Edit, save).delete(
        "/api/v1/views/{name}",
        Need::Edit,
        remove,
    )
}

/// Outside the API: a link for people.
pub(super) fn links() -> Routes<ReadingState> {
    Routes::new().get("/view/{name}", Need::Read, follow)
}

async fn list(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<SavedView>>, Problem> {
    Ok(Json(state.views.seen_by(principal.sight()).list().await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    address: String,
}

async fn save(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
    saved: Result<Json<Saved>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(saved) = saved.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    state.views.seen_by(principal.sight()).save(&name, &saved.address).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.views.seen_by(principal.sight()).remove(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn follow(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
) -> Result<Redirect, Problem> {
    Ok(Redirect::to(&state.views.seen_by(principal.sight()).address(&name).await?))
}
