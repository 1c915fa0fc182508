//! `/api/v1/logs` and what else answers at once: count, histogram, facets, one record.

use std::time::Duration;

use axum::{
    Json, Router,
    extract::{Path, Query as Parameters, State, rejection::QueryRejection},
    routing::get,
};
use model::api::{
    ContextView, CountView, FacetsView, FieldView, HistogramView, LogsPage, PatternsView, QueryHint, RecordView,
};
use pipeline::{Error, TimeRange};
use reading::{DefaultRange, RangeText, hints};
use serde::Deserialize;

use super::{
    problem::{Problem, parse_query},
    state::ReadingState,
};

/// How long a page is looked for: less than what clients and proxies wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

type Answer<T> = Result<Json<T>, Problem>;

pub(super) fn routes() -> Router<ReadingState> {
    Router::new()
        .route("/api/v1/logs", get(logs))
        .route("/api/v1/logs/{id}", get(record))
        .route("/api/v1/logs/{id}/context", get(context))
        .route("/api/v1/count", get(count))
        .route("/api/v1/histogram", get(histogram))
        .route("/api/v1/facets", get(facets))
        .route("/api/v1/fields", get(fields))
        .route("/api/v1/patterns", get(patterns))
}

/// What the calls over a range of time share; each looks at what concerns it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    query: Option<String>,
    from: Option<String>,
    to: Option<String>,
    limit: Option<usize>,
    cursor: Option<String>,
    buckets: Option<u32>,
    fields: Option<String>,
    /// Of patterns: the range that is compared with.
    compare_from: Option<String>,
    compare_to: Option<String>,
}

impl Asked {
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

type AskedParameters = Result<Parameters<Asked>, QueryRejection>;

/// The parameters, or an error that names the one at fault.
pub(super) fn checked<T>(parameters: Result<Parameters<T>, QueryRejection>) -> Result<T, Error> {
    parameters.map(|Parameters(asked)| asked).map_err(|rejection| Error::invalid(rejection.body_text()))
}

async fn logs(State(state): State<ReadingState>, asked: AskedParameters) -> Answer<LogsPage> {
    let asked = checked(asked)?;
    let (query, range) = (asked.query().await?, asked.range(&state)?);
    let mut page =
        state.reader.logs(query, range, asked.limit.unwrap_or(100), asked.cursor.as_deref(), PATIENCE).await?;
    page.hints = asked.hints(page.records.is_empty());
    Ok(Json(page))
}

async fn count(State(state): State<ReadingState>, asked: AskedParameters) -> Answer<CountView> {
    let asked = checked(asked)?;
    let mut view = state.reader.count(&asked.query().await?, asked.range(&state)?).await?;
    view.hints = asked.hints(view.count == 0);
    Ok(Json(view))
}

async fn histogram(State(state): State<ReadingState>, asked: AskedParameters) -> Answer<HistogramView> {
    let asked = checked(asked)?;
    let range = asked.range(&state)?;
    Ok(Json(state.reader.histogram(&asked.query().await?, range, asked.buckets.unwrap_or(60)).await?))
}

async fn facets(State(state): State<ReadingState>, asked: AskedParameters) -> Answer<FacetsView> {
    let asked = checked(asked)?;
    let fields: Vec<String> = asked
        .fields
        .as_deref()
        .unwrap_or("service,level")
        .split(',')
        .map(str::trim)
        .filter(|field| !field.is_empty())
        .map(str::to_owned)
        .collect();
    let (query, range) = (asked.query().await?, asked.range(&state)?);
    Ok(Json(state.reader.facets(&query, range, &fields, asked.limit.unwrap_or(10)).await?))
}

async fn fields(State(state): State<ReadingState>, asked: AskedParameters) -> Answer<Vec<FieldView>> {
    let asked = checked(asked)?;
    Ok(Json(state.reader.fields(&asked.query().await?, asked.range(&state)?).await?))
}

async fn patterns(State(state): State<ReadingState>, asked: AskedParameters) -> Answer<PatternsView> {
    let asked = checked(asked)?;
    let compare = RangeText { from: asked.compare_from.as_deref(), to: asked.compare_to.as_deref() };
    let compare = state.reader.compared(compare)?;
    Ok(Json(state.reader.patterns(&asked.query().await?, asked.range(&state)?, compare).await?))
}

async fn record(State(state): State<ReadingState>, Path(id): Path<String>) -> Answer<RecordView> {
    Ok(Json(state.reader.record(&id).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Neighbours {
    before: Option<usize>,
    after: Option<usize>,
}

async fn context(
    State(state): State<ReadingState>,
    Path(id): Path<String>,
    asked: Result<Parameters<Neighbours>, QueryRejection>,
) -> Answer<ContextView> {
    let asked = checked(asked)?;
    Ok(Json(state.reader.context(&id, asked.before.unwrap_or(20), asked.after.unwrap_or(20)).await?))
}
