//! `/api/v1/ledger`: what became of the received records, by hour and service. `/api/v1/ledger/summary`: what the newest
//! counts of all hours say.

use axum::{
    Json, Router,
    extract::{Query as Parameters, State, rejection::QueryRejection},
    routing::get,
};
use model::api::{LedgerSummaryView, LedgerView};
use reading::RangeText;
use serde::Deserialize;

use super::{logs::checked, parameters::NoParameters, problem::Problem};
use crate::state::LossesState;

pub(super) fn routes() -> Router<LossesState> {
    Router::new().route("/api/v1/ledger", get(rows)).route("/api/v1/ledger/summary", get(summary))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: Option<String>,
    to: Option<String>,
}

async fn rows(
    State(state): State<LossesState>,
    range: Result<Parameters<Range>, QueryRejection>,
) -> Result<Json<LedgerView>, Problem> {
    let range = checked(range)?;
    let range = RangeText { from: range.from.as_deref(), to: range.to.as_deref() };
    Ok(Json(state.ledger.rows(range).await?))
}

async fn summary(State(state): State<LossesState>, _: NoParameters) -> Result<Json<LedgerSummaryView>, Problem> {
    Ok(Json(state.ledger.summary().await?))
}
