//! The Elasticsearch door: `_bulk` and single documents, and the routes of the calls that its clients, Filebeat and
//! Logstash make before they send (`elastic_questions.rs`).
//!
//! All calls exist at the root and under `/elasticsearch`. At the root, `/` is the dashboard, so
//! [`handshake`](super::elastic_questions::handshake) recognises clients by their headers.

use access::{Need, Principal};
use axum::{
    Extension,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode},
    middleware::map_response,
    response::Response,
};
use doors::elastic::{self, Action, Kind};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::{IntoParams, OpenApi};
use uuid::Uuid;

use super::{
    IngestState, Payload, Refused,
    bulk_answer::{BulkAnswer, Created, Filter},
    elastic_answer::{Answer, add_product_header, not_read, refused},
    elastic_questions::{acknowledged, cluster_info, exists, health, license, refreshed, xpack},
    idempotency::KeyHeader,
    store,
};
use crate::gate::Routes;

/// What calls that store documents need, and those that prepare for it: a client with a wrong key is to learn it first.
const DOOR: Need = Need::Write("elastic");

#[derive(OpenApi)]
#[openapi(paths(bulk, bulk_into, document, document_with_id, create))]
pub(super) struct Calls;

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
        .post("/{index}/_create/{id}", DOOR, create)
        .put("/{index}/_create/{id}", DOOR, create);
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

/// The index in the path.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct InIndex {
    /// The index: the attribute `index`, and without a date the service of documents without one.
    #[param(example = "shop")]
    index: String,
}

// The examples of the description.

const BULK: &str = "{\"create\":{\"_index\":\"shop\"}}\n{\"message\":\"started\"}\n";

fn bulk_answer() -> Value {
    json!({ "took": 3, "errors": false, "items": [{ "create": { "_index": "shop", "status": 201 } }] })
}

fn a_document() -> Value {
    json!({ "@timestamp": "2026-11-30T09:15:04.120Z", "message": "started" })
}

fn created() -> Value {
    json!({ "_index": "shop", "_id": "1", "result": "created", "status": 201 })
}

/// Stores the documents of Elasticsearch's clients.
///
/// All calls of Elasticsearch also exist below `/elasticsearch`.
#[utoipa::path(
    method(post, put),
    path = "/_bulk",
    tag = "compatible",
    params(Filter, KeyHeader),
    request_body(
        content = String,
        content_type = "application/x-ndjson",
        description = "A line with the action, then one with the document, and so on.",
        example = json!(BULK),
    ),
    responses(
        (
            status = 200,
            description = "What became of each action.",
            body = Object,
            content_type = "application/json",
            example = json!(bulk_answer()),
        ),
    ),
)]
async fn bulk(
    state: State<IngestState>,
    principal: Extension<Principal>,
    filter: Result<Query<Filter>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Payload, Refused>,
) -> Response {
    bulk_into(state, principal, Path(InIndex::default()), filter, headers, body).await
}

/// Stores documents, of this index unless an action names another one.
///
/// All calls of Elasticsearch also exist below `/elasticsearch`.
#[utoipa::path(
    method(post, put),
    path = "/{index}/_bulk",
    tag = "compatible",
    params(InIndex, Filter, KeyHeader),
    request_body(
        content = String,
        content_type = "application/x-ndjson",
        description = "A line with the action, then one with the document, and so on.",
        example = json!(BULK),
    ),
    responses(
        (
            status = 200,
            description = "What became of each action.",
            body = Object,
            content_type = "application/json",
            example = json!(bulk_answer()),
        ),
    ),
)]
async fn bulk_into(
    State(state): State<IngestState>,
    Extension(principal): Extension<Principal>,
    Path(InIndex { index }): Path<InIndex>,
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

/// Stores one document.
///
/// All calls of Elasticsearch also exist below `/elasticsearch`.
#[utoipa::path(
    post,
    path = "/{index}/_doc",
    tag = "compatible",
    params(InIndex, KeyHeader),
    request_body(
        content = Object,
        content_type = "application/json",
        description = "The document.",
        example = json!(a_document()),
    ),
    responses(
        (
            status = 201,
            description = "The document is durable.",
            body = Object,
            content_type = "application/json",
            example = json!(created()),
        ),
    ),
)]
async fn document(
    state: State<IngestState>,
    principal: Extension<Principal>,
    Path(InIndex { index }): Path<InIndex>,
    headers: HeaderMap,
    body: Result<Payload, Refused>,
) -> Response {
    let action = Action { kind: Kind::Index, index: index.into(), id: None };
    store_document(state, principal, action, headers, body).await
}

/// Stores one document that has an id.
///
/// All calls of Elasticsearch also exist below `/elasticsearch`.
#[utoipa::path(
    method(post, put),
    path = "/{index}/_doc/{id}",
    tag = "compatible",
    params(
        InIndex,
        ("id" = String, Path, description = "The id of the document. It is not stored.", example = "1"),
        KeyHeader,
    ),
    request_body(
        content = Object,
        content_type = "application/json",
        description = "The document.",
        example = json!(a_document()),
    ),
    responses(
        (
            status = 201,
            description = "The document is durable.",
            body = Object,
            content_type = "application/json",
            example = json!(created()),
        ),
    ),
)]
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

/// Stores one document that has an id, as `_doc` does.
///
/// All calls of Elasticsearch also exist below `/elasticsearch`.
#[utoipa::path(
    method(post, put),
    path = "/{index}/_create/{id}",
    tag = "compatible",
    params(
        InIndex,
        ("id" = String, Path, description = "The id of the document. It is not stored.", example = "1"),
        KeyHeader,
    ),
    request_body(
        content = Object,
        content_type = "application/json",
        description = "The document.",
        example = json!(a_document()),
    ),
    responses(
        (
            status = 201,
            description = "The document is durable.",
            body = Object,
            content_type = "application/json",
            example = json!(created()),
        ),
    ),
)]
async fn create(
    state: State<IngestState>,
    principal: Extension<Principal>,
    path: Path<(String, String)>,
    headers: HeaderMap,
    body: Result<Payload, Refused>,
) -> Response {
    document_with_id(state, principal, path, headers, body).await
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
