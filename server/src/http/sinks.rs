//! `/api/v1/sinks`: the sinks with their status; pause and resume. `/system/sinks`: the same for the form of the page
//! System.

use axum::{
    Form, Json, Router,
    extract::{Path, State, rejection::FormRejection},
    http::StatusCode,
    response::Redirect,
    routing::{get, post},
};
use model::api::SinkView;
use pipeline::Error;
use serde::Deserialize;

use super::{dead_letters::back, parameters::NoParameters, problem::Problem};
use crate::{forwarding, state::ForwardingState};

pub(super) fn routes() -> Router<ForwardingState> {
    Router::new()
        .route("/api/v1/sinks", get(list))
        .route("/api/v1/sinks/{name}/pause", post(pause))
        .route("/api/v1/sinks/{name}/resume", post(resume))
}

/// Outside the API: the targets of forms, which redirect back.
pub(super) fn forms() -> Router<ForwardingState> {
    Router::new().route("/system/sinks", post(handle_form))
}

async fn list(State(state): State<ForwardingState>, _: NoParameters) -> Json<Vec<SinkView>> {
    Json(forwarding::views(&state.followers))
}

async fn pause(State(state): State<ForwardingState>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    state.followers.set_paused(&name, true).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn resume(State(state): State<ForwardingState>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
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
    form: Result<Form<SinkForm>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(form) = form.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let is_pause = form.action == Action::Pause;
    state.followers.set_paused(&form.name, is_pause).await?;
    let done = if is_pause { "paused" } else { "resumed" };
    Ok(back(Vec::new(), (done, Vec::new())))
}
