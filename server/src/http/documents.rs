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

use super::{
    logs::checked,
    problem::{self, Problem},
};
use crate::{gate::Routes, state::ReadingState};

/// How long the body of an import may take to arrive.
const BODY: Duration = Duration::from_secs(60);

pub(super) fn routes() -> Routes<ReadingState> {
    Routes::new()
        .get("/api/v1/documents", Need::Read, export)
        .post("/api/v1/documents", Need::Edit, import)
        .layer(DefaultBodyLimit::max(FILE_BYTES))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportParameters {
    kind: Option<String>,
}

async fn export(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<ExportParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let transfer = state.transfer.seen_by(principal.sight())?;
    let text = transfer.export(checked(parameters)?.kind.as_deref()).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportParameters {
    /// Overwrites documents that differ.
    #[serde(default)]
    replace: bool,
}

async fn import(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
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
    Ok(Ok(Json(transfer.import(&body, replace).await?)))
}
