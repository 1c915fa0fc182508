//! `/api/v1/count`, `/histogram`, `/facets`, `/fields` and `/patterns`: summaries of the records of a range.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{Query as Parameters, State, rejection::QueryRejection},
};
use model::api::{CountView, FacetValue, FacetsView, FieldView, HistogramView, PatternsView};
use reading::RangeText;
use serde::Deserialize;
use utoipa::{IntoParams, OpenApi};

use super::logs::{Answer, Asked, checked};
use crate::{gate::Routes, state::ReadingState};

#[derive(OpenApi)]
#[openapi(paths(count, histogram, facets, fields, patterns))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<ReadingState> {
    Routes::new()
        .get("/api/v1/count", Need::Read, count)
        .get("/api/v1/histogram", Need::Read, histogram)
        .get("/api/v1/facets", Need::Read, facets)
        .get("/api/v1/fields", Need::Read, fields)
        .get("/api/v1/patterns", Need::Read, patterns)
}

/// The parameters of calls that need nothing but a filter and a range.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct RangeParameters {
    /// A filter in the query language, such as `level:error service:checkout`; all records without it.
    #[param(max_length = 4096, example = "level:error service:checkout")]
    query: Option<String>,
    /// The begin: RFC 3339, epoch milliseconds, or relative to now, such as `-15m`.
    #[param(default = "-1h", example = "-15m")]
    from: Option<String>,
    /// The end, exclusive, in the same forms.
    #[param(default = "now", example = "now")]
    to: Option<String>,
}

/// The number of matching records.
#[utoipa::path(
    get,
    path = "/api/v1/count",
    tag = "search",
    params(RangeParameters),
    responses(
        (status = 200, description = "The number.", body = CountView, example = json!({ "count": 4182 })),
        (status = 400, description = "A parameter is unknown or invalid. `hints` has queries to try instead."),
    ),
)]
async fn count(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<RangeParameters>, QueryRejection>,
) -> Answer<CountView> {
    let RangeParameters { query, from, to } = checked(parameters)?;
    let asked = Asked::new(&query, &from, &to);
    let reader = state.reader.seen_by(principal.sight());
    let mut view = reader.count(&asked.query().await?, asked.range(&state)?).await?;
    view.hints = asked.hints(view.count == 0);
    Ok(Json(view))
}

/// The parameters of counts over time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct HistogramParameters {
    /// A filter in the query language, such as `level:error service:checkout`; all records without it.
    #[param(max_length = 4096, example = "level:error service:checkout")]
    query: Option<String>,
    /// The begin: RFC 3339, epoch milliseconds, or relative to now, such as `-15m`.
    #[param(default = "-1h", example = "-15m")]
    from: Option<String>,
    /// The end, exclusive, in the same forms.
    #[param(default = "now", example = "now")]
    to: Option<String>,
    /// About how many buckets the range is divided into: their width is a round one.
    #[param(minimum = 1, maximum = 1000, default = 60)]
    buckets: Option<u32>,
}

/// Counts over time, by level class.
#[utoipa::path(
    get,
    path = "/api/v1/histogram",
    tag = "search",
    params(HistogramParameters),
    responses(
        (status = 200, description = "The counts, oldest bucket first.", body = HistogramView, example = json!({
            "bucket_seconds": 60.0,
            "buckets": [{ "time": "2026-11-30T09:15:00.000000000Z", "counts": { "info": 120, "error": 2 } }],
        })),
        (status = 400, description = "A parameter is unknown or invalid. `hints` has queries to try instead."),
    ),
)]
async fn histogram(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<HistogramParameters>, QueryRejection>,
) -> Answer<HistogramView> {
    let HistogramParameters { query, from, to, buckets } = checked(parameters)?;
    let asked = Asked::new(&query, &from, &to);
    let reader = state.reader.seen_by(principal.sight());
    let range = asked.range(&state)?;
    Ok(Json(reader.histogram(&asked.query().await?, range, buckets.unwrap_or(60)).await?))
}

/// The parameters of the most frequent values.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct FacetParameters {
    /// A filter in the query language, such as `level:error service:checkout`; all records without it.
    #[param(max_length = 4096, example = "level:error service:checkout")]
    query: Option<String>,
    /// The begin: RFC 3339, epoch milliseconds, or relative to now, such as `-15m`.
    #[param(default = "-1h", example = "-15m")]
    from: Option<String>,
    /// The end, exclusive, in the same forms.
    #[param(default = "now", example = "now")]
    to: Option<String>,
    /// 1 to 50 names of fields, with commas between them.
    #[param(default = "service,level", example = "service,http.status")]
    fields: Option<String>,
    /// The most values of each field.
    #[param(minimum = 1, maximum = 50, default = 10)]
    limit: Option<usize>,
}

/// The most frequent values of each field, with their counts.
#[utoipa::path(
    get,
    path = "/api/v1/facets",
    tag = "search",
    params(FacetParameters),
    responses(
        (status = 200, description = "The values by field.", body = BTreeMap<String, Vec<FacetValue>>, example = json!({
            "service": [{ "value": "checkout", "count": 3120 }, { "value": "cart", "count": 402 }],
            "level": [{ "value": "info", "count": 3490 }, { "value": "error", "count": 32 }],
        })),
        (status = 400, description = "A parameter is unknown or invalid. `hints` has queries to try instead."),
    ),
)]
async fn facets(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<FacetParameters>, QueryRejection>,
) -> Answer<FacetsView> {
    let FacetParameters { query, from, to, fields, limit } = checked(parameters)?;
    let asked = Asked::new(&query, &from, &to);
    let reader = state.reader.seen_by(principal.sight());
    let fields: Vec<String> = fields
        .as_deref()
        .unwrap_or("service,level")
        .split(',')
        .map(str::trim)
        .filter(|field| !field.is_empty())
        .map(str::to_owned)
        .collect();
    let (query, range) = (asked.query().await?, asked.range(&state)?);
    Ok(Json(reader.facets(&query, range, &fields, limit.unwrap_or(10)).await?))
}

/// The fields that occur in the newest matches.
#[utoipa::path(
    get,
    path = "/api/v1/fields",
    tag = "search",
    params(RangeParameters),
    responses(
        (status = 200, description = "The fields, most frequent first.", body = Vec<FieldView>, example = json!([
            { "name": "http.status", "count": 812, "values": 5, "records": 1000 },
        ])),
        (status = 400, description = "A parameter is unknown or invalid. `hints` has queries to try instead."),
    ),
)]
async fn fields(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<RangeParameters>, QueryRejection>,
) -> Answer<Vec<FieldView>> {
    let RangeParameters { query, from, to } = checked(parameters)?;
    let asked = Asked::new(&query, &from, &to);
    let reader = state.reader.seen_by(principal.sight());
    Ok(Json(reader.fields(&asked.query().await?, asked.range(&state)?).await?))
}

/// The parameters of the kinds of messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct PatternParameters {
    /// A filter in the query language, such as `level:error service:checkout`; all records without it.
    #[param(max_length = 4096, example = "level:error service:checkout")]
    query: Option<String>,
    /// The begin: RFC 3339, epoch milliseconds, or relative to now, such as `-15m`.
    #[param(default = "-1h", example = "-15m")]
    from: Option<String>,
    /// The end, exclusive, in the same forms.
    #[param(default = "now", example = "now")]
    to: Option<String>,
    /// The begin of a range to compare with: a pattern without a record there is marked as new.
    #[param(example = "-1d")]
    compare_from: Option<String>,
    /// The end of that range, exclusive.
    #[param(example = "-1h")]
    compare_to: Option<String>,
}

/// The kinds of messages among the newest matches, with their counts.
#[utoipa::path(
    get,
    path = "/api/v1/patterns",
    tag = "search",
    params(PatternParameters),
    responses(
        (status = 200, description = "The patterns, new ones first.", body = PatternsView, example = json!({
            "patterns": [{
                "template": "payment of order <*> failed: card declined",
                "query": "message:\"payment of order\" message:\"failed: card declined\"",
                "count": 42,
                "levels": { "error": 42 },
                "services": ["checkout"],
                "spark": [0, 2, 40],
                "example": {
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
                "is_new": true,
            }],
            "records": 4182,
            "searched_back_to": "2026-11-30T08:20:00.000000000Z",
            "complete": true,
        })),
        (status = 400, description = "A parameter is unknown or invalid. `hints` has queries to try instead."),
    ),
)]
async fn patterns(
    State(state): State<ReadingState>,
    Extension(principal): Extension<Principal>,
    parameters: Result<Parameters<PatternParameters>, QueryRejection>,
) -> Answer<PatternsView> {
    let PatternParameters { query, from, to, compare_from, compare_to } = checked(parameters)?;
    let asked = Asked::new(&query, &from, &to);
    let reader = state.reader.seen_by(principal.sight());
    let compare = RangeText { from: compare_from.as_deref(), to: compare_to.as_deref() };
    let compare = state.reader.compared(compare)?;
    Ok(Json(reader.patterns(&asked.query().await?, asked.range(&state)?, compare).await?))
}
