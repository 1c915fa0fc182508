//! `/api/v1/ledger`: what became of the received records, by hour and service. `/api/v1/ledger/summary`: what the newest
//! counts of all hours say.

use axum::{
    Json, Router,
    extract::{Query, State, rejection::QueryRejection},
    routing::get,
};
use model::api::{LedgerSummaryView, LedgerView};
use pipeline::Error;
use reading::RangeText;
use serde::Deserialize;

use super::{problem::Problem, state::OperationState};

pub(super) fn routes() -> Router<OperationState> {
    Router::new().route("/api/v1/ledger", get(rows)).route("/api/v1/ledger/summary", get(summary))
}

#[derive(Debug, Deserialize)]
struct Range {
    from: Option<String>,
    to: Option<String>,
}

async fn rows(
    State(state): State<OperationState>,
    range: Result<Query<Range>, QueryRejection>,
) -> Result<Json<LedgerView>, Problem> {
    let Query(range) = range.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let range = RangeText { from: range.from.as_deref(), to: range.to.as_deref() };
    Ok(Json(state.losses.rows(range).await?))
}

async fn summary(State(state): State<OperationState>) -> Result<Json<LedgerSummaryView>, Problem> {
    Ok(Json(state.losses.summary().await?))
}
