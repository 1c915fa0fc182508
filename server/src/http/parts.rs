//! `/api/v1/parts/aside`: record files that are missing or damaged. `/system/parts`: the same for the form of the page
//! System.

use access::{Need, Principal};
use axum::{
    Extension, Form, Json,
    extract::{Path, State, rejection::FormRejection},
    http::StatusCode,
    response::Redirect,
};
use model::api::PartAsideView;
use pipeline::Error;
use serde::Deserialize;

use super::{dead_letters::back, parameters::NoParameters, problem::Problem};
use crate::{gate::Routes, state::LossesState};

pub(super) fn routes() -> Routes<LossesState> {
    Routes::new().get("/api/v1/parts/aside", Need::Read, list).delete(
        "/api/v1/parts/aside/{*name}",
        Need::Admin,
        give_up,
    )
}

/// Outside the API: the targets of forms, which redirect back.
pub(super) fn forms() -> Routes<LossesState> {
    Routes::new().post("/system/parts", Need::Admin, handle_form)
}

async fn list(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<PartAsideView>>, Problem> {
    Ok(Json(state.parts.seen_by(principal.sight())?.aside()))
}

async fn give_up(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    if state.parts.seen_by(principal.sight())?.give_up(&name).await? {
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
    Extension(principal): Extension<Principal>,
    form: Result<Form<GiveUpForm>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(form) = form.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let done = if state.parts.seen_by(principal.sight())?.give_up(&form.name).await? { "given-up" } else { "nothing" };
    Ok(back(Vec::new(), (done, Vec::new())))
}
