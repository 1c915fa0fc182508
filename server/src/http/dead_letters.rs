//! `/api/v1/dead-letters`: list, replay and delete records that could not be stored. `/system/dead-letters`: the same
//! for the forms of the page System.

use access::{Need, Principal};
use axum::{
    Extension, Form, Json,
    body::Body,
    extract::{
        Path, Query as Parameters, State,
        rejection::{FormRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use futures::StreamExt as _;
use model::api::DeadLetterView;
use pipeline::{Error, ErrorClass};
use reading::{LetterFilter, Replayed, WholeLetter};
use serde::{Deserialize, Serialize};

use super::{logs::checked, parameters::NoParameters, problem::Problem};
use crate::{gate::Routes, state::LossesState};

pub(super) fn routes() -> Routes<LossesState> {
    Routes::new()
        .get("/api/v1/dead-letters", Need::Read, list)
        .delete("/api/v1/dead-letters", Need::Edit, delete_all)
        .get("/api/v1/dead-letters/download", Need::Read, download)
        .post("/api/v1/dead-letters/replay", Need::Edit, replay_all)
        .get("/api/v1/dead-letters/{id}", Need::Read, show)
        .delete("/api/v1/dead-letters/{id}", Need::Edit, delete)
        .get("/api/v1/dead-letters/{id}/raw", Need::Read, raw)
        .post("/api/v1/dead-letters/{id}/replay", Need::Edit, replay)
}

/// Outside the API: the targets of forms, which redirect back.
pub(super) fn forms() -> Routes<LossesState> {
    Routes::new().post("/system/dead-letters", Need::Edit, handle_form)
}

/// The parameters of all calls over several letters; each call uses some of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LetterParameters {
    before: Option<i64>,
    limit: Option<usize>,
    reason: Option<String>,
    door: Option<String>,
    service: Option<String>,
    from: Option<String>,
    to: Option<String>,
    upto: Option<i64>,
    /// Confirms that a call without a filter selects every letter.
    #[serde(default)]
    all: bool,
}

impl LetterParameters {
    fn filter(self) -> LetterFilter {
        let Self { reason, door, service, from, to, upto, .. } = self;
        LetterFilter { reason, door, service, from, to, upto }
    }

    /// The filter of a call that changes letters.
    fn confirmed_filter(self) -> Result<LetterFilter, Error> {
        let all = self.all;
        let filter = self.filter();
        if filter.is_all() && !all {
            return Err(Error::invalid(
                "no filter is given; narrow it by reason, door, service, from, to or upto, or set all=true",
            ));
        }
        Ok(filter)
    }
}

type CheckedParameters = Result<Parameters<LetterParameters>, QueryRejection>;

async fn list(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    parameters: CheckedParameters,
) -> Result<Json<Vec<DeadLetterView>>, Problem> {
    let parameters = checked(parameters)?;
    let (before, limit) = (parameters.before, parameters.limit.unwrap_or(100));
    let letters = state.letters.seen_by(principal.sight())?;
    Ok(Json(letters.list(&parameters.filter(), before, limit).await?))
}

async fn show(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
    Path(id): Path<i64>,
) -> Result<Json<WholeLetter>, Problem> {
    Ok(Json(state.letters.seen_by(principal.sight())?.show(id).await?))
}

async fn raw(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
    Path(id): Path<i64>,
) -> Result<Response, Problem> {
    let payload = state.letters.seen_by(principal.sight())?.payload(id).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"dead-letter-{id}\"")),
    ];
    Ok((headers, payload).into_response())
}

/// All matching letters, one JSON object per line. A failure after the start aborts the connection, so that no client
/// takes a partial result for complete.
async fn download(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    parameters: CheckedParameters,
) -> Result<Response, Problem> {
    let letters = state.letters.seen_by(principal.sight())?;
    let mut lines = Box::pin(letters.lines(&checked(parameters)?.filter())?);
    // Errors before the first line have their own status.
    let first = lines.next().await.transpose()?;
    let lines = futures::stream::iter(first.map(Ok)).chain(lines);
    let revoked = principal.revoked().clone();
    let lines = lines.map(move |line| match revoked.is_cancelled() {
        true => Err(Error::forbidden("the rights of the caller have ended or changed during the download")),
        false => line,
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"dead-letters.ndjson\""),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

async fn delete(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    state.letters.seen_by(principal.sight())?.delete(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Serialize)]
struct Deleted {
    deleted: u64,
}

async fn delete_all(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    parameters: CheckedParameters,
) -> Result<Json<Deleted>, Problem> {
    let letters = state.letters.seen_by(principal.sight())?;
    Ok(Json(Deleted { deleted: letters.delete_all(&checked(parameters)?.confirmed_filter()?).await? }))
}

#[derive(Serialize)]
struct ReplayedOne {
    records: usize,
}

async fn replay(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<i64>,
) -> Result<Json<ReplayedOne>, Problem> {
    let letters = state.letters.seen_by(principal.sight())?;
    Ok(Json(ReplayedOne { records: letters.replay(id).await? }))
}

async fn replay_all(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    parameters: CheckedParameters,
) -> Result<Json<Replayed>, Problem> {
    let letters = state.letters.seen_by(principal.sight())?;
    Ok(Json(letters.replay_all(&checked(parameters)?.confirmed_filter()?).await?))
}

/// The action of a form: on one letter, or on all that match the filter, up to the newest one on the page.
#[derive(Debug, Deserialize)]
struct FormAction {
    action: Action,
    id: Option<i64>,
    upto: Option<i64>,
    reason: Option<String>,
    door: Option<String>,
    service: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Replay,
    Delete,
}

async fn handle_form(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    form: Result<Form<FormAction>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(form) = form.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let FormAction { action, id, upto, reason, door, service, from, to } = form;
    let filter = LetterFilter { reason, door, service, from, to, upto };
    let letters = state.letters.seen_by(principal.sight())?;
    let numbers = |replayed: &Replayed| vec![replayed.letters, replayed.records, replayed.failed];
    let done = match (action, id, upto) {
        (Action::Replay, Some(id), _) => match letters.replay(id).await {
            Ok(records) => ("replayed", vec![1, records as u64, 0]),
            Err(error) if error.class == ErrorClass::NotFound => ("nothing", Vec::new()),
            Err(error) => return Err(error.into()),
        },
        (Action::Delete, Some(id), _) => match letters.delete(id).await {
            Ok(()) => ("deleted", vec![1]),
            Err(error) if error.class == ErrorClass::NotFound => ("nothing", Vec::new()),
            Err(error) => return Err(error.into()),
        },
        (Action::Replay, None, Some(_)) => ("replayed", numbers(&letters.replay_all(&filter).await?)),
        (Action::Delete, None, Some(_)) => ("deleted", vec![letters.delete_all(&filter).await?]),
        (_, None, None) => return Err(Error::invalid("neither id nor upto is given; use the page's own forms").into()),
    };
    Ok(back(filter.fields(), done))
}

/// Redirects back to the page, with the result of the action.
pub(super) fn back(filter: Vec<(&'static str, String)>, (done, numbers): (&str, Vec<u64>)) -> Redirect {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(filter).append_pair("done", done);
    query.extend_pairs(numbers.iter().map(|number| ("number", number.to_string())));
    Redirect::to(&format!("/system?{}#dead-letters", query.finish()))
}
