//! `/api/v1/sinks`: the sinks with their status; pause and resume. `/system/sinks`: the same for the form of the page
//! System.

use access::{Need, Principal};
use axum::{
    Extension, Form, Json,
    extract::{Path, State, rejection::FormRejection},
    http::StatusCode,
    response::Redirect,
};
use model::api::SinkView;
use pipeline::Error;
use reading::need_whole_sight;
use serde::Deserialize;

use super::{dead_letters::back, parameters::NoParameters, problem::Problem};
use crate::{forwarding, gate::Routes, state::ForwardingState};

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

async fn list(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<SinkView>>, Problem> {
    need_whole_sight(principal.sight(), "sinks")?;
    Ok(Json(forwarding::views(&state.followers)))
}

async fn pause(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    need_whole_sight(principal.sight(), "sinks")?;
    state.followers.set_paused(&name, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn resume(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    need_whole_sight(principal.sight(), "sinks")?;
    state.followers.set_paused(&name, false).await?;
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
    form: Result<Form<SinkForm>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(form) = form.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    need_whole_sight(principal.sight(), "sinks")?;
    let is_pause = form.action == Action::Pause;
    state.followers.set_paused(&form.name, is_pause).await?;
    let done = if is_pause { "paused" } else { "resumed" };
    Ok(back(Vec::new(), (done, Vec::new())))
}
