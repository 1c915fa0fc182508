//! `/api/openapi.json`: the API as an OpenAPI document, made from the code.
//!
//! The macros of `utoipa` stand at the handlers and the types. What all calls have in common is added here:
//!
//! | file | content |
//! |---|---|
//! | `about` | the head of the document: what Logboom is, groups of calls, ways to show who one is |
//! | `complete` | adds to each operation its access, from the need that its route declares, and its refusals |
//! | `refusals` | the refusals that each call may get |
//!
//! A test compares the operations with the declared routes, and `scripts/fuzz-api.sh` the answers with the document.

mod about;
mod complete;
#[cfg(test)]
mod conforms;
mod refusals;
#[cfg(test)]
mod tests;

use std::{
    io::Write as _,
    sync::{Arc, OnceLock},
};

use ::access::Need;
use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use pipeline::Error;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use utoipa::{OpenApi, openapi};

use super::{parameters::NoParameters, problem::Problem};
use crate::gate::{Declared, Routes};

#[derive(OpenApi)]
#[openapi(paths(show))]
struct Calls;

/// Adds the call to those that it describes.
pub(super) fn add(routes: Routes) -> Routes {
    let own = own();
    let declared = [routes.declared(), own.declared()].concat();
    routes.merge(own.with_state(Document(Arc::new(Inner { declared, built: OnceLock::new() }))))
}

fn own() -> Routes<Document> {
    Routes::new().get("/api/openapi.json", Need::Read, show)
}

/// What the call itself needs.
#[cfg(test)]
pub(super) fn declared() -> Vec<Declared> {
    own().into_parts().1
}

/// The document, which is built at the first call.
#[derive(Clone)]
struct Document(Arc<Inner>);

struct Inner {
    declared: Vec<Declared>,
    built: OnceLock<Result<Built, String>>,
}

/// The document as it is sent.
#[derive(Debug, Clone)]
struct Built {
    plain: Bytes,
    gzip: Bytes,
    etag: HeaderValue,
}

impl Built {
    fn new(declared: &[Declared]) -> anyhow::Result<Self> {
        let plain = serde_json::to_vec(&describe(declared)?)?;
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        gzip.write_all(&plain)?;
        let digest: [u8; 32] = Sha256::digest(&plain).into();
        let etag = HeaderValue::from_str(&format!("\"{}\"", model::hex::encode(&digest[..16])))?;
        Ok(Self { plain: plain.into(), gzip: gzip.finish()?.into(), etag })
    }
}

/// The API as an OpenAPI document: this one.
///
/// It is the same until the program changes. A request with `If-None-Match` of its `ETag` is answered with 304.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "server",
    responses(
        (
            status = 200,
            description = "The document, in OpenAPI 3.1.",
            headers(("etag" = String, description = "Changes with the document.")),
            body = Object,
            content_type = "application/json",
            example = json!({ "openapi": "3.1.0", "info": { "title": "Logboom", "version": "0.1.0" }, "paths": {} }),
        ),
        (status = 304, description = "The document is the one that the caller has."),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn show(
    State(Document(document)): State<Document>,
    _: NoParameters,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let build = move || {
        let built = || Built::new(&document.declared).map_err(|error| error.to_string());
        document.built.get_or_init(built).clone()
    };
    // The first call compresses it.
    let built = tokio::task::spawn_blocking(build).await.map_err(|error| error.to_string()).and_then(|built| built);
    let built = built.map_err(|error| Error::internal(format!("the OpenAPI document could not be built: {error}")))?;
    Ok(answer(&built, &headers))
}

fn answer(built: &Built, headers: &HeaderMap) -> Response {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or_default();
    let is_known = text(header::IF_NONE_MATCH).split(',').any(|tag| tag.trim() == built.etag);
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let is_gzip = text(header::ACCEPT_ENCODING).split(',').any(|coding| coding.trim() == "gzip");
        let body = if is_gzip { &built.gzip } else { &built.plain };
        let mut response = body.clone().into_response();
        if is_gzip {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, built.etag.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    response
}

/// The document of these routes.
///
/// # Errors
/// A part of it cannot be written as JSON.
fn describe(declared: &[Declared]) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(operations())?;
    about::add(&mut document);
    complete::complete(&mut document, declared);
    Ok(document)
}

/// The operations and schemas of all calls.
fn operations() -> openapi::OpenApi {
    let parts = [
        super::write::operations(),
        super::logs::Calls::openapi(),
        super::summaries::Calls::openapi(),
        super::export::Calls::openapi(),
        super::tail::Calls::openapi(),
        super::s1::Calls::openapi(),
        super::dead_letters::Calls::openapi(),
        super::parts::Calls::openapi(),
        super::ledger::Calls::openapi(),
        super::canary::Calls::openapi(),
        super::views::Calls::openapi(),
        super::documents::Calls::openapi(),
        super::sinks::Calls::openapi(),
        super::replays::Calls::openapi(),
        super::deletions::Calls::openapi(),
        super::access::operations(),
        super::redaction::Calls::openapi(),
        super::figures::Calls::openapi(),
        super::tasks::Calls::openapi(),
        super::health::Calls::openapi(),
        super::metrics::Calls::openapi(),
        Calls::openapi(),
    ];
    parts.into_iter().fold(openapi::OpenApi::default(), openapi::OpenApi::merge_from)
}
