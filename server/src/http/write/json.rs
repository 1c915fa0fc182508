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

use super::{IngestState, Outcome, Payload, problem::Problem, store};
use crate::gate::Routes;

/// The maximum number of rejections listed in a response; further ones are only counted.
const LISTED_REJECTIONS: usize = 100;
/// The maximum number of records shown by a dry run.
const SHOWN_RECORDS: usize = 100;

pub(super) fn routes() -> Routes<IngestState> {
    Routes::new().post("/api/v1/push", Need::Write("json"), push)
}

pub(super) fn put() -> Routes<IngestState> {
    Routes::new().post("/put", Need::Write("put"), put_record)
}

#[derive(Serialize)]
struct Answer {
    accepted: usize,
    rejected: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejections: Vec<RejectionView>,
    /// Whether it was already stored under the same `Idempotency-Key`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

#[derive(Serialize)]
struct RejectionView {
    index: usize,
    reason: String,
}

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
#[derive(Serialize)]
struct PutAnswer {
    result: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejections: Vec<RejectionView>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    duplicate: bool,
}

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
