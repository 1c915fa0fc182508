//! `POST /api/v1/push`: JSON lines, a JSON array or a JSON object.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use model::{Text, limits};
use pipeline::{BatchId, Error, admit::Submission, normalise::Rejection};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tower_http::decompression::RequestDecompressionLayer;

use super::{Services, problem, problem::Problem};
use crate::json;

/// The rejections that an answer lists; past it they are only counted.
const LISTED_REJECTIONS: usize = 100;

pub(super) fn routes() -> Router<Services> {
    Router::new()
        .route("/api/v1/push", post(push))
        // The limit is on what comes out of the decompression, so that a small body
        // cannot become a large one.
        .layer(DefaultBodyLimit::max(limits::BATCH_BYTES))
        .layer(RequestDecompressionLayer::new())
}

#[derive(Serialize)]
struct Answer {
    accepted: usize,
    rejected: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejections: Vec<RejectionView>,
}

#[derive(Serialize)]
struct RejectionView {
    index: usize,
    reason: String,
}

async fn push(
    State(services): State<Services>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let detail = format!(
                "the body is larger than {} bytes, decompressed; send it in several requests",
                limits::BATCH_BYTES
            );
            return Ok(problem::document(StatusCode::PAYLOAD_TOO_LARGE, &detail));
        }
        Err(rejection) => return Err(Error::invalid(format!("the body cannot be read: {rejection}")).into()),
    };
    let batch_id = idempotency_key(&headers)?;
    let producer = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or("http push");
    let decoded = json::decode(&body)?;
    let submission = Submission { batch_id, producer: shortened(producer), records: decoded.records };
    // A body whose records are all refused is answered below like any other.
    let (accepted, late) = if submission.records.is_empty() {
        (0, Vec::new())
    } else {
        let accepted = services.ingest.push(submission).await?;
        (accepted.accepted, accepted.rejected)
    };
    let mut rejections = decoded.rejections;
    // The pipeline counts among the records it was given; the client counts its own.
    rejections.extend(late.into_iter().map(|rejection| Rejection {
        index: decoded.places.get(rejection.index).copied().unwrap_or(rejection.index),
        reason: rejection.reason,
    }));
    rejections.sort_by_key(|rejection| rejection.index);
    let rejected = rejections.len();
    let status = if accepted == 0 && rejected > 0 { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let rejections = rejections
        .into_iter()
        .take(LISTED_REJECTIONS)
        .map(|Rejection { index, reason }| RejectionView { index, reason })
        .collect();
    Ok((status, Json(Answer { accepted, rejected, rejections })).into_response())
}

/// A batch id from the header `Idempotency-Key`, which may be any text.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<BatchId>, Error> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    if key.is_empty() || key.len() > limits::NAME_BYTES {
        return Err(Error::invalid(format!(
            "Idempotency-Key has {} bytes; it may have 1 to {}",
            key.len(),
            limits::NAME_BYTES
        )));
    }
    let mut id = [0; 16];
    id.copy_from_slice(&Sha256::digest(key.as_bytes())[..16]);
    Ok(Some(BatchId(id)))
}

fn shortened(text: &str) -> Text {
    text.chars().take(64).collect()
}
