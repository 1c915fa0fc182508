//! `/api/v1/views`: what readers have saved; `/view/…`: the way there.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
    response::Redirect,
};
use model::api::SavedView;
use pipeline::Error;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::{
    parameters::{NoParameters, Path},
    problem::Problem,
};
use crate::{
    audit::{self, Action, Source},
    gate::Routes,
    state::ReadingState,
};

#[derive(OpenApi)]
#[openapi(paths(list, save, remove))]
pub(super) struct Calls;

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

/// The saved views, by name.
#[utoipa::path(
    get,
    path = "/api/v1/views",
    tag = "documents",
    responses(
        (
            status = 200,
            description = "The views.",
            body = Vec<SavedView>,
            example = json!([{ "name": "errors", "address": "/?q=level:error" }]),
        ),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn list(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<SavedView>>, Problem> {
    Ok(Json(state.views.seen_by(principal.sight()).list().await?))
}

/// A view to save.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewView)]
#[serde(deny_unknown_fields)]
struct Saved {
    /// An address of the dashboard: path and parameters, at most 16384 bytes.
    #[schema(max_length = 16384)]
    address: String,
}

/// Saves a view, or replaces the one of this name.
#[utoipa::path(
    put,
    path = "/api/v1/views/{name}",
    tag = "documents",
    params(
        (
            "name" = String,
            Path,
            description = "The name of the view: 1 to 256 bytes.",
            max_length = 256,
            example = "errors",
        ),
    ),
    request_body(content = Saved, example = json!({ "address": "/?q=level:error" })),
    responses(
        (status = 204, description = "It is saved."),
        (status = 400, description = "The name or the address is invalid, or there are 500 views."),
        (
            status = 409,
            description = "The view comes from a file of the server, or another writer has changed it meanwhile.",
        ),
    ),
)]
async fn save(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(name): Path<String>,
    saved: Result<Json<Saved>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let Json(saved) = saved.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    state.views.seen_by(principal.sight()).save(&name, &saved.address).await?;
    audit::note(&state.audit, &principal, source, Action::ViewSaved, name);
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a saved view.
#[utoipa::path(
    delete,
    path = "/api/v1/views/{name}",
    tag = "documents",
    params(
        (
            "name" = String,
            Path,
            description = "The name of the view.",
            example = "errors",
        ),
    ),
    responses(
        (status = 204, description = "There is no view of this name any more."),
        (status = 409, description = "The view comes from a file of the server."),
    ),
)]
async fn remove(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.views.seen_by(principal.sight()).remove(&name).await?;
    audit::note(&state.audit, &principal, source, Action::ViewRemoved, name);
    Ok(StatusCode::NO_CONTENT)
}

async fn follow(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
) -> Result<Redirect, Problem> {
    Ok(Redirect::to(&state.views.seen_by(principal.sight()).address(&name).await?))
}
