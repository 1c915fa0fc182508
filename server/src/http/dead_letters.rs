//! `/api/v1/dead-letters`: what could not be stored, why, and another try.

use axum::{
    Json, Router,
    extract::{Path, Query as Parameters, State, rejection::QueryRejection},
    routing::{get, post},
};
use model::{limits, time};
use pipeline::{DeadLetter, Error, envelope};
use serde::{Deserialize, Serialize};

use super::{Services, logs::checked, problem::Problem};

pub(super) fn routes() -> Router<Services> {
    Router::new().route("/api/v1/dead-letters", get(list)).route("/api/v1/dead-letters/{id}/replay", post(replay))
}

#[derive(Serialize)]
struct DeadLetterView {
    id: String,
    time: String,
    reason: String,
    producer: String,
    batch_id: Option<String>,
    records: u32,
    bytes: usize,
}

impl From<DeadLetter> for DeadLetterView {
    fn from(dead: DeadLetter) -> Self {
        Self {
            id: dead.id.to_string(),
            time: time::format_rfc3339(dead.time),
            reason: dead.letter.reason,
            producer: dead.letter.producer,
            batch_id: dead.letter.batch_id.map(|id| id.to_string()),
            records: dead.letter.records,
            bytes: dead.letter.payload.len(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    before: Option<i64>,
    limit: Option<usize>,
}

async fn list(
    State(services): State<Services>,
    asked: Result<Parameters<Asked>, QueryRejection>,
) -> Result<Json<Vec<DeadLetterView>>, Problem> {
    let asked = checked(asked)?;
    let limit = asked.limit.unwrap_or(100);
    if !(1..=limits::PAGE_RECORDS).contains(&limit) {
        return Err(Error::invalid(format!("limit is {limit}; it may be 1 to {}", limits::PAGE_RECORDS)).into());
    }
    let letters = services.store.dead_letters(asked.before, limit).await?;
    Ok(Json(letters.into_iter().map(DeadLetterView::from).collect()))
}

#[derive(Serialize)]
struct Replayed {
    records: usize,
}

/// Puts the letter's batch through the queue again; the letter goes once that is durable.
async fn replay(State(services): State<Services>, Path(id): Path<i64>) -> Result<Json<Replayed>, Problem> {
    let found = services.store.dead_letters(id.checked_add(1), 1).await?;
    let letter = found
        .into_iter()
        .find(|letter| letter.id == id)
        .ok_or_else(|| Error::not_found(format!("no dead letter has the id {id}")))?;
    let batch = envelope::decode(&letter.letter.payload)
        .map_err(|error| Error::invalid(format!("the dead letter holds no batch that could be stored: {error}")))?;
    let records = batch.records.len();
    services.ingest.replay(batch).await?;
    services.store.remove_dead_letters(&[id]).await?;
    Ok(Json(Replayed { records }))
}
