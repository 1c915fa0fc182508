//! `/api/v1/dead-letters`: list, replay and delete records that could not be stored.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    body::Body,
    extract::{Query as Parameters, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use futures::StreamExt as _;
use model::api::DeadLetterView;
use pipeline::Error;
use reading::{LetterFilter, Replayed, WholeLetter};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, OpenApi, ToSchema};

use super::{
    logs::checked,
    parameters::{NoParameters, Path},
    problem::Problem,
};
use crate::{
    audit::{self, Action as Noted, Source},
    gate::Routes,
    state::LossesState,
};

#[derive(OpenApi)]
#[openapi(paths(list, delete_all, download, replay_all, show, delete, raw, replay))]
pub(super) struct Calls;

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

/// The parameters of a page of letters.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ListParameters {
    /// The last id of the page before.
    #[param(example = 43)]
    before: Option<i64>,
    /// The most letters of the page.
    #[param(minimum = 1, maximum = 10000, default = 100)]
    limit: Option<usize>,
    /// A part of the reason.
    #[param(example = "disk")]
    reason: Option<String>,
    /// The door that took the records, or `sink NAME`.
    #[param(example = "otlp http")]
    door: Option<String>,
    /// A service of the records.
    #[param(example = "checkout")]
    service: Option<String>,
    /// The begin of the time of the letters: RFC 3339, epoch milliseconds, or relative to now.
    #[param(example = "-1d")]
    from: Option<String>,
    /// The end, exclusive.
    #[param(example = "now")]
    to: Option<String>,
    /// The greatest id.
    #[param(example = 42)]
    upto: Option<i64>,
}

impl ListParameters {
    fn filter(self) -> LetterFilter {
        let Self { reason, door, service, from, to, upto, .. } = self;
        LetterFilter { reason, door, service, from, to, upto }
    }
}

/// The parameters of a download.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct DownloadParameters {
    /// A part of the reason.
    #[param(example = "disk")]
    reason: Option<String>,
    /// The door that took the records, or `sink NAME`.
    #[param(example = "otlp http")]
    door: Option<String>,
    /// A service of the records.
    #[param(example = "checkout")]
    service: Option<String>,
    /// The begin of the time of the letters: RFC 3339, epoch milliseconds, or relative to now.
    #[param(example = "-1d")]
    from: Option<String>,
    /// The end, exclusive.
    #[param(example = "now")]
    to: Option<String>,
    /// The greatest id.
    #[param(example = 42)]
    upto: Option<i64>,
}

impl DownloadParameters {
    fn filter(self) -> LetterFilter {
        let Self { reason, door, service, from, to, upto } = self;
        LetterFilter { reason, door, service, from, to, upto }
    }
}

/// The parameters of a call that changes several letters.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ChangeParameters {
    /// A part of the reason.
    #[param(example = "disk")]
    reason: Option<String>,
    /// The door that took the records, or `sink NAME`.
    #[param(example = "otlp http")]
    door: Option<String>,
    /// A service of the records.
    #[param(example = "checkout")]
    service: Option<String>,
    /// The begin of the time of the letters: RFC 3339, epoch milliseconds, or relative to now.
    #[param(example = "-1d")]
    from: Option<String>,
    /// The end, exclusive.
    #[param(example = "now")]
    to: Option<String>,
    /// The greatest id.
    #[param(example = 42)]
    upto: Option<i64>,
    /// Confirms that a call without a filter selects every letter.
    #[serde(default)]
    all: bool,
}

impl ChangeParameters {
    fn confirmed_filter(self) -> Result<LetterFilter, Error> {
        let Self { reason, door, service, from, to, upto, all } = self;
        let filter = LetterFilter { reason, door, service, from, to, upto };
        if filter.is_all() && !all {
            return Err(Error::invalid(
                "no filter is given; narrow it by reason, door, service, from, to or upto, or set all=true",
            ));
        }
        Ok(filter)
    }
}

/// What could not be stored, newest first.
///
/// A dead letter is a batch that the store refused, or records that a sink's destination refused.
#[utoipa::path(
    get,
    path = "/api/v1/dead-letters",
    tag = "losses",
    params(ListParameters),
    responses(
        (status = 200, description = "A page of letters.", body = Vec<DeadLetterView>, example = json!([{
            "id": "42",
            "time": "2026-11-30T09:15:04.120000000Z",
            "reason": "the store refuses the batch: a value is out of range",
            "producer": "otlp http",
            "batch_id": "0193b2c4-5d6e-7f80-9a1b-2c3d4e5f0000",
            "records": 12,
            "bytes": 5120,
            "services": ["checkout"],
        }])),
        (status = 400, description = "A parameter is unknown or invalid."),
    ),
)]
async fn list(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<ListParameters>, QueryRejection>,
) -> Result<Json<Vec<DeadLetterView>>, Problem> {
    let parameters = checked(parameters)?;
    let (before, limit) = (parameters.before, parameters.limit.unwrap_or(100));
    let letters = state.letters.seen_by(principal.sight())?;
    Ok(Json(letters.list(&parameters.filter(), before, limit).await?))
}

/// One dead letter with its records.
#[utoipa::path(
    get,
    path = "/api/v1/dead-letters/{id}",
    tag = "losses",
    params(("id" = i64, Path, description = "The `id` of the letter.", example = 42)),
    responses(
        (status = 200, description = "The letter.", body = WholeLetter, example = json!({
            "id": "42",
            "time": "2026-11-30T09:15:04.120000000Z",
            "reason": "the store refuses the batch: a value is out of range",
            "producer": "otlp http",
            "batch_id": null,
            "records": 0,
            "bytes": 4,
            "services": [],
            "payload_hex": "00ff00ff",
        })),
        (status = 400, description = "The id is no number."),
        (status = 404, description = "There is no such letter."),
    ),
)]
async fn show(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
    Path(id): Path<i64>,
) -> Result<Json<WholeLetter>, Problem> {
    Ok(Json(state.letters.seen_by(principal.sight())?.show(id).await?))
}

/// The bytes of a dead letter.
#[utoipa::path(
    get,
    path = "/api/v1/dead-letters/{id}/raw",
    tag = "losses",
    params(("id" = i64, Path, description = "The `id` of the letter.", example = 42)),
    responses(
        (
            status = 200,
            description = "The bytes.",
            body = String,
            content_type = "application/octet-stream",
            example = "the bytes of the batch",
        ),
        (status = 400, description = "The id is no number."),
        (status = 404, description = "There is no such letter."),
    ),
)]
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

/// All matching dead letters with their records, as a file.
///
/// A failure after the start aborts the connection, so that no client takes a partial result for complete.
#[utoipa::path(
    get,
    path = "/api/v1/dead-letters/download",
    tag = "losses",
    params(DownloadParameters),
    responses(
        (
            status = 200,
            description = "The file: one JSON object per line.",
            body = String,
            content_type = "application/x-ndjson",
            example = "{\"id\":\"42\",\"reason\":\"out of range\",\"records\":12}\n",
        ),
        (status = 400, description = "A parameter is unknown or invalid."),
    ),
)]
async fn download(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    parameters: Result<Parameters<DownloadParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let letters = state.letters.seen_by(principal.sight())?;
    let filter = checked(parameters)?.filter();
    let mut lines = Box::pin(letters.lines(&filter)?);
    // Errors before the first line have their own status.
    let first = lines.next().await.transpose()?;
    let target = format!("the dead letters {}", described(&filter));
    audit::note(&state.audit, &principal, source, Noted::Exported, target);
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

/// Deletes a dead letter for good.
#[utoipa::path(
    delete,
    path = "/api/v1/dead-letters/{id}",
    tag = "losses",
    params(("id" = i64, Path, description = "The `id` of the letter.", example = 42)),
    responses(
        (status = 204, description = "It is deleted."),
        (status = 400, description = "The id is no number."),
        (status = 404, description = "There is no such letter."),
    ),
)]
async fn delete(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    state.letters.seen_by(principal.sight())?.delete(id).await?;
    audit::note(&state.audit, &principal, source, Noted::LettersDiscarded, id.to_string());
    Ok(StatusCode::NO_CONTENT)
}

/// The result of a deletion.
#[derive(Serialize, ToSchema)]
#[schema(as = DeletedLetters)]
struct Deleted {
    deleted: u64,
}

/// Deletes all matching dead letters for good.
#[utoipa::path(
    delete,
    path = "/api/v1/dead-letters",
    tag = "losses",
    params(ChangeParameters),
    responses(
        (status = 200, description = "How many are deleted.", body = Deleted, example = json!({ "deleted": 12 })),
        (status = 400, description = "A parameter is unknown or invalid, or there is no filter and no `all=true`."),
    ),
)]
async fn delete_all(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    parameters: Result<Parameters<ChangeParameters>, QueryRejection>,
) -> Result<Json<Deleted>, Problem> {
    let letters = state.letters.seen_by(principal.sight())?;
    let filter = checked(parameters)?.confirmed_filter()?;
    let deleted = letters.delete_all(&filter).await?;
    audit::note(&state.audit, &principal, source, Noted::LettersDiscarded, several(deleted, &filter));
    Ok(Json(Deleted { deleted }))
}

/// Several letters in the audit.
pub(super) fn several(letters: u64, filter: &LetterFilter) -> String {
    format!("{} ({letters})", described(filter))
}

/// Which letters a filter selects, in words.
fn described(filter: &LetterFilter) -> String {
    let fields: Vec<String> = filter.fields().into_iter().map(|(name, value)| format!("{name} {value}")).collect();
    if fields.is_empty() { "without a filter".to_owned() } else { format!("of {}", fields.join(", ")) }
}

/// The result of a replay.
#[derive(Serialize, ToSchema)]
#[schema(as = ReplayedLetter)]
struct ReplayedOne {
    records: usize,
}

/// Puts the records of a dead letter into the queue once more, and deletes the letter.
#[utoipa::path(
    post,
    path = "/api/v1/dead-letters/{id}/replay",
    tag = "losses",
    params(("id" = i64, Path, description = "The `id` of the letter.", example = 42)),
    responses(
        (status = 200, description = "The number of records.", body = ReplayedOne, example = json!({ "records": 12 })),
        (status = 400, description = "The id is no number, or the letter has no batch that can be stored."),
        (status = 404, description = "There is no such letter."),
    ),
)]
async fn replay(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(id): Path<i64>,
) -> Result<Json<ReplayedOne>, Problem> {
    let records = state.letters.seen_by(principal.sight())?.replay(id).await?;
    audit::note(&state.audit, &principal, source, Noted::LettersResent, id.to_string());
    Ok(Json(ReplayedOne { records }))
}

/// Puts the records of all matching dead letters into the queue once more, and deletes the letters.
#[utoipa::path(
    post,
    path = "/api/v1/dead-letters/replay",
    tag = "losses",
    params(ChangeParameters),
    responses(
        (status = 200, description = "What was done.", body = Replayed, example = json!({
            "letters": 2,
            "records": 24,
            "failed": 0,
            "failures": [],
        })),
        (status = 400, description = "A parameter is unknown or invalid, or there is no filter and no `all=true`."),
    ),
)]
async fn replay_all(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    parameters: Result<Parameters<ChangeParameters>, QueryRejection>,
) -> Result<Json<Replayed>, Problem> {
    let letters = state.letters.seen_by(principal.sight())?;
    let filter = checked(parameters)?.confirmed_filter()?;
    let replayed = letters.replay_all(&filter).await?;
    audit::note(&state.audit, &principal, source, Noted::LettersResent, several(replayed.letters, &filter));
    Ok(Json(replayed))
}

/// Redirects back to the page, with the result of the action.
pub(super) fn back(filter: Vec<(&'static str, String)>, (done, numbers): (&str, Vec<u64>)) -> Redirect {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(filter).append_pair("done", done);
    query.extend_pairs(numbers.iter().map(|number| ("number", number.to_string())));
    Redirect::to(&format!("/system?{}#dead-letters", query.finish()))
}
