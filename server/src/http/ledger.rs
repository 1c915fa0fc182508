//! `/api/v1/ledger`: what became of the received records, by hour and service. `/api/v1/ledger/summary`: what the newest
//! counts of all hours say.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{Query as Parameters, State, rejection::QueryRejection},
};
use model::api::{LedgerSummaryView, LedgerView};
use reading::RangeText;
use serde::Deserialize;

use super::{logs::checked, parameters::NoParameters, problem::Problem};
use crate::{gate::Routes, state::LossesState};

pub(super) fn routes() -> Routes<LossesState> {
    Routes::new().get("/api/v1/ledger", Need::Read, rows).get("/api/v1/ledger/summary", Need::Read, summary)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Range {
    from: Option<String>,
    to: Option<String>,
}

async fn rows(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    range: Result<Parameters<Range>, QueryRejection>,
) -> Result<Json<LedgerView>, Problem> {
    let range = checked(range)?;
    let range = RangeText { from: range.from.as_deref(), to: range.to.as_deref() };
    Ok(Json(state.ledger.seen_by(principal.sight())?.rows(range).await?))
}

async fn summary(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<LedgerSummaryView>, Problem> {
    Ok(Json(state.ledger.seen_by(principal.sight())?.summary().await?))
}
