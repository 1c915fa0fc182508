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

use super::{
    logs::checked,
    problem::{Problem, parse_query},
};
use crate::{
    export::{Encoder, Format},
    gate::Routes,
    state::ReadingState,
};

pub(super) fn routes() -> Routes<ReadingState> {
    Routes::new().get("/api/v1/export", Need::Read, export)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExportParameters {
    query: Option<String>,
    from: Option<String>,
    to: Option<String>,
    #[serde(default)]
    format: Format,
}

/// Streams the file. A failure after the start aborts the connection, so that no client takes a partial file for
/// complete.
async fn export(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<ExportParameters>, QueryRejection>,
) -> Result<Response, Problem> {
    let ExportParameters { query, from, to, format } = checked(parameters)?;
    let query = parse_query(query.as_deref()).await?;
    let range = RangeText { from: from.as_deref(), to: to.as_deref() };
    let range = state.reader.range(range, DefaultRange::All)?;
    let mut pages = Box::pin(state.reader.seen_by(principal.sight()).pages(query, range));
    // Errors before the first page have their own status.
    let first = pages.next().await.transpose()?;
    let pages = futures::stream::iter(first.map(Ok)).chain(pages);
    let headers = [
        (header::CONTENT_TYPE, format.content_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"logboom-export.{format}\"")),
    ];
    Ok((headers, Body::from_stream(encoded(pages, Encoder::new(format)?, principal.revoked().clone()))).into_response())
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
