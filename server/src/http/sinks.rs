//! `/api/v1/sinks`: the sinks with their status; pause and resume. `/system/sinks`: the same for the form of the page
//! System.

use access::{Need, Principal};
use axum::{
    Extension, Form, Json,
    extract::{State, rejection::FormRejection},
    http::StatusCode,
    response::Redirect,
};
use model::api::SinkView;
use pipeline::Error;
use reading::need_whole_sight;
use serde::Deserialize;
use utoipa::OpenApi;

use super::{
    dead_letters::back,
    parameters::{NoParameters, Path},
    problem::Problem,
};
use crate::{
    audit::{self, Source},
    forwarding,
    gate::Routes,
    state::ForwardingState,
};

#[derive(OpenApi)]
#[openapi(paths(list, pause, resume))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<ForwardingState> {
    Routes::new().get("/api/v1/sinks", Need::Read, list).post("/api/v1/sinks/{name}/pause", Need::Edit, pause).post(
        "/api/v1/sinks/{name}/resume",
        Need::Edit,
        resume,
    )
}

/// Outside the API: the targets of forms, which redirect back.
pub(super) fn forms() -> Routes<ForwardingState> {
    Routes::new().post("/system/sinks", Need::Edit, handle_form)
}

/// The sinks with their status.
#[utoipa::path(
    get,
    path = "/api/v1/sinks",
    tag = "forwarding",
    responses(
        (status = 200, description = "The sinks.", body = Vec<SinkView>, example = json!([{
            "name": "search",
            "target": "elasticsearch+http://10.0.0.9:9200/logs",
            "query": "level>=warn",
            "state": "following",
            "records": 1200000,
            "refused": 3,
            "behind_records": 120,
            "behind_bytes": 65536,
            "behind_is_more": false,
            "waiting_since": null,
            "deleted_at": null,
            "acknowledged": "2026-11-30T09:15:04.120000000Z",
            "error": null,
        }])),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn list(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<SinkView>>, Problem> {
    need_whole_sight(principal.sight(), "sinks")?;
    Ok(Json(forwarding::views(&state.followers)))
}

/// Pauses a sink. Its place is kept.
#[utoipa::path(
    post,
    path = "/api/v1/sinks/{name}/pause",
    tag = "forwarding",
    params(("name" = String, Path, description = "The name of the sink.", example = "search")),
    responses(
        (status = 204, description = "It is paused, or was."),
        (status = 404, description = "There is no sink of this name."),
    ),
)]
async fn pause(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    need_whole_sight(principal.sight(), "sinks")?;
    state.followers.set_paused(&name, true).await?;
    audit::note(&state.audit, &principal, source, audit::Action::SinkPaused, name);
    Ok(StatusCode::NO_CONTENT)
}

/// Lets a paused sink go on from its place.
#[utoipa::path(
    post,
    path = "/api/v1/sinks/{name}/resume",
    tag = "forwarding",
    params(("name" = String, Path, description = "The name of the sink.", example = "search")),
    responses(
        (status = 204, description = "It goes on, or did."),
        (status = 404, description = "There is no sink of this name."),
    ),
)]
async fn resume(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    need_whole_sight(principal.sight(), "sinks")?;
    state.followers.set_paused(&name, false).await?;
    audit::note(&state.audit, &principal, source, audit::Action::SinkResumed, name);
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize)]
struct SinkForm {
    name: String,
    action: Action,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Action {
    Pause,
    Resume,
}

async fn handle_form(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    form: Result<Form<SinkForm>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(form) = form.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    need_whole_sight(principal.sight(), "sinks")?;
    let is_pause = form.action == Action::Pause;
    state.followers.set_paused(&form.name, is_pause).await?;
    let action = if is_pause { audit::Action::SinkPaused } else { audit::Action::SinkResumed };
    audit::note(&state.audit, &principal, source, action, form.name);
    let done = if is_pause { "paused" } else { "resumed" };
    Ok(back(Vec::new(), (done, Vec::new())))
}
