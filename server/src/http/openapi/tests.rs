//! The document against the routes, the limits, and itself.

use std::{collections::BTreeSet, sync::LazyLock};

use axum::{
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use model::limits;
use serde_json::Map;
use tower::ServiceExt as _;

use super::*;

/// Routes outside the API: pages and forms for people, and what Elasticsearch's clients ask before they send.
const NOT_DESCRIBED: &[&str] = &[
    // Whatever begins with `/api/` and is no call.
    "/api/{*path}",
    // Pages, links and forms of the dashboard.
    "/connect/",
    "/login",
    "/login/",
    "/logout",
    "/setup",
    "/system/",
    "/view/",
    // Answered with 404: other signals of OpenTelemetry.
    "/v1/traces",
    "/v1/metrics",
    // The calls at the root once more.
    "/elasticsearch",
    // What clients of Elasticsearch ask and set up before they send, with answers that are always the same.
    "/_license",
    "/_xpack",
    "/_cluster/health",
    "/_refresh",
    "/_flush",
    "/{index}/_refresh",
    "/{index}/_flush",
    "/_index_template/",
    "/_template/",
    "/_component_template/",
    "/_ilm/policy/",
    "/_ingest/pipeline/",
    "/_data_stream/",
];

static DECLARED: LazyLock<Vec<Declared>> = LazyLock::new(crate::http::declared);
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| describe(&DECLARED).unwrap());

/// All operations: method, path, operation.
fn operations() -> Vec<(&'static str, &'static str, &'static Map<String, Value>)> {
    let mut all = Vec::new();
    for (path, calls) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in calls.as_object().unwrap() {
            all.push((method.as_str(), path.as_str(), operation.as_object().unwrap()));
        }
    }
    all
}

fn is_outside(path: &str) -> bool {
    NOT_DESCRIBED.iter().any(|outside| path == *outside || (path.starts_with(*outside) && outside.ends_with('/')))
        || path.starts_with("/elasticsearch/")
}

#[test]
fn each_call_is_described_and_nothing_else() {
    let operations = operations();
    assert!(operations.len() > 50, "only {} operations were found", operations.len());
    for (method, path, _) in &operations {
        let routes = DECLARED.iter().filter(|declared| complete::is_of(declared, method, path)).count();
        assert_eq!(routes, 1, "{method} {path} has {routes} routes");
    }
    for Declared { path, method, .. } in DECLARED.iter().filter(|declared| !is_outside(&declared.path)) {
        let method = method.as_ref().unwrap().as_str().to_ascii_lowercase();
        let is_there = operations.iter().any(|(of, at, _)| *of == method && *at == complete::template(path));
        assert!(is_there, "{method} {path} has no #[utoipa::path], or its file is not among those of openapi/mod.rs");
    }
}

#[test]
fn each_operation_has_a_name_a_group_access_and_refusals() {
    let groups: BTreeSet<&str> =
        DOCUMENT["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations() {
        let call = format!("{method} {path}");
        assert!(names.insert(operation["operationId"].as_str().unwrap()), "{call}: the name is taken");
        assert!(groups.contains(operation["tags"][0].as_str().unwrap()), "{call}: {}", operation["tags"]);
        assert!(operation["summary"].as_str().unwrap().ends_with('.'), "{call}: {}", operation["summary"]);
        let access = operation["x-logboom-access"].as_str().unwrap_or_else(|| panic!("{call} has no access"));
        assert!(operation["description"].as_str().unwrap().contains("**Access:** for "), "{call}");
        let is_for_all = access == "nothing";
        assert_eq!(operation["security"].as_array().unwrap().is_empty(), is_for_all, "{call}: {access}");
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{call} has no success");
        for status in ["401", "403", "429", "503"] {
            assert!(is_for_all || responses.contains_key(status), "{call} has no {status}");
        }
        assert!(responses.contains_key("421"), "{call} has no 421");
        assert!(!path.contains('{') || responses.contains_key("400"), "{call} has no 400 for a part of the path");
        let challenge = &operation["responses"]["401"]["headers"]["www-authenticate"]["required"];
        assert!(is_for_all || *challenge == true, "{call}: a 401 always names the schemes");
        for (status, response) in responses {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{call}: {status}");
            let is_refusal = status.starts_with(['4', '5']);
            assert!(!is_refusal || response["content"].is_object(), "{call}: {status} has no body");
        }
    }
}

#[test]
fn the_headers_that_are_always_sent_are_required() {
    let answer = &DOCUMENT["paths"]["/api/openapi.json"]["get"]["responses"]["200"];
    assert_eq!(answer["headers"]["etag"]["required"], true);
}

#[test]
fn the_access_is_that_of_the_route() {
    let access = |method: &str, path: &str| {
        let of_call = &DOCUMENT["paths"][path][method]["x-logboom-access"];
        of_call.as_str().unwrap_or_else(|| panic!("{method} {path}")).to_owned()
    };
    for (method, path, expected) in [
        ("get", "/healthz", "nothing"),
        ("get", "/api/v1/logs", "read"),
        ("post", "/api/v1/dead-letters/replay", "edit"),
        ("delete", "/api/v1/keys/{id}", "admin"),
        ("post", "/loki/api/v1/push", "write through loki"),
        ("post", "/_bulk", "write through elastic"),
    ] {
        assert_eq!(access(method, path), expected, "{method} {path}");
    }
}

/// Checks the examples of a body, and returns how many there are.
fn check_examples(call: &str, content: &Value) -> usize {
    let mut count = 0;
    for (kind, body) in content.as_object().unwrap() {
        let several =
            body["examples"].as_object().into_iter().flat_map(|map| map.values().map(|example| &example["value"]));
        for example in body.get("example").into_iter().chain(several) {
            count += 1;
            let faults = conforms::faults(&DOCUMENT, &body["schema"], example);
            assert!(faults.is_empty(), "{call}, {kind}: {faults:?}");
        }
    }
    count
}

#[test]
fn each_body_has_an_example_that_fits_its_schema() {
    for (method, path, operation) in operations() {
        let call = format!("{method} {path}");
        if let Some(content) = operation.get("requestBody").map(|body| &body["content"]) {
            assert!(check_examples(&call, content) > 0, "{call}: the body has no example");
        }
        for (status, response) in operation["responses"].as_object().unwrap() {
            let Some(content) = response.get("content").filter(|_| status.starts_with('2')) else { continue };
            assert!(check_examples(&call, content) > 0, "{call}: the answer {status} has no example");
        }
    }
}

#[test]
fn each_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let mut found = BTreeSet::new();
    references(&DOCUMENT, &mut found);
    assert!(found.len() > 20, "{found:?}");
    for reference in found {
        assert!(DOCUMENT.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}

#[test]
fn each_part_of_a_path_is_a_parameter() {
    for (method, path, operation) in operations() {
        let in_path: BTreeSet<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
        let described: BTreeSet<&str> = parameters
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(described, in_path, "{method} {path}");
    }
}

/// The macros take numbers alone, so the constants of the code are compared with them here.
#[test]
fn the_bounds_are_those_of_the_code() {
    let schema = |path: &str, name: &str| {
        let parameters = DOCUMENT["paths"][path]["get"]["parameters"].as_array().unwrap();
        let parameter = parameters.iter().find(|parameter| parameter["name"] == name);
        parameter.unwrap_or_else(|| panic!("{path} has no {name}"))["schema"].clone()
    };
    for path in ["/api/v1/logs", "/api/v1/count", "/api/v1/export", "/api/v1/tail"] {
        assert_eq!(schema(path, "query")["maxLength"], limits::QUERY_BYTES, "{path}");
    }
    for path in ["/api/v1/logs", "/api/v1/dead-letters"] {
        assert_eq!(schema(path, "limit")["maximum"], limits::PAGE_RECORDS, "{path}");
    }
    assert_eq!(schema("/api/v1/tail", "batch")["maximum"], super::super::tail::MOST_BATCHED);
}

#[test]
fn a_problem_document_fits_its_schema() {
    let schema = serde_json::json!({ "$ref": "#/components/schemas/Problem" });
    let response = crate::http::problem::document(StatusCode::NOT_FOUND, "there is none");
    let body = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(to_bytes(response.into_body(), 1 << 10))
        .unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(conforms::faults(&DOCUMENT, &schema, &body), Vec::<String>::new());
}

#[tokio::test]
async fn the_document_is_sent_compressed_and_only_once() {
    let router = add(Routes::new().get("/healthz", Need::Nothing, async || "ok")).into_parts().0;
    let call = async |headers: &[(&str, &str)]| {
        let request = headers
            .iter()
            .fold(Request::get("/api/openapi.json"), |request, (name, value)| request.header(*name, *value));
        router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    };
    let plain = call(&[]).await;
    assert_eq!(
        (plain.status(), plain.headers()["content-type"].to_str().unwrap()),
        (StatusCode::OK, "application/json")
    );
    let etag = plain.headers()["etag"].to_str().unwrap().to_owned();
    let plain = to_bytes(plain.into_body(), 8 << 20).await.unwrap();
    let document: Value = serde_json::from_slice(&plain).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    let compressed = call(&[("accept-encoding", "br, gzip")]).await;
    assert_eq!(compressed.headers()["content-encoding"], "gzip");
    let compressed = to_bytes(compressed.into_body(), 8 << 20).await.unwrap();
    assert!(compressed.len() < plain.len() / 4, "{} of {} bytes", compressed.len(), plain.len());
    let again = call(&[("if-none-match", etag.as_str())]).await;
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let unknown = call(&[("if-none-match", "\"other\"")]).await;
    assert_eq!(unknown.status(), StatusCode::OK);
}
