//! `/api/v1/logs`: pages of records, one record and its neighbours.

use std::time::Duration;

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{Query as Parameters, State, rejection::QueryRejection},
};
use model::api::{ContextView, LogsPage, QueryHint, RecordView};
use pipeline::{Error, TimeRange};
use reading::{DefaultRange, RangeText, hints};
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::{
    parameters::{NoParameters, Path},
    problem::{Problem, parse_query},
};
use crate::{gate::Routes, state::ReadingState};

/// The time limit of a page, below the usual timeouts of clients and proxies.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) type Answer<T> = Result<Json<T>, Problem>;

#[derive(OpenApi)]
#[openapi(paths(logs, record, context))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<ReadingState> {
    Routes::new().get("/api/v1/logs", Need::Read, logs).get("/api/v1/logs/{id}", Need::Read, record).get(
        "/api/v1/logs/{id}/context",
        Need::Read,
        context,
    )
}

/// The parameters of all calls over a time range.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    query: Option<&'a str>,
    range: RangeText<'a>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(query: &'a Option<String>, from: &'a Option<String>, to: &'a Option<String>) -> Self {
        let range = RangeText { from: from.as_deref(), to: to.as_deref() };
        Self { query: query.as_deref(), range }
    }

    pub(super) async fn query(self) -> Result<model::Query, Problem> {
        parse_query(self.query).await
    }

    pub(super) fn hints(self, found_nothing: bool) -> Vec<QueryHint> {
        hints(self.query.unwrap_or_default(), found_nothing)
    }

    pub(super) fn range(self, state: &ReadingState) -> Result<TimeRange, Error> {
        state.reader.range(self.range, DefaultRange::LastHour)
    }
}

/// The parameters, or an error with the name of the invalid one.
pub(super) fn checked<T>(parameters: Result<Parameters<T>, QueryRejection>) -> Result<T, Error> {
    parameters.map(|Parameters(parameters)| parameters).map_err(|rejection| Error::invalid(rejection.body_text()))
}

/// The parameters of a page of records.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct LogsParameters {
    /// A filter in the query language, such as `level:error service:checkout`; all records without it.
    #[param(max_length = 4096, example = "level:error service:checkout")]
    query: Option<String>,
    /// The begin: RFC 3339, epoch milliseconds, or relative to now, such as `-15m`.
    #[param(default = "-1h", example = "-15m")]
    from: Option<String>,
    /// The end, exclusive, in the same forms.
    #[param(default = "now", example = "now")]
    to: Option<String>,
    /// The most records of the page.
    #[param(minimum = 1, maximum = 10000, default = 100)]
    limit: Option<usize>,
    /// The `next_cursor` of the page before.
    #[param(example = "1764494104120000000.184467")]
    cursor: Option<String>,
}

/// Records, newest first.
///
/// A search that takes longer than 10 s ends with `partial: true` and the records found so far. Repeat the call with
/// `next_cursor` to continue.
#[utoipa::path(
    get,
    path = "/api/v1/logs",
    tag = "search",
    params(LogsParameters),
    responses(
        (status = 200, description = "A page of records.", body = LogsPage, example = json!({
            "records": [{
                    "id": "0193b2c4-5d6e-7f80-9a1b-2c3d4e5f0000",
                    "position": "184467",
                    "time": "2026-11-30T09:15:04.120000000Z",
                    "observed_time": "2026-11-30T09:15:04.131000000Z",
                    "level": "error",
                    "severity": 17,
                    "service": "checkout",
                    "node": "web-1",
                    "message": "payment of order 4711 failed: card declined",
                    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                    "span_id": "00f067aa0ba902b7",
                    "attributes": { "order": 4711, "card.declined": true },
                }],
            "next_cursor": "1764494104120000000.184467",
            "partial": false,
            "searched_back_to": "2026-11-30T09:15:04.120000000Z",
            "complete": false,
            "position": "184990",
        })),
        (status = 400, description = "A parameter is unknown or invalid. `hints` has queries to try instead."),
    ),
)]
async fn logs(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<LogsParameters>, QueryRejection>,
) -> Answer<LogsPage> {
    let LogsParameters { query, from, to, limit, cursor } = checked(parameters)?;
    let asked = Asked::new(&query, &from, &to);
    let (query, range) = (asked.query().await?, asked.range(&state)?);
    let mut page = state
        .reader
        .seen_by(principal.sight())
        .logs(query, range, limit.unwrap_or(100), cursor.as_deref(), PATIENCE)
        .await?;
    page.hints = asked.hints(page.records.is_empty());
    Ok(Json(page))
}

/// One record.
#[utoipa::path(
    get,
    path = "/api/v1/logs/{id}",
    tag = "search",
    params(
        (
            "id" = String,
            Path,
            description = "The `id` of the record.",
            example = "0193b2c4-5d6e-7f80-9a1b-2c3d4e5f0000",
        ),
    ),
    responses(
        (status = 200, description = "The record.", body = RecordView, example = json!({
                "id": "0193b2c4-5d6e-7f80-9a1b-2c3d4e5f0000",
                "position": "184467",
                "time": "2026-11-30T09:15:04.120000000Z",
                "observed_time": "2026-11-30T09:15:04.131000000Z",
                "level": "error",
                "severity": 17,
                "service": "checkout",
                "node": "web-1",
                "message": "payment of order 4711 failed: card declined",
                "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                "span_id": "00f067aa0ba902b7",
                "attributes": { "order": 4711, "card.declined": true },
            })),
        (status = 400, description = "The id is none, or a parameter is unknown."),
        (status = 404, description = "There is no such record, or the caller does not see it."),
    ),
)]
async fn record(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
    Path(id): Path<String>,
) -> Answer<RecordView> {
    Ok(Json(state.reader.seen_by(principal.sight()).record(&id).await?))
}

/// The parameters of the neighbours of a record.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct Neighbours {
    /// The most records before it.
    #[param(minimum = 0, maximum = 1000, default = 20)]
    before: Option<usize>,
    /// The most records after it.
    #[param(minimum = 0, maximum = 1000, default = 20)]
    after: Option<usize>,
}

/// A record and its neighbours of the same service and node, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/logs/{id}/context",
    tag = "search",
    params(
        (
            "id" = String,
            Path,
            description = "The `id` of the record.",
            example = "0193b2c4-5d6e-7f80-9a1b-2c3d4e5f0000",
        ),
        Neighbours,
    ),
    responses(
        (status = 200, description = "The record and its neighbours.", body = ContextView, example = json!({
            "before": [],
            "record": {
                    "id": "0193b2c4-5d6e-7f80-9a1b-2c3d4e5f0000",
                    "position": "184467",
                    "time": "2026-11-30T09:15:04.120000000Z",
                    "observed_time": "2026-11-30T09:15:04.131000000Z",
                    "level": "error",
                    "severity": 17,
                    "service": "checkout",
                    "node": "web-1",
                    "message": "payment of order 4711 failed: card declined",
                    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
                    "span_id": "00f067aa0ba902b7",
                    "attributes": { "order": 4711, "card.declined": true },
                },
            "after": [],
        })),
        (status = 400, description = "The id is none, or a parameter is unknown."),
        (status = 404, description = "There is no such record, or the caller does not see it."),
    ),
)]
async fn context(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
    parameters: Result<Parameters<Neighbours>, QueryRejection>,
) -> Answer<ContextView> {
    let parameters = checked(parameters)?;
    let reader = state.reader.seen_by(principal.sight());
    Ok(Json(reader.context(&id, parameters.before.unwrap_or(20), parameters.after.unwrap_or(20)).await?))
}
