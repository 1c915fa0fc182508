//! What Elasticsearch's clients, Filebeat and Logstash ask before they send. The answers are always the same.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use serde_json::json;

use super::elastic_answer::{Answer, add_product_header};

/// The reported version: the first that matches these responses.
const VERSION: &str = "8.17.0";

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

pub(super) async fn cluster_info(headers: HeaderMap) -> Response {
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

pub(super) async fn license(headers: HeaderMap) -> Response {
    let license = json!({ "license": { "uid": "logboom", "type": "basic", "mode": "basic", "status": "active" } });
    Answer::ok(license).into_response_for(&headers)
}

pub(super) async fn xpack(headers: HeaderMap) -> Response {
    let features = json!({ "ilm": { "available": false, "enabled": false }, "security": { "available": false, "enabled": false } });
    Answer::ok(json!({ "build": {}, "license": { "type": "basic", "status": "active" }, "features": features }))
        .into_response_for(&headers)
}

pub(super) async fn health(headers: HeaderMap) -> Response {
    let health = json!({ "cluster_name": "logboom", "status": "green", "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1 });
    Answer::ok(health).into_response_for(&headers)
}

pub(super) async fn refreshed(headers: HeaderMap) -> Response {
    Answer::ok(json!({ "_shards": { "total": 1, "successful": 1, "failed": 0 } })).into_response_for(&headers)
}

pub(super) async fn exists(headers: HeaderMap) -> Response {
    Answer::ok(json!({})).into_response_for(&headers)
}

pub(super) async fn acknowledged(headers: HeaderMap) -> Response {
    Answer::ok(json!({ "acknowledged": true })).into_response_for(&headers)
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
