//! The doors that take records by HTTP. One file per protocol; what they share is here: how
//! a body is read, and how its records are stored.

mod elastic;
mod json;
mod loki;
mod otlp;

use std::time::Duration;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, Request},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use doors::Decoded;
use model::{Text, limits};
use pipeline::{
    BatchId, Error,
    admit::Submission,
    normalise::{RawRecord, Rejection},
};
use sha2::{Digest as _, Sha256};
use tower_http::decompression::RequestDecompressionLayer;

pub(crate) use elastic::handshake;

use super::{Services, problem};

/// How long a client may take over the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);

/// The doors of the main port.
pub(super) fn routes() -> Router<Services> {
    bounded(Router::new().merge(json::routes()).merge(otlp::routes()).merge(loki::routes()).merge(elastic::routes()))
}

/// The door that source S3 has, which pages of every origin may use.
pub(super) fn put() -> Router<Services> {
    bounded(json::put())
}

/// What answers where OpenTelemetry looks for HTTP.
pub(super) fn otlp_alone() -> Router<Services> {
    bounded(otlp::routes())
}

fn bounded(router: Router<Services>) -> Router<Services> {
    router
        // The limit is on what comes out of the decompression, so that a small body
        // cannot become a large one.
        .layer(DefaultBodyLimit::max(limits::BATCH_BYTES))
        // What it does not know is refused by name with the body.
        .layer(RequestDecompressionLayer::new().pass_through_unaccepted(true))
}

/// The body of a request, decompressed and within the limit.
struct Payload(Bytes);

impl<S: Send + Sync> FromRequest<S> for Payload {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        if let Some(encoding) = unknown_encoding(request.headers()) {
            return Err(Refused {
                status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
                detail: format!("Content-Encoding: {encoding} is not known; use gzip, zstd, deflate or br"),
            });
        }
        let body = tokio::time::timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await;
        match body {
            Ok(Ok(body)) => Ok(Self(body)),
            Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Refused {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                detail: format!(
                    "the body is larger than {} bytes, decompressed; send it in several requests",
                    limits::BATCH_BYTES
                ),
            }),
            Ok(Err(rejection)) => Err(Refused {
                status: StatusCode::BAD_REQUEST,
                detail: format!("the body cannot be read, or is not compressed as Content-Encoding says: {rejection}"),
            }),
            Err(_) => Err(Refused {
                status: StatusCode::REQUEST_TIMEOUT,
                detail: format!("the body did not come within {} s; send it in parts", BODY_TIMEOUT.as_secs()),
            }),
        }
    }
}

/// What decompression has left.
fn unknown_encoding(headers: &HeaderMap) -> Option<String> {
    let encoding = headers.get(header::CONTENT_ENCODING)?;
    let text = encoding.to_str().unwrap_or("?").trim().chars().take(64).collect::<String>();
    (!text.is_empty() && !text.eq_ignore_ascii_case("identity")).then_some(text)
}

/// Why a body was not read.
struct Refused {
    status: StatusCode,
    detail: String,
}

impl axum::response::IntoResponse for Refused {
    fn into_response(self) -> Response {
        problem::document(self.status, &self.detail)
    }
}

/// What became of the records of a request.
#[derive(Debug, Default)]
struct Outcome {
    accepted: usize,
    /// By the places of the body, in their order.
    rejected: Vec<Rejection>,
}

impl Outcome {
    /// The first reasons, as one text.
    fn summary(&self) -> Option<String> {
        let first = self.rejected.first()?;
        let others = self.rejected.len() - 1;
        let more = if others == 0 { String::new() } else { format!(", and {others} more") };
        Some(format!("record {}: {}{more}", first.index, first.reason))
    }
}

/// Stores what was decoded.
async fn store(
    services: &Services,
    headers: &HeaderMap,
    door: &'static str,
    decoded: Decoded,
) -> Result<Outcome, Error> {
    let Decoded { records, places, rejections } = decoded;
    let mut outcome = push(services, headers, door, records).await?;
    // The pipeline counts among the records it was given; the client counts its own.
    for rejection in &mut outcome.rejected {
        rejection.index = places.get(rejection.index).copied().unwrap_or(rejection.index);
    }
    outcome.rejected.extend(rejections);
    outcome.rejected.sort_by_key(|rejection| rejection.index);
    Ok(outcome)
}

/// Stores records whose places are those of the body.
async fn push(
    services: &Services,
    headers: &HeaderMap,
    door: &'static str,
    records: Vec<RawRecord>,
) -> Result<Outcome, Error> {
    // A body whose records are all refused is answered like any other.
    if records.is_empty() {
        return Ok(Outcome::default());
    }
    let submission = Submission { batch_id: idempotency_key(headers)?, producer: producer(headers, door), records };
    let accepted = services.ingest.push(submission).await?;
    Ok(Outcome { accepted: accepted.accepted, rejected: accepted.rejected })
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

/// The door and the client's name for itself, for dead letters and diagnosis.
fn producer(headers: &HeaderMap, door: &'static str) -> Text {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    door.chars().chain(std::iter::once(' ')).chain(agent.chars()).take(64).collect::<Text>().trim_end().into()
}
