//! JSON doors: `POST /api/v1/push` takes lines, an array or an object; `POST /put` the same with the response format
//! of source S3.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{Query as Parameters, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use doors::{
    Decoded, json,
    mapping::{Mapping, Role},
};
use model::{Position, StoredRecord, Text, api::RecordView, limits};
use pipeline::{Error, normalise::Rejection};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::{IngestState, Outcome, Payload, idempotency::KeyHeader, problem::Problem, store};
use crate::gate::Routes;

/// The maximum number of rejections listed in a response; further ones are only counted.
const LISTED_REJECTIONS: usize = 100;
/// The maximum number of records shown by a dry run.
const SHOWN_RECORDS: usize = 100;

#[derive(OpenApi)]
#[openapi(paths(push, put_record))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<IngestState> {
    Routes::new().post("/api/v1/push", Need::Write("json"), push)
}

pub(super) fn put() -> Routes<IngestState> {
    Routes::new().post("/put", Need::Write("put"), put_record)
}

/// What became of the records of a body.
#[derive(Serialize, ToSchema)]
#[schema(as = PushAnswer)]
struct Answer {
    accepted: usize,
    rejected: usize,
    /// The first 100 rejected records.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejections: Vec<RejectionView>,
    /// Whether it was already stored under the same `Idempotency-Key`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

/// A record that cannot be stored.
#[derive(Serialize, ToSchema)]
#[schema(as = Rejection)]
struct RejectionView {
    /// Its place in the body, from 0.
    index: usize,
    reason: String,
}

/// Stores records that are JSON objects, or lines of text.
///
/// The usual names of fields are recognised: `time`, `level`, `message`, `service` and others. Everything else becomes
/// an attribute. Each parameter may also be a header, such as `Logboom-Service`. Unknown ones are refused.
#[utoipa::path(
    post,
    path = "/api/v1/push",
    tag = "send",
    params(
        (
            "debug" = Option<bool>,
            Query,
            description = "Shows how the records would be stored, as `records` beside `stored: false`, and stores \
                           nothing. `0` and `false` count as missing.",
        ),
        (
            "service" = Option<String>,
            Query,
            description = "The service of records without one.",
            max_length = 256,
            example = "checkout",
        ),
        (
            "node" = Option<String>,
            Query,
            description = "The node of records without one.",
            max_length = 256,
            example = "web-1",
        ),
        (
            "level" = Option<String>,
            Query,
            description = "The level of records without one.",
            max_length = 256,
            example = "info",
        ),
        (
            "message_field" = Option<String>,
            Query,
            description = "Names of the fields that have the message, with commas between them.",
            max_length = 256,
            example = "text",
        ),
        (
            "time_field" = Option<String>,
            Query,
            description = "The fields of the time.",
            max_length = 256,
            example = "ts",
        ),
        (
            "level_field" = Option<String>,
            Query,
            description = "The fields of the level.",
            max_length = 256,
            example = "sev",
        ),
        (
            "service_field" = Option<String>,
            Query,
            description = "The fields of the service.",
            max_length = 256,
            example = "app",
        ),
        (
            "node_field" = Option<String>,
            Query,
            description = "The fields of the node.",
            max_length = 256,
            example = "host",
        ),
        (
            "trace_id_field" = Option<String>,
            Query,
            description = "The fields of the trace id.",
            max_length = 256,
            example = "trace",
        ),
        (
            "span_id_field" = Option<String>,
            Query,
            description = "The fields of the span id.",
            max_length = 256,
            example = "span",
        ),
        KeyHeader,
    ),
    request_body(
        description = "A JSON object, an array of them, or one per line; as `text/plain`, each line is a message.",
        content(
            (
                Object = "application/json",
                example = json!({ "level": "info", "service": "shop", "message": "started" }),
            ),
            (String = "application/x-ndjson", example = json!("{\"message\":\"started\"}\n{\"message\":\"ready\"}\n")),
            (String = "text/plain", example = json!("2026-11-30T09:15:04Z INFO started\n")),
        ),
    ),
    responses(
        (
            status = 200,
            description = "The records are durable.",
            body = Answer,
            example = json!({ "accepted": 2, "rejected": 0 }),
        ),
        (
            status = 400,
            description = "The body or a parameter is invalid, or no record of the body can be stored.",
            content(
                (Answer = "application/json", example = json!({
                    "accepted": 0,
                    "rejected": 1,
                    "rejections": [{ "index": 0, "reason": "message: it is empty" }],
                })),
                (ref("#/components/schemas/Problem") = "application/problem+json"),
            ),
        ),
    ),
)]
async fn push(
    State(state): State<IngestState>,
    Extension(principal): Extension<Principal>,
    Parameters(parameters): Parameters<Vec<(String, String)>>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    let PushParameters { mapping, debug } = PushParameters::read(&parameters, &headers)?;
    let decoded =
        if is_plain_text(&headers) { json::decode_text(&body, &mapping)? } else { json::decode(&body, &mapping)? };
    drop(body);
    if debug {
        return Ok(Json(dry_run(&state, decoded)).into_response());
    }
    let Outcome { accepted, rejected, repeated } = store(&state, &principal, &headers, "http", decoded).await?;
    let status = if accepted == 0 && !rejected.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::OK };
    let (count, rejections) = (rejected.len(), rejection_views(rejected));
    Ok((status, Json(Answer { accepted, rejected: count, rejections, duplicate: repeated })).into_response())
}

/// The response of source S3, when the records are durable.
#[derive(Serialize, ToSchema)]
struct PutAnswer {
    /// `ok`, or `error` if no record is stored.
    result: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejections: Vec<RejectionView>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

/// Stores records, with the answer of the earlier log stream server.
///
/// It ignores parameters that it does not know, as that server did.
#[utoipa::path(
    post,
    path = "/put",
    tag = "compatible",
    params(
        ("key" = Option<String>, Query, description = "A key, for senders that can set nothing but the address."),
        KeyHeader,
    ),
    request_body(
        content = Object,
        content_type = "application/json",
        description = "A JSON object, an array of them, or one per line.",
        example = json!({ "level": "info", "node": "web-1", "message": "started" }),
    ),
    responses(
        (status = 200, description = "The records are durable.", body = PutAnswer, example = json!({ "result": "ok" })),
        (
            status = 400,
            description = "The body or a parameter is invalid, or no record of the body can be stored.",
            content(
                (
                    PutAnswer = "application/json",
                    example = json!({
                        "result": "error",
                        "rejections": [{ "index": 0, "reason": "message: it is empty" }],
                    }),
                ),
                (ref("#/components/schemas/Problem") = "application/problem+json"),
            ),
        ),
    ),
)]
async fn put_record(
    State(state): State<IngestState>,
    Extension(principal): Extension<Principal>,
    headers: HeaderMap,
    Payload(body): Payload,
) -> Result<Response, Problem> {
    let decoded = json::decode(&body, &Mapping::usual())?;
    drop(body);
    let Outcome { accepted, rejected, repeated } = store(&state, &principal, &headers, "http put", decoded).await?;
    let refused = accepted == 0 && !rejected.is_empty();
    let (status, result) = if refused { (StatusCode::BAD_REQUEST, "error") } else { (StatusCode::OK, "ok") };
    Ok((status, Json(PutAnswer { result, rejections: rejection_views(rejected), duplicate: repeated })).into_response())
}

fn rejection_views(rejections: Vec<Rejection>) -> Vec<RejectionView> {
    let listed = rejections.into_iter().take(LISTED_REJECTIONS);
    listed.map(|Rejection { index, reason }| RejectionView { index, reason }).collect()
}

/// The result of a dry run.
#[derive(Serialize)]
struct DryRun {
    records: Vec<RecordView>,
    accepted: usize,
    rejected: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejections: Vec<RejectionView>,
    stored: bool,
}

fn dry_run(state: &IngestState, decoded: Decoded) -> DryRun {
    let Decoded { records, places, rejections: mut refused } = decoded;
    let (records, late) = state.ingest.rehearse(records);
    refused.extend(late.into_iter().map(|rejection| Rejection {
        index: places.get(rejection.index).copied().unwrap_or(rejection.index),
        ..rejection
    }));
    refused.sort_by_key(|rejection| rejection.index);
    DryRun {
        accepted: records.len(),
        records: records
            .into_iter()
            .take(SHOWN_RECORDS)
            .map(|record| RecordView::from(&StoredRecord { position: Position::default(), record }))
            .collect(),
        rejected: refused.len(),
        rejections: rejection_views(refused),
        stored: false,
    }
}

fn is_plain_text(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/plain"))
}

/// A client's settings for its fields: URL parameters, or headers with the prefix `Logboom-`.
struct PushParameters {
    mapping: Mapping,
    /// Dry run: shows the records and stores nothing.
    debug: bool,
}

impl PushParameters {
    fn read(parameters: &[(String, String)], headers: &HeaderMap) -> Result<Self, Error> {
        let mut parsed = Self { mapping: Mapping::usual(), debug: false };
        for (name, value) in headers {
            // Header names are in lower case.
            let Some(name) = name.as_str().strip_prefix("logboom-") else { continue };
            let value = value.to_str().map_err(|_| Error::invalid(format!("Logboom-{name} is not text")))?;
            parsed.take(&name.replace('-', "_"), value)?;
        }
        for (name, value) in parameters {
            parsed.take(name, value)?;
        }
        Ok(parsed)
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Error> {
        if value.len() > limits::NAME_BYTES {
            return Err(Error::invalid(format!(
                "{name} has {} bytes; the limit is {}",
                value.len(),
                limits::NAME_BYTES
            )));
        }
        match name {
            "debug" => self.debug = !matches!(value, "" | "0" | "false"),
            "service" => self.mapping.service = Text::new(value),
            "node" => self.mapping.node = Text::new(value),
            "level" => self.mapping.level = Text::new(value),
            name => {
                let role = name
                    .strip_suffix("_field")
                    .and_then(|wanted| Role::NAMED.iter().find(|(_, word)| *word == wanted).map(|(role, _)| *role));
                let role = role.ok_or_else(|| {
                    Error::invalid(format!(
                        "unknown parameter {name}; known are debug, service, node, level, message_field, time_field, \
                         level_field, service_field, node_field, trace_id_field and span_id_field"
                    ))
                })?;
                value
                    .split(',')
                    .map(str::trim)
                    .filter(|field| !field.is_empty())
                    .for_each(|field| self.mapping.name(field, role));
            }
        }
        Ok(())
    }
}
