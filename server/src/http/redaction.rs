//! `/api/v1/redaction`: the rules and their numbers of matches, and what another rule would have changed in stored
//! records. `/system/redaction`: the same preview for the form of the page System. Its answer is a page, because the
//! address of a redirect would contain the rule, and addresses are logged.

use std::sync::Arc;

use access::{Need, Principal};
use app::pages::{RedactionTrial, Visit, redaction_page};
use axum::{
    Extension, Json,
    extract::{DefaultBodyLimit, State, rejection::JsonRejection},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use model::api::{RedactionPreviewView, RedactionRuleView, RedactionView};
use pipeline::{
    Error, ErrorClass, Result,
    redact::{Redaction, RuleView},
};
use reading::parse_query;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::{
    form::{FORM_BYTES, Fields},
    parameters::NoParameters,
    problem::Problem,
};
use crate::{gate::Routes, state::RedactionState};

/// The number of records that a preview looks at.
const RECORDS: usize = 1000;

#[derive(OpenApi)]
#[openapi(paths(show, preview))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<RedactionState> {
    Routes::new().get("/api/v1/redaction", Need::Admin, show).post("/api/v1/redaction/preview", Need::Admin, preview)
}

/// Outside the API: the target of a form.
pub(super) fn forms() -> Routes<RedactionState> {
    Routes::new().post("/system/redaction", Need::Admin, handle_form).layer(DefaultBodyLimit::max(FORM_BYTES))
}

/// The rules for the API and the page System.
pub(crate) fn rule_views(redaction: Option<&Redaction>) -> Vec<RedactionRuleView> {
    let view = |RuleView { name, pattern, fields, action, count }| RedactionRuleView {
        name,
        pattern,
        fields,
        action: String::from(action),
        count,
    };
    redaction.map(Redaction::views).unwrap_or_default().into_iter().map(view).collect()
}

/// The rules and their numbers of matches.
#[utoipa::path(
    get,
    path = "/api/v1/redaction",
    tag = "redaction",
    responses(
        (status = 200, description = "The rules.", body = RedactionView, example = json!({
            "rules": [{ "name": "email", "pattern": "email", "fields": [], "action": "mask", "count": 12 }],
        })),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn show(State(state): State<RedactionState>, _: NoParameters) -> Json<RedactionView> {
    Json(RedactionView { rules: rule_views(state.redaction.as_deref()) })
}

/// A rule that is tried out.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = RedactionTrialBody)]
#[serde(deny_unknown_fields)]
struct Trial {
    /// The rule, as in `--redact`.
    rule: String,
    /// A filter in the query language; empty or missing for all records.
    #[serde(default)]
    query: String,
    /// The most records to look at, the newest ones; 1000 if it is missing.
    #[schema(minimum = 1, maximum = 10000)]
    limit: Option<usize>,
}

/// What a rule would have changed in the newest stored records. Nothing is changed.
#[utoipa::path(
    post,
    path = "/api/v1/redaction/preview",
    tag = "redaction",
    request_body(content = Trial, example = json!({ "rule": "email", "query": "service:checkout" })),
    responses(
        (status = 200, description = "The changes.", body = RedactionPreviewView, example = json!({
            "examined": 1000,
            "changed": 3,
            "matches": 4,
            "examples": [{
                "id": "0193b2c4-5d6e-7f80-9a1b-2c3d4e5f0000",
                "time": "2026-11-30T09:15:04.120000000Z",
                "field": "message",
                "before": "mail to kim@example.com failed",
                "after": "mail to ******* failed",
            }],
        })),
        (status = 400, description = "The rule or the query does not read, or a field is unknown."),
    ),
)]
async fn preview(
    State(state): State<RedactionState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
    trial: Result<Json<Trial>, JsonRejection>,
) -> Result<Json<RedactionPreviewView>, Problem> {
    let Json(trial) = trial.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    Ok(Json(try_out(&state, &principal, trial).await?))
}

async fn try_out(state: &RedactionState, principal: &Principal, trial: Trial) -> Result<RedactionPreviewView> {
    let query = parse_query(Some(&trial.query)).await?;
    let key = state.redaction.as_ref().and_then(|redaction| redaction.key().cloned());
    // Compiling an expression may take a while.
    let compile = tokio::task::spawn_blocking(move || Redaction::trial(&trial.rule, key.as_ref())).await;
    let redaction = compile.map_err(|error| Error::internal(format!("compiling the rule failed: {error}")))??;
    let reader = state.reader.seen_by(principal.sight());
    reader.preview_redaction(Arc::new(redaction), query, trial.limit.unwrap_or(RECORDS)).await
}

async fn handle_form(
    State(state): State<RedactionState>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    form: Fields,
) -> Response {
    let (rule, query) = (form.get("rule").trim().to_owned(), form.get("query").trim().to_owned());
    let trial = Trial { rule: rule.clone(), query: query.clone(), limit: None };
    let outcome = match try_out(&state, &principal, trial).await {
        Ok(preview) => Ok(preview),
        Err(error) if matches!(error.class, ErrorClass::Corrupt | ErrorClass::Internal) => {
            return Problem::from(error).into_response();
        }
        Err(error) => Err(error.message),
    };
    let visit = Visit { headers: &headers, query: "", site: &state.site };
    redaction_page(&visit, &RedactionTrial { rule, query, outcome }).into_response()
}
