//! `/api/v1/parts/aside`: record files that are missing or damaged. `/system/parts`: the same for the form of the page
//! System.

use access::{Need, Principal};
use axum::{
    Extension, Form, Json,
    extract::{State, rejection::FormRejection},
    http::StatusCode,
    response::Redirect,
};
use model::api::PartAsideView;
use pipeline::Error;
use serde::Deserialize;
use utoipa::OpenApi;

use super::{
    dead_letters::back,
    parameters::{NoParameters, Path},
    problem::Problem,
};
use crate::{
    audit::{self, Action, Source},
    gate::Routes,
    state::LossesState,
};

#[derive(OpenApi)]
#[openapi(paths(list, give_up))]
pub(super) struct Calls;

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

/// Files of records that are missing or damaged. All answers lack their records.
#[utoipa::path(
    get,
    path = "/api/v1/parts/aside",
    tag = "losses",
    responses(
        (status = 200, description = "The files.", body = Vec<PartAsideView>, example = json!([{
            "name": "2026/11/30/0193b2c4.parquet",
            "path": "/var/lib/logboom/parts/2026/11/30/0193b2c4.parquet",
            "reason": "the checksum is wrong",
            "records": 120000,
            "bytes": 5242880,
            "oldest": "2026-11-30T08:00:00.000000000Z",
            "newest": "2026-11-30T08:59:59.000000000Z",
        }])),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn list(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<PartAsideView>>, Problem> {
    Ok(Json(state.parts.seen_by(principal.sight())?.aside()))
}

/// Gives a file up: its records are counted as lost, and nothing waits for it any more.
#[utoipa::path(
    delete,
    path = "/api/v1/parts/aside/{name}",
    tag = "losses",
    params(("name" = String, Path, description = "The `name` of the file.", example = "0193b2c4.parquet")),
    responses(
        (status = 204, description = "It is given up."),
        (status = 404, description = "No file of this name is set aside."),
    ),
)]
async fn give_up(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    if state.parts.seen_by(principal.sight())?.give_up(&name).await? {
        audit::note(&state.audit, &principal, source, Action::PartGivenUp, name);
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
    source: Source,
    form: Result<Form<GiveUpForm>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(form) = form.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let is_given_up = state.parts.seen_by(principal.sight())?.give_up(&form.name).await?;
    if is_given_up {
        audit::note(&state.audit, &principal, source, Action::PartGivenUp, form.name);
    }
    Ok(back(Vec::new(), (if is_given_up { "given-up" } else { "nothing" }, Vec::new())))
}
