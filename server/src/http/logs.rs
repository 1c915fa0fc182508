//! `/api/v1/logs` and other immediate responses: count, histogram, facets, one record.

use std::time::Duration;

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{Path, Query as Parameters, State, rejection::QueryRejection},
};
use model::api::{
    ContextView, CountView, FacetsView, FieldView, HistogramView, LogsPage, PatternsView, QueryHint, RecordView,
};
use pipeline::{Error, TimeRange};
use reading::{DefaultRange, RangeText, hints};
use serde::Deserialize;

use super::{
    parameters::NoParameters,
    problem::{Problem, parse_query},
};
use crate::{gate::Routes, state::ReadingState};

/// The time limit of a page, below the usual timeouts of clients and proxies.
const PATIENCE: Duration = Duration::from_secs(10);

type Answer<T> = Result<Json<T>, Problem>;

pub(super) fn routes() -> Routes<ReadingState> {
    Routes::new()
        .get("/api/v1/logs", Need::Read, logs)
        .get("/api/v1/logs/{id}", Need::Read, record)
        .get("/api/v1/logs/{id}/context", Need::Read, context)
        .get("/api/v1/count", Need::Read, count)
        .get("/api/v1/histogram", Need::Read, histogram)
        .get("/api/v1/facets", Need::Read, facets)
        .get("/api/v1/fields", Need::Read, fields)
        .get("/api/v1/patterns", Need::Read, patterns)
}

/// The parameters shared by calls over a time range; each call uses some of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeParameters {
    query: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    buckets: Option<u32>,
    fields: Option<String>,
    /// The comparison range of patterns.
    compare_from: Option<String>,
    compare_to: Option<String>,
}

impl RangeParameters {
    async fn query(&self) -> Result<model::Query, Problem> {
        parse_query(self.query.as_deref()).await
    }

    fn hints(&self, found_nothing: bool) -> Vec<QueryHint> {
        hints(self.query.as_deref().unwrap_or_default(), found_nothing)
    }

    fn range(&self, state: &ReadingState) -> Result<TimeRange, Error> {
        let text = RangeText { from: self.from.as_deref(), to: self.to.as_deref() };
        state.reader.range(text, DefaultRange::LastHour)
    }
}

type CheckedParameters = Result<Parameters<RangeParameters>, QueryRejection>;

/// The parameters, or an error with the name of the invalid one.
pub(super) fn checked<T>(parameters: Result<Parameters<T>, QueryRejection>) -> Result<T, Error> {
    parameters.map(|Parameters(parameters)| parameters).map_err(|rejection| Error::invalid(rejection.body_text()))
}

async fn logs(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: CheckedParameters,
) -> Answer<LogsPage> {
    let parameters = checked(parameters)?;
    let (query, range) = (parameters.query().await?, parameters.range(&state)?);
    let mut page = state
        .reader
        .seen_by(principal.sight())
        .logs(query, range, parameters.limit.unwrap_or(100), parameters.cursor.as_deref(), PATIENCE)
        .await?;
    page.hints = parameters.hints(page.records.is_empty());
    Ok(Json(page))
}

async fn count(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: CheckedParameters,
) -> Answer<CountView> {
    let parameters = checked(parameters)?;
    let reader = state.reader.seen_by(principal.sight());
    let mut view = reader.count(&parameters.query().await?, parameters.range(&state)?).await?;
    view.hints = parameters.hints(view.count == 0);
    Ok(Json(view))
}

async fn histogram(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: CheckedParameters,
) -> Answer<HistogramView> {
    let parameters = checked(parameters)?;
    let reader = state.reader.seen_by(principal.sight());
    let range = parameters.range(&state)?;
    Ok(Json(reader.histogram(&parameters.query().await?, range, parameters.buckets.unwrap_or(60)).await?))
}

async fn facets(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: CheckedParameters,
) -> Answer<FacetsView> {
    let parameters = checked(parameters)?;
    let reader = state.reader.seen_by(principal.sight());
    let fields: Vec<String> = parameters
        .fields
        .as_deref()
        .unwrap_or("service,level")
        .split(',')
        .map(str::trim)
        .filter(|field| !field.is_empty())
        .map(str::to_owned)
        .collect();
    let (query, range) = (parameters.query().await?, parameters.range(&state)?);
    Ok(Json(reader.facets(&query, range, &fields, parameters.limit.unwrap_or(10)).await?))
}

async fn fields(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: CheckedParameters,
) -> Answer<Vec<FieldView>> {
    let parameters = checked(parameters)?;
    let reader = state.reader.seen_by(principal.sight());
    Ok(Json(reader.fields(&parameters.query().await?, parameters.range(&state)?).await?))
}

async fn patterns(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: CheckedParameters,
) -> Answer<PatternsView> {
    let parameters = checked(parameters)?;
    let reader = state.reader.seen_by(principal.sight());
    let compare = RangeText { from: parameters.compare_from.as_deref(), to: parameters.compare_to.as_deref() };
    let compare = state.reader.compared(compare)?;
    Ok(Json(reader.patterns(&parameters.query().await?, parameters.range(&state)?, compare).await?))
}

async fn record(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
    Path(id): Path<String>,
) -> Answer<RecordView> {
    Ok(Json(state.reader.seen_by(principal.sight()).record(&id).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Neighbours {
    before: Option<usize>,
    after: Option<usize>,
}

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
