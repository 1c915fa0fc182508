//! The Elasticsearch door: `_bulk`, single documents, and the calls that its clients, Filebeat and Logstash make
//! before they send.
//!
//! All calls exist at the root and under `/elasticsearch`. At the root, `/` is the dashboard, so [`handshake`]
//! recognises clients by their headers.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{Next, map_response},
    response::{IntoResponse, Response},
};
use doors::elastic::{self, Action, Kind};
use pipeline::Error;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    IngestState, Payload, Refused,
    bulk_answer::{BulkAnswer, Created, Filter},
    problem, store,
};
use crate::gate::Routes;

/// What calls that store documents need, and those that prepare for it: a client with a wrong key is to learn it first.
const DOOR: Need = Need::Write("elastic");
/// The reported version: the first that matches these responses.
const VERSION: &str = "8.17.0";

pub(super) fn routes() -> Routes<IngestState> {
    let below = with_product_header(calls().any("/", Need::Nothing, cluster_info));
    // Clients may append a slash to a configured path.
    let slash = with_product_header(Routes::new().any("/elasticsearch/", Need::Nothing, cluster_info));
    with_product_header(calls()).nest("/elasticsearch", below).merge(slash)
}

fn calls() -> Routes<IngestState> {
    let documents = Routes::new()
        .post("/_bulk", DOOR, bulk)
        .put("/_bulk", DOOR, bulk)
        .post("/{index}/_bulk", DOOR, bulk_into)
        .put("/{index}/_bulk", DOOR, bulk_into)
        .post("/{index}/_doc", DOOR, document)
        .post("/{index}/_doc/{id}", DOOR, document_with_id)
        .put("/{index}/_doc/{id}", DOOR, document_with_id)
        .post("/{index}/_create/{id}", DOOR, document_with_id)
        .put("/{index}/_create/{id}", DOOR, document_with_id);
    // They tell nothing but versions.
    let questions = Routes::new().get("/_license", Need::Nothing, license).get("/_xpack", Need::Nothing, xpack).get(
        "/_cluster/health",
        Need::Nothing,
        health,
    );
    // Acknowledged documents are already searchable.
    let questions = ["/_refresh", "/{index}/_refresh", "/_flush", "/{index}/_flush"]
        .into_iter()
        .fold(questions, |routes, path| routes.get(path, DOOR, refreshed).post(path, DOOR, refreshed));
    // Templates, policies and pipelines configure indexing. Every field is indexed here, so they always exist and may
    // be replaced.
    ["/_index_template", "/_template", "/_component_template", "/_ilm/policy", "/_ingest/pipeline", "/_data_stream"]
        .into_iter()
        .fold(documents.merge(questions), |routes, path| {
            let path = format!("{path}/{{name}}");
            routes.get(&path, DOOR, exists).put(&path, DOOR, acknowledged)
        })
}

/// Adds the product header, which official clients require.
fn with_product_header(routes: Routes<IngestState>) -> Routes<IngestState> {
    routes.layer(map_response(async |response: Response| add_product_header(response)))
}

fn add_product_header(mut response: Response) -> Response {
    response.headers_mut().insert("x-elastic-product", HeaderValue::from_static("Elasticsearch"));
    response
}

/// Answers `/` for Elasticsearch clients; passes other requests to the dashboard.
pub(crate) async fn handshake(request: Request, next: Next) -> Response {
    let asked = request.uri().path() == "/" && matches!(*request.method(), Method::GET | Method::HEAD);
    if !asked || !is_client(request.headers()) {
        return next.run(request).await;
    }
    add_product_header(cluster_info(request.headers().clone()).await)
}

/// Whether a client of Elasticsearch calls, and not a browser.
pub(crate) fn is_client(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let agent = text(header::USER_AGENT).to_ascii_lowercase();
    let is_known = ["elastic", "beat", "logstash", "winston-elasticsearch"].iter().any(|name| agent.contains(name));
    is_known
        || headers.contains_key("x-elastic-client-meta")
        || text(header::ACCEPT).contains("application/vnd.elasticsearch+json")
}

/// A response in the requested format.
struct Answer<T>(StatusCode, T);

impl Answer<Value> {
    fn error(status: StatusCode, kind: &str, reason: &str) -> Self {
        let error = json!({ "type": kind, "reason": reason, "root_cause": [{ "type": kind, "reason": reason }] });
        Self(status, json!({ "error": error, "status": status.as_u16() }))
    }
}

impl<T: Serialize> Answer<T> {
    fn ok(value: T) -> Self {
        Self(StatusCode::OK, value)
    }

    fn into_response_for(self, headers: &HeaderMap) -> Response {
        let Self(status, value) = self;
        let mut response = (status, Json(value)).into_response();
        // `application/vnd.elasticsearch+json;compatible-with=9`, as requested.
        let wanted = headers.get(header::ACCEPT).filter(|accept| {
            accept.to_str().is_ok_and(|accept| accept.starts_with("application/vnd.elasticsearch+json"))
        });
        if let Some(wanted) = wanted {
            let first = wanted.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default();
            if let Ok(wanted) = HeaderValue::from_bytes(first) {
                response.headers_mut().insert(header::CONTENT_TYPE, wanted);
            }
        }
        response
    }
}

/// An error in the format of Elasticsearch.
fn refused(error: &Error, headers: &HeaderMap) -> Response {
    let status = problem::status(error.class);
    let kind = match status {
        StatusCode::BAD_REQUEST => "illegal_argument_exception",
        StatusCode::TOO_MANY_REQUESTS => "es_rejected_execution_exception",
        _ => "unavailable_exception",
    };
    let mut response = Answer::error(status, kind, &error.message).into_response_for(headers);
    problem::retry_after(&mut response, error);
    response
}

/// A call that may not be made, in the format of Elasticsearch.
pub(crate) fn refusal(status: StatusCode, reason: &str, headers: &HeaderMap) -> Response {
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => "es_rejected_execution_exception",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable_exception",
        _ => "security_exception",
    };
    add_product_header(Answer::error(status, kind, reason).into_response_for(headers))
}

/// The response to a body that was not read.
fn not_read(refusal: Refused, headers: &HeaderMap) -> Response {
    match refusal {
        Refused::Full(error) => refused(&error, headers),
        Refused::Bad { status, detail } => {
            Answer::error(status, "illegal_argument_exception", &detail).into_response_for(headers)
        }
    }
}

async fn cluster_info(headers: HeaderMap) -> Response {
    Answer::ok(json!({
        "name": "logboom",
        "cluster_name": "logboom",
        "cluster_uuid": "logboom",
        "version": {
            "number": VERSION,
            "build_flavor": "default",
            "build_type": "docker",
            "build_hash": "logboom",
            "build_date": "2026-01-01T00:00:00.000Z",
            "build_snapshot": false,
            "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0",
        },
        "tagline": "You Know, for Search",
    }))
    .into_response_for(&headers)
}

async fn license(headers: HeaderMap) -> Response {
    let license = json!({ "license": { "uid": "logboom", "type": "basic", "mode": "basic", "status": "active" } });
    Answer::ok(license).into_response_for(&headers)
}

async fn xpack(headers: HeaderMap) -> Response {
    let features = json!({ "ilm": { "available": false, "enabled": false }, "security": { "available": false, "enabled": false } });
    Answer::ok(json!({ "build": {}, "license": { "type": "basic", "status": "active" }, "features": features }))
        .into_response_for(&headers)
}

async fn health(headers: HeaderMap) -> Response {
    let health = json!({ "cluster_name": "logboom", "status": "green", "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1 });
    Answer::ok(health).into_response_for(&headers)
}

async fn refreshed(headers: HeaderMap) -> Response {
    Answer::ok(json!({ "_shards": { "total": 1, "successful": 1, "failed": 0 } })).into_response_for(&headers)
}

async fn exists(headers: HeaderMap) -> Response {
    Answer::ok(json!({})).into_response_for(&headers)
}

async fn acknowledged(headers: HeaderMap) -> Response {
    Answer::ok(json!({ "acknowledged": true })).into_response_for(&headers)
}

async fn bulk(
    state: State<IngestState>,
    principal: Extension<Principal>,
    filter: Result<Query<Filter>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Payload, Refused>,
) -> Response {
    bulk_into(state, principal, Path(String::new()), filter, headers, body).await
}

async fn bulk_into(
    State(state): State<IngestState>,
    Extension(principal): Extension<Principal>,
    Path(index): Path<String>,
    filter: Result<Query<Filter>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Payload, Refused>,
) -> Response {
    let began = std::time::Instant::now();
    let body = match body {
        Ok(Payload(body)) => body,
        Err(refusal) => return not_read(refusal, &headers),
    };
    let stored = async {
        let elastic::Bulk { decoded, actions } = elastic::decode(&body, &index)?;
        drop(body);
        Ok((store(&state, &principal, &headers, "elastic", decoded).await?, actions))
    };
    match stored.await {
        Ok((outcome, actions)) => {
            let is_brief = filter.is_ok_and(|Query(filter)| filter.is_brief());
            Answer::ok(BulkAnswer::new(&actions, &outcome, began.elapsed(), is_brief)).into_response_for(&headers)
        }
        Err(error) => refused(&error, &headers),
    }
}

async fn document(
    state: State<IngestState>,
    principal: Extension<Principal>,
    Path(index): Path<String>,
    headers: HeaderMap,
    body: Result<Payload, Refused>,
) -> Response {
    let action = Action { kind: Kind::Index, index: index.into(), id: None };
    store_document(state, principal, action, headers, body).await
}

async fn document_with_id(
    state: State<IngestState>,
    principal: Extension<Principal>,
    Path((index, id)): Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Payload, Refused>,
) -> Response {
    let action = Action { kind: Kind::Create, index: index.into(), id: Some(id.into()) };
    store_document(state, principal, action, headers, body).await
}

async fn store_document(
    State(state): State<IngestState>,
    Extension(principal): Extension<Principal>,
    action: Action,
    headers: HeaderMap,
    body: Result<Payload, Refused>,
) -> Response {
    let body = match body {
        Ok(Payload(body)) => body,
        Err(refusal) => return not_read(refusal, &headers),
    };
    let stored = async {
        let decoded = elastic::decode_one(&body, &action.index)?;
        drop(body);
        store(&state, &principal, &headers, "elastic", decoded).await
    };
    match stored.await {
        Ok(outcome) => match outcome.rejected.first() {
            None => Answer(StatusCode::CREATED, Created::new(&action, Uuid::now_v7(), 0)).into_response_for(&headers),
            Some(rejection) => Answer::error(StatusCode::BAD_REQUEST, "document_parsing_exception", &rejection.reason)
                .into_response_for(&headers),
        },
        Err(error) => refused(&error, &headers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_told_from_browsers() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            pairs
                .iter()
                .map(|(name, value)| (header::HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect()
        };
        for client in [
            headers(&[("user-agent", "Elastic-Filebeat/8.17.0 (linux; amd64)")]),
            headers(&[("user-agent", "Filebeat/7.10.2")]),
            headers(&[("user-agent", "elasticsearch-py/9.0.0 (Python/3.11)")]),
            headers(&[("user-agent", "elastic-transport-js/8.9")]),
            headers(&[("user-agent", "Manticore 0.9"), ("x-elastic-client-meta", "es=8")]),
            headers(&[("accept", "application/vnd.elasticsearch+json; compatible-with=9")]),
        ] {
            assert!(is_client(&client), "{client:?}");
        }
        for other in [
            headers(&[("user-agent", "Mozilla/5.0 (X11; Linux x86_64) Chrome/120"), ("accept", "text/html,*/*")]),
            headers(&[("user-agent", "curl/7.88"), ("accept", "*/*")]),
            headers(&[]),
        ] {
            assert!(!is_client(&other), "{other:?}");
        }
    }
}
