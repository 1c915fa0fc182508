//! The API.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use model::deletion::{DeletionPreviewView, DeletionView};
use pipeline::Error;
use reading::need_whole_sight;
use utoipa::OpenApi;

use super::act::{NewDeletion, Selection, WHAT, begin, deletion_view, end, try_out};
use crate::{
    audit::Source,
    gate::Routes,
    http::{
        parameters::{NoParameters, Path},
        problem::Problem,
    },
    state::DeletionsState,
};

#[derive(OpenApi)]
#[openapi(paths(preview, list, start, show, cancel))]
pub(crate) struct Calls;

pub(crate) fn routes() -> Routes<DeletionsState> {
    Routes::new()
        .post("/api/v1/deletions/preview", Need::Admin, preview)
        .get("/api/v1/deletions", Need::Admin, list)
        .post("/api/v1/deletions", Need::Admin, start)
        .get("/api/v1/deletions/{id}", Need::Admin, show)
        .delete("/api/v1/deletions/{id}", Need::Admin, cancel)
}

/// What a deletion would remove: the number of records, and the newest of them.
///
/// Nothing is removed. The answer has what the deletion takes: its position and its number of records.
#[utoipa::path(
    post,
    path = "/api/v1/deletions/preview",
    tag = "deletions",
    request_body(content = Selection, example = json!({ "query": "user.id:4711", "from": "-90d" })),
    responses(
        (status = 200, description = "The number and the newest records.", body = DeletionPreviewView, example = json!({
            "query": "user.id:4711",
            "from": "2026-09-01T09:15:04.120000000Z",
            "to": null,
            "position": "184467",
            "records": 17,
            "newest": [],
            "has_archive": true,
        })),
        (status = 400, description = "The body does not read, or the query matches every record and `all` is missing."),
    ),
)]
async fn preview(
    State(state): State<DeletionsState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
    selection: Result<Json<Selection>, JsonRejection>,
) -> Result<Json<DeletionPreviewView>, Problem> {
    let Json(selection) = selection.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    Ok(Json(try_out(&state, &principal, &selection).await?))
}

/// The deletions, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/deletions",
    tag = "deletions",
    responses(
        (status = 200, description = "The last 100 deletions.", body = Vec<DeletionView>, example = json!([{
            "id": "3f2a9c01",
            "state": "done",
            "query": "user.id:4711",
            "from": null,
            "to": null,
            "archives": false,
            "reason": "request 2026-118 of a customer",
            "by": "user kim",
            "confirmed": 17,
            "total": 17,
            "removed": 17,
            "archived": 0,
            "fraction": 1.0,
            "started": "2026-11-30T09:15:04.120000000Z",
            "ended": "2026-11-30T09:15:05.220000000Z",
            "error": null,
        }])),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn list(
    State(state): State<DeletionsState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<DeletionView>>, Problem> {
    need_whole_sight(principal.sight(), WHAT)?;
    Ok(Json(state.deletions.list().await?.into_iter().map(deletion_view).collect()))
}

/// Starts a deletion: the matching records are removed for good.
///
/// It takes the position and the number of records of a preview, so nothing is removed that nobody has seen counted.
/// Deletions run one after another.
#[utoipa::path(
    post,
    path = "/api/v1/deletions",
    tag = "deletions",
    request_body(content = NewDeletion, example = json!({
        "query": "user.id:4711",
        "position": "184467",
        "records": 17,
        "reason": "request 2026-118 of a customer",
    })),
    responses(
        (status = 202, description = "It is started.", body = DeletionView, example = json!({
            "id": "3f2a9c01",
            "state": "running",
            "query": "user.id:4711",
            "from": null,
            "to": null,
            "archives": false,
            "reason": "request 2026-118 of a customer",
            "by": "user kim",
            "confirmed": 17,
            "total": null,
            "removed": 0,
            "archived": 0,
            "fraction": null,
            "started": "2026-11-30T09:15:04.120000000Z",
            "ended": null,
            "error": null,
        })),
        (status = 400, description = "The body does not read, the query matches every record and `all` is missing, or the \
                                      server has no archive."),
        (status = 409, description = "It cannot begin now, such as while a replay to the store is not finished."),
    ),
)]
async fn start(
    State(state): State<DeletionsState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    deletion: Result<Json<NewDeletion>, JsonRejection>,
) -> Result<(StatusCode, Json<DeletionView>), Problem> {
    let Json(deletion) = deletion.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let deletion = begin(&state, &principal, source, deletion).await?;
    Ok((StatusCode::ACCEPTED, Json(deletion_view(deletion))))
}

/// One deletion.
#[utoipa::path(
    get,
    path = "/api/v1/deletions/{id}",
    tag = "deletions",
    params(("id" = String, Path, description = "The `id` of the deletion.", example = "3f2a9c01")),
    responses(
        (status = 200, description = "The deletion.", body = DeletionView, example = json!({
            "id": "3f2a9c01",
            "state": "running",
            "query": "user.id:4711",
            "from": null,
            "to": null,
            "archives": false,
            "reason": "",
            "by": "user kim",
            "confirmed": 170_000,
            "total": 170_000,
            "removed": 85_000,
            "archived": 0,
            "fraction": 0.5,
            "started": "2026-11-30T09:15:04.120000000Z",
            "ended": null,
            "error": null,
        })),
        (status = 400, description = "A parameter is given; the call has none."),
        (status = 404, description = "There is no such deletion."),
    ),
)]
async fn show(
    State(state): State<DeletionsState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<DeletionView>, Problem> {
    need_whole_sight(principal.sight(), WHAT)?;
    Ok(Json(deletion_view(state.deletions.get(&id).await?)))
}

/// Ends a deletion. What is removed stays removed.
#[utoipa::path(
    delete,
    path = "/api/v1/deletions/{id}",
    tag = "deletions",
    params(("id" = String, Path, description = "The `id` of the deletion.", example = "3f2a9c01")),
    responses(
        (status = 200, description = "It ends after the step under way.", body = DeletionView, example = json!({
            "id": "3f2a9c01",
            "state": "cancelling",
            "query": "user.id:4711",
            "from": null,
            "to": null,
            "archives": false,
            "reason": "",
            "by": "user kim",
            "confirmed": 170_000,
            "total": 170_000,
            "removed": 85_000,
            "archived": 0,
            "fraction": 0.5,
            "started": "2026-11-30T09:15:04.120000000Z",
            "ended": null,
            "error": null,
        })),
        (status = 400, description = "The id does not read."),
        (status = 404, description = "There is no such deletion."),
        (status = 409, description = "It has ended already."),
    ),
)]
async fn cancel(
    State(state): State<DeletionsState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<DeletionView>, Problem> {
    Ok(Json(deletion_view(end(&state, &principal, source, &id).await?)))
}
