//! `/api/v1/export`: all matching records as a file, without a limit.

use access::{Need, Principal};
use axum::{
    Extension,
    body::Body,
    extract::{Query as Parameters, State, rejection::QueryRejection},
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use model::StoredRecord;
use pipeline::{Error, Result};
use reading::{DefaultRange, RangeText};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;
use utoipa::{IntoParams, OpenApi};

use super::{
    logs::checked,
    problem::{Problem, parse_query},
};
use crate::{
    audit::{self, Action, Source},
    export::{Encoder, Format},
    gate::Routes,
    state::ReadingState,
};

#[derive(OpenApi)]
#[openapi(paths(export))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<ReadingState> {
    Routes::new().get("/api/v1/export", Need::Read, export)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct ExportParameters {
    /// A filter in the query language, such as `level:error service:checkout`; all records without it.
    #[param(max_length = 4096, example = "level:error service:checkout")]
    query: Option<String>,
    /// The begin: RFC 3339, epoch milliseconds, or relative to now, such as `-15m`. Without it, the oldest record.
    #[param(example = "-1d")]
    from: Option<String>,
    /// The end, exclusive, in the same forms. Without it, the newest record.
    #[param(example = "now")]
    to: Option<String>,
    /// The format of the file; `ndjson` if it is missing.
    #[serde(default)]
    #[param(inline)]
    format: Format,
}

/// All matching records as a file, newest first.
///
/// The file has no limit. A failure after the start aborts the connection, so that no client takes a partial file for
/// complete.
#[utoipa::path(
    get,
    path = "/api/v1/export",
    tag = "search",
    params(ExportParameters),
    responses(
        (
            status = 200,
            description = "The file, in the format that was asked for.",
            content(
                (String = "application/x-ndjson", example = json!(
                    "{\"id\":\"0193b2c4-5d6e-7f80-9a1b-2c3d4e5f0000\",\"level\":\"error\",\"message\":\"failed\"}\n"
                )),
                (String = "text/csv"),
                ("application/vnd.apache.parquet"),
            ),
        ),
        (status = 400, description = "A parameter is unknown or invalid. `hints` has queries to try instead."),
    ),
)]
async fn export(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    parameters: Result<Parameters<ExportParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let ExportParameters { query, from, to, format } = checked(parameters)?;
    let target = target(query.as_deref(), from.as_deref(), to.as_deref(), format);
    let query = parse_query(query.as_deref()).await?;
    let range = RangeText { from: from.as_deref(), to: to.as_deref() };
    let range = state.reader.range(range, DefaultRange::All)?;
    let mut pages = Box::pin(state.reader.seen_by(principal.sight()).pages(query, range));
    // Errors before the first page have their own status.
    let first = pages.next().await.transpose()?;
    audit::note(&state.audit, &principal, source, Action::Exported, target);
    let pages = futures::stream::iter(first.map(Ok)).chain(pages);
    let headers = [
        (header::CONTENT_TYPE, format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"logboom-export.{format}\"")),
    ];
    Ok((headers, Body::from_stream(encoded(pages, Encoder::new(format)?, principal.revoked().clone()))).into_response())
}

/// What is exported, in words.
fn target(query: Option<&str>, from: Option<&str>, to: Option<&str>, format: Format) -> String {
    let query = query.map(str::trim).filter(|query| !query.is_empty()).unwrap_or("*");
    let mut target = format!("the records of {query}");
    for (word, end) in [("from", from), ("to", to)] {
        if let Some(end) = end.filter(|end| !end.is_empty()) {
            target.push_str(&format!(" {word} {end}"));
        }
    }
    target + &format!(" as {format}")
}

/// The bytes of the file; an error once `revoked` is cancelled. Encoding takes milliseconds per page, so it runs on the
/// blocking threads.
fn encoded(
    mut pages: impl Stream<Item = Result<Vec<StoredRecord>>> + Unpin,
    mut encoder: Encoder,
    revoked: CancellationToken,
) -> impl Stream<Item = Result<Bytes>> {
    async_stream::try_stream! {
        while let Some(page) = pages.next().await {
            let page = page?;
            if revoked.is_cancelled() {
                Err::<(), _>(Error::forbidden("the rights of the caller have ended or changed during the export"))?;
            }
            let bytes;
            (encoder, bytes) = blocking(move || {
                let bytes = encoder.encode(&page)?;
                Ok((encoder, bytes))
            })
            .await?;
            if !bytes.is_empty() {
                yield bytes;
            }
        }
        let rest = blocking(move || encoder.finish()).await?;
        if !rest.is_empty() {
            yield rest;
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::internal(format!("an export failed: {error}")))?
}
