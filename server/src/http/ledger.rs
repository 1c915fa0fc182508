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
use utoipa::{IntoParams, OpenApi};

use super::{logs::checked, parameters::NoParameters, problem::Problem};
use crate::{gate::Routes, state::LossesState};

#[derive(OpenApi)]
#[openapi(paths(rows, summary))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<LossesState> {
    Routes::new().get("/api/v1/ledger", Need::Read, rows).get("/api/v1/ledger/summary", Need::Read, summary)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Range {
    /// The begin: RFC 3339, epoch milliseconds, or relative to now.
    #[param(example = "-1d")]
    from: Option<String>,
    /// The end, exclusive.
    #[param(example = "now")]
    to: Option<String>,
}

/// What became of the received records, by hour and service.
///
/// For each of them: received = stored + deduplicated + rejected + dead + deleted + in flight. The rest is missing.
#[utoipa::path(
    get,
    path = "/api/v1/ledger",
    tag = "losses",
    params(Range),
    responses(
        (status = 200, description = "The numbers of the hours of the range.", body = LedgerView, example = json!({
            "from": "2026-11-30T08:00:00.000000000Z",
            "to": "2026-11-30T10:00:00.000000000Z",
            "totals": {
                "received": 120000,
                "stored": 119990,
                "deduplicated": 0,
                "rejected": 10,
                "dead": 0,
                "deleted": 0,
                "in_flight": 0,
                "missing": 0,
                "surplus": 0,
            },
            "rows": [{
                "hour": "2026-11-30T09:00:00.000000000Z",
                "service": "checkout",
                "received": 120000,
                "stored": 119990,
                "deduplicated": 0,
                "rejected": 10,
                "dead": 0,
                "deleted": 0,
                "in_flight": 0,
                "missing": 0,
                "surplus": 0,
                "rejected_by": { "message": 10 },
                "state": "settled",
            }],
        })),
        (status = 400, description = "A parameter is unknown or invalid."),
    ),
)]
async fn rows(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    range: Result<Parameters<Range>, QueryRejection>,
) -> Result<Json<LedgerView>, Problem> {
    let range = checked(range)?;
    let range = RangeText { from: range.from.as_deref(), to: range.to.as_deref() };
    Ok(Json(state.ledger.seen_by(principal.sight())?.rows(range).await?))
}

/// What the newest counts of all hours say.
#[utoipa::path(
    get,
    path = "/api/v1/ledger/summary",
    tag = "losses",
    responses(
        (status = 200, description = "The summary.", body = LedgerSummaryView, example = json!({
            "since": "2026-11-01T00:00:00.000000000Z",
            "since_hours": 705,
            "hours": 700,
            "uncertain_hours": 1,
            "counted": "2026-11-30T09:15:04.120000000Z",
            "totals": {
                "received": 120000,
                "stored": 119990,
                "deduplicated": 0,
                "rejected": 10,
                "dead": 0,
                "deleted": 0,
                "in_flight": 0,
                "missing": 0,
                "surplus": 0,
            },
            "losses": [],
        })),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn summary(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<LedgerSummaryView>, Problem> {
    Ok(Json(state.ledger.seen_by(principal.sight())?.summary().await?))
}
