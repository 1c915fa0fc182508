//! The doors that take records by HTTP. One file per protocol; what they share is in `body`,
//! which reads a request, and here, where its records are stored.

mod body;
mod elastic;
mod idempotency;
mod inflate;
mod json;
mod loki;
mod otlp;

use std::sync::Arc;

use axum::{
    Router,
    http::{HeaderMap, header},
};
use doors::Decoded;
use model::Text;
use pipeline::{
    Error,
    admit::{Ingest, Submission},
    normalise::{RawRecord, Rejection},
};

use body::{Payload, Refused};
pub(crate) use elastic::handshake;
use idempotency::Repetitions;

use super::problem;

/// For calls that take records in.
#[derive(Clone)]
pub(crate) struct IngestState {
    pub ingest: Ingest,
    /// Of requests with an `Idempotency-Key`.
    pub repetitions: Arc<Repetitions>,
}

/// The doors of the main port.
pub(super) fn routes() -> Router<IngestState> {
    replayed(Router::new().merge(json::routes()).merge(otlp::routes()).merge(loki::routes()).merge(elastic::routes()))
}

/// The door that source S3 has.
pub(super) fn put() -> Router<IngestState> {
    replayed(json::put())
}

/// What answers where OpenTelemetry looks for HTTP.
pub(super) fn otlp_alone() -> Router<IngestState> {
    replayed(otlp::routes())
}

/// Says so in the answer where a request repeats an earlier one.
fn replayed(router: Router<IngestState>) -> Router<IngestState> {
    router.layer(axum::middleware::from_fn(idempotency::told))
}

/// What became of the records of a request.
#[derive(Debug, Default)]
struct Outcome {
    accepted: usize,
    /// By the places of the body, in their order.
    rejected: Vec<Rejection>,
    /// All of it was acknowledged before, under the same `Idempotency-Key`.
    repeated: bool,
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
    state: &IngestState,
    headers: &HeaderMap,
    door: &'static str,
    decoded: Decoded,
) -> Result<Outcome, Error> {
    let Decoded { records, places, rejections } = decoded;
    let mut outcome = push(state, headers, door, records).await?;
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
    state: &IngestState,
    headers: &HeaderMap,
    door: &'static str,
    records: Vec<RawRecord>,
) -> Result<Outcome, Error> {
    // A body whose records are all refused is answered like any other.
    if records.is_empty() {
        return Ok(Outcome::default());
    }
    let producer = producer(headers, door);
    let batch_id = idempotency::batch_id(headers, &producer, &records)?;
    let accepted = state.ingest.push(Submission { batch_id, producer, records }).await?;
    let durable = batch_id.filter(|_| accepted.accepted > 0);
    let repeated = durable.is_some_and(|id| state.repetitions.acknowledged(id));
    Ok(Outcome { accepted: accepted.accepted, rejected: accepted.rejected, repeated })
}

/// The door and the client's name for itself, for dead letters and diagnosis.
fn producer(headers: &HeaderMap, door: &'static str) -> Text {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    door.chars().chain(std::iter::once(' ')).chain(agent.chars()).take(64).collect::<Text>().trim_end().into()
}
