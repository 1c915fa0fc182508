//! `/api/v1/parts/aside`: record files that are missing or damaged. `/system/parts`: the same for the form of the page
//! System.

use axum::{
    Form, Json, Router,
    extract::{Path, State, rejection::FormRejection},
    http::StatusCode,
    response::Redirect,
    routing::{delete, get, post},
};
use model::api::PartAsideView;
use pipeline::Error;
use serde::Deserialize;

use super::{dead_letters::back, parameters::NoParameters, problem::Problem};
use crate::state::LossesState;

pub(super) fn routes() -> Router<LossesState> {
    Router::new().route("/api/v1/parts/aside", get(list)).route("/api/v1/parts/aside/{*name}", delete(give_up))
}

/// Outside the API: the targets of forms, which redirect back.
pub(super) fn forms() -> Router<LossesState> {
    Router::new().route("/system/parts", post(handle_form))
}

async fn list(State(state): State<LossesState>, _: NoParameters) -> Json<Vec<PartAsideView>> {
    Json(state.parts.aside())
}

async fn give_up(State(state): State<LossesState>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    if state.parts.give_up(&name).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::not_found(format!("no part named {name:?} is set aside")).into())
}

#[derive(Debug, Deserialize)]
struct GiveUpForm {
    name: String,
}

async fn handle_form(
    State(state): State<LossesState>,
    form: Result<Form<GiveUpForm>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(form) = form.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let done = if state.parts.give_up(&form.name).await? { "given-up" } else { "nothing" };
    Ok(back(Vec::new(), (done, Vec::new())))
}
