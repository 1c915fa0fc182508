//! The HTTP doors, one file per protocol. Shared are `body`, which reads requests, and this file, which stores
//! records.

mod body;
mod bulk_answer;
mod elastic;
mod elastic_answer;
mod elastic_questions;
mod idempotency;
mod inflate;
mod json;
mod loki;
mod otlp;

use std::sync::Arc;

use access::{Principal, PrincipalKind};
use axum::http::{HeaderMap, header};
use doors::Decoded;
use model::Text;
use pipeline::{
    Error,
    admit::{Ingest, Submission},
    normalise::{RawRecord, Rejection},
};
use utoipa::{OpenApi as _, openapi};

pub(crate) use body::drain;
use body::{Payload, Refused};
pub(crate) use elastic_answer::refusal as elastic_refusal;
pub(crate) use elastic_questions::{handshake, is_client};
use idempotency::Repetitions;
pub(crate) use otlp::refusal as otlp_refusal;

use super::problem;
use crate::gate::Routes;

/// The state of calls that store records.
#[derive(Clone)]
pub(crate) struct IngestState {
    pub ingest: Ingest,
    /// Recent batches with an `Idempotency-Key`.
    pub repetitions: Arc<Repetitions>,
}

/// The operations of all doors.
pub(super) fn operations() -> openapi::OpenApi {
    let parts = [json::Calls::openapi(), otlp::Calls::openapi(), loki::Calls::openapi(), elastic::Calls::openapi()];
    parts.into_iter().fold(openapi::OpenApi::default(), openapi::OpenApi::merge_from)
}

/// The doors of the main port.
pub(super) fn routes() -> Routes<IngestState> {
    with_repetition_marks(
        Routes::new().merge(json::routes()).merge(otlp::routes()).merge(loki::routes()).merge(elastic::routes()),
    )
}

/// The door of source S3.
pub(super) fn put() -> Routes<IngestState> {
    with_repetition_marks(json::put())
}

/// The routes of the OpenTelemetry port for HTTP.
pub(super) fn otlp_alone() -> Routes<IngestState> {
    with_repetition_marks(otlp::routes())
}

/// Marks responses to repeated requests.
fn with_repetition_marks(routes: Routes<IngestState>) -> Routes<IngestState> {
    routes.layer(axum::middleware::from_fn(idempotency::mark_repetition))
}

/// The result of storing the records of a request.
#[derive(Debug, Default)]
struct Outcome {
    accepted: usize,
    /// In the order of the body.
    rejected: Vec<Rejection>,
    /// Whether it was already acknowledged under the same `Idempotency-Key`.
    repeated: bool,
}

impl Outcome {
    /// The first reason and the number of others, as one text.
    fn summary(&self) -> Option<String> {
        let first = self.rejected.first()?;
        let others = self.rejected.len() - 1;
        let more = if others == 0 { String::new() } else { format!(", and {others} more") };
        Some(format!("record {}: {}{more}", first.index, first.reason))
    }
}

/// Stores decoded records of a caller.
async fn store(
    state: &IngestState,
    principal: &Principal,
    headers: &HeaderMap,
    door: &'static str,
    decoded: Decoded,
) -> Result<Outcome, Error> {
    let Decoded { records, places, rejections } = decoded;
    state.ingest.undecoded(rejections.len());
    let mut outcome = push(state, principal, headers, door, records).await?;
    // Converts the pipeline's indexes to places in the body.
    for rejection in &mut outcome.rejected {
        rejection.index = places.get(rejection.index).copied().unwrap_or(rejection.index);
    }
    outcome.rejected.extend(rejections);
    outcome.rejected.sort_by_key(|rejection| rejection.index);
    Ok(outcome)
}

/// Stores records whose indexes are the places in the body.
async fn push(
    state: &IngestState,
    principal: &Principal,
    headers: &HeaderMap,
    door: &'static str,
    records: Vec<RawRecord>,
) -> Result<Outcome, Error> {
    // A body without valid records gets a normal response.
    if records.is_empty() {
        return Ok(Outcome::default());
    }
    let producer = producer(headers, door);
    let owner = matches!(principal.kind(), PrincipalKind::Key | PrincipalKind::Certificate).then(|| principal.name());
    let batch_id = idempotency::batch_id(headers, owner, &producer, &records)?;
    let sender = principal.sender().clone();
    let accepted = state.ingest.push(Submission { batch_id, producer, records, sender }).await?;
    let durable = batch_id.filter(|_| accepted.accepted > 0);
    let repeated = durable.is_some_and(|id| state.repetitions.acknowledged(id));
    Ok(Outcome { accepted: accepted.accepted, rejected: accepted.rejected, repeated })
}

/// The door and the client's user agent, for dead letters and diagnosis.
fn producer(headers: &HeaderMap, door: &'static str) -> Text {
    let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
    door.chars().chain(std::iter::once(' ')).chain(agent.chars()).take(64).collect::<Text>().trim_end().into()
}
