//! The doors that take records by HTTP. One file per protocol; what they share is in `body`,
//! which reads a request, and here, where its records are stored.

mod body;
mod elastic;
mod inflate;
mod json;
mod loki;
mod otlp;

use axum::{
    Router,
    http::{HeaderMap, header},
};
use doors::Decoded;
use model::{Text, limits};
use pipeline::{
    BatchId, Error,
    admit::Submission,
    normalise::{RawRecord, Rejection},
};
use sha2::{Digest as _, Sha256};

use body::{Payload, Refused};
pub(crate) use elastic::handshake;

use super::{Services, problem};

/// The doors of the main port.
pub(super) fn routes() -> Router<Services> {
    Router::new().merge(json::routes()).merge(otlp::routes()).merge(loki::routes()).merge(elastic::routes())
}

/// The door that source S3 has, which pages of every origin may use.
pub(super) fn put() -> Router<Services> {
    json::put()
}

/// What answers where OpenTelemetry looks for HTTP.
pub(super) fn otlp_alone() -> Router<Services> {
    otlp::routes()
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
