//! `/api/v1/dead-letters`: what could not be stored, why, and another try.

use axum::{
    Json, Router,
    extract::{Path, Query as Parameters, State, rejection::QueryRejection},
    routing::{get, post},
};
use model::api::DeadLetterView;
use serde::{Deserialize, Serialize};

use super::{Services, logs::checked, problem::Problem};

pub(super) fn routes() -> Router<Services> {
    Router::new().route("/api/v1/dead-letters", get(list)).route("/api/v1/dead-letters/{id}/replay", post(replay))
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
    Ok(Json(services.letters.list(asked.before, asked.limit.unwrap_or(100)).await?))
}

#[derive(Serialize)]
struct Replayed {
    records: usize,
}

async fn replay(State(services): State<Services>, Path(id): Path<i64>) -> Result<Json<Replayed>, Problem> {
    Ok(Json(Replayed { records: services.letters.replay(id).await? }))
}
