//! `/api/v1/documents`: export and import of documents.

use std::time::Duration;

use access::{Need, Principal};
use axum::{
    Extension, Json,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest as _, Query as Parameters, Request, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use pipeline::{Error, documents::file::FILE_BYTES};
use reading::Imported;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::{
    logs::checked,
    problem::{self, Problem},
};
use crate::{
    audit::{self, Action, Source},
    gate::Routes,
    state::ReadingState,
};

/// How long the body of an import may take to arrive.
const BODY: Duration = Duration::from_secs(60);

#[derive(OpenApi)]
#[openapi(paths(export, import))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<ReadingState> {
    Routes::new()
        .get("/api/v1/documents", Need::Read, export)
        .post("/api/v1/documents", Need::Edit, import)
        .layer(DefaultBodyLimit::max(FILE_BYTES))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ExportParameters {
    /// The kind, such as `view`; all kinds that users write without it.
    #[param(example = "view")]
    kind: Option<String>,
}

/// The documents that users write, such as saved views, as one file.
#[utoipa::path(
    get,
    path = "/api/v1/documents",
    tag = "documents",
    params(ExportParameters),
    responses(
        (
            status = 200,
            description = "The file.",
            body = Object,
            content_type = "application/json",
            example = json!({
                "format": 1,
                "documents": [{ "kind": "view", "name": "errors", "document": { "address": "/?q=level:error" } }],
            }),
        ),
        (status = 400, description = "A parameter is unknown or invalid."),
    ),
)]
async fn export(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    parameters: Result<Parameters<ExportParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let transfer = state.transfer.seen_by(principal.sight())?;
    let kind = checked(parameters)?.kind;
    let text = transfer.export(kind.as_deref()).await?;
    let target = kind.map_or_else(|| "all documents".to_owned(), |kind| format!("documents of the kind {kind}"));
    audit::note(&state.audit, &principal, source, Action::Exported, target);
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ImportParameters {
    /// Overwrites documents that differ.
    #[serde(default)]
    replace: bool,
}

/// Adds the documents of such a file.
///
/// A document that is there and differs is refused, or replaced with `replace=true`.
#[utoipa::path(
    post,
    path = "/api/v1/documents",
    tag = "documents",
    params(ImportParameters),
    request_body(
        content = Object,
        content_type = "application/json",
        description = "The file of an export.",
        example = json!({
            "format": 1,
            "documents": [{ "kind": "view", "name": "errors", "document": { "address": "/?q=level:error" } }],
        }),
    ),
    responses(
        (
            status = 200,
            description = "What became of each document.",
            body = Imported,
            example = json!({ "added": ["view errors"], "changed": [], "unchanged": [], "refused": [] }),
        ),
        (status = 400, description = "A parameter is unknown, or the file does not read."),
        (status = 408, description = "The body did not arrive within 60 s."),
        (status = 413, description = "The body has more than 8 MiB."),
    ),
)]
async fn import(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    parameters: Result<Parameters<ImportParameters>, QueryRejection>,
    request: Request,
) -> Result<Result<Json<Imported>, Response>, Problem> {
    let replace = checked(parameters)?.replace;
    let transfer = state.transfer.seen_by(principal.sight())?;
    // Taken before the body is read: that one body is all the memory that imports take.
    let _turn = transfer.admit()?;
    let body = tokio::time::timeout(BODY, Bytes::from_request(request, &()));
    let body = match body.await {
        Ok(Ok(body)) => body,
        Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!("the body has more than {FILE_BYTES} bytes; split it into several imports");
            return Ok(Err(problem::document(StatusCode::PAYLOAD_TOO_LARGE, &detail)));
        }
        Ok(Err(rejection)) => return Err(Error::invalid(rejection.body_text()).into()),
        Err(_) => {
            let detail = format!("the body did not arrive within {} s; send it again", BODY.as_secs());
            return Ok(Err(problem::document(StatusCode::REQUEST_TIMEOUT, &detail)));
        }
    };
    let imported = transfer.import(&body, replace).await?;
    let target = if replace { "documents, in place of those that differed" } else { "documents" };
    audit::note(&state.audit, &principal, source, Action::Imported, target);
    Ok(Ok(Json(imported)))
}
