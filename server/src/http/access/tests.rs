//! The calls against documents in memory.

use access::{Access, Options, Posture, Principal};
use axum::{
    Extension, Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Method, Request, StatusCode, header},
};
use pipeline::{LogStore as _, Supervisor, clock::Clock};
use serde_json::{Value, json};
use testkit::memory::MemoryStore;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;

use crate::{http::access_calls, state::AccessState};

struct Calls {
    router: Router,
    _stop: DropGuard,
}

impl Calls {
    async fn start() -> Self {
        let options =
            Options { posture: Posture::Loopback, anonymous: Vec::new(), issuer: None, clock: Clock::system() };
        let stop = CancellationToken::new();
        let documents = MemoryStore::default().documents();
        let access = Access::open(documents, options, &Supervisor::default(), stop.clone()).await.unwrap();
        let router = access_calls(AccessState::from(access)).layer(Extension(Principal::operator("a test")));
        Self { router, _stop: stop.drop_guard() }
    }

    async fn whole(&self, method: Method, path: &str, body: &Value) -> (StatusCode, HeaderMap, Value) {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (head, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (head.status, head.headers, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let (status, _, body) = self.whole(method, path, &body).await;
        (status.as_u16(), body)
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

#[tokio::test]
async fn a_new_key_is_sent_once_and_no_list_has_its_secret() {
    let calls = Calls::start().await;
    let new = json!({
        "name": "shop", "scopes": ["write", "read"], "service": "shop", "fields": { "env": "test" },
        "doors": ["json"], "records_per_second": 10, "bytes_per_day": 1000, "filter": "service:shop",
        "hidden": ["password"], "expires": "2200-01-02T03:04:05Z",
    });
    let (status, headers, made) = calls.whole(Method::POST, "/api/v1/keys", &new).await;
    assert_eq!((status.as_u16(), headers[header::CACHE_CONTROL].to_str().unwrap()), (201, "no-store"), "{made}");
    let (id, secret) = (made["id"].as_str().unwrap(), made["secret"].as_str().unwrap());
    let list = calls.get("/api/v1/keys").await;
    assert!(!list.to_string().contains(secret) && !list.to_string().contains(&secret[12..]), "{list}");
    let [key] = &list.as_array().unwrap()[..] else { panic!("{list}") };
    assert_eq!((key["id"].as_str().unwrap(), key["created_by"].as_str().unwrap()), (id, "a test"));
    for field in ["name", "service", "fields", "doors", "records_per_second", "bytes_per_day", "filter", "hidden"] {
        assert_eq!(key[field], new[field], "{field}");
    }
    assert!(key["expires"].as_str().unwrap().starts_with("2200-01-02T03:04:05"), "{key}");
    let path = format!("/api/v1/keys/{id}");
    assert_eq!(calls.call(Method::DELETE, &path, Value::Null).await.0, 204);
    assert_eq!(calls.call(Method::DELETE, &path, Value::Null).await.0, 404);
    assert_eq!(calls.get("/api/v1/keys").await, json!([]));
}

#[tokio::test]
async fn users_are_added_changed_and_removed() {
    let calls = Calls::start().await;
    let user = |name: &str, role: &str| json!({ "name": name, "password": "correct horse battery", "role": role });
    assert_eq!(calls.call(Method::POST, "/api/v1/users", user("kim", "admin")).await.0, 201);
    let added = calls.call(Method::POST, "/api/v1/users", user("lee", "viewer")).await;
    assert_eq!(added, (201, json!({ "name": "lee", "role": "viewer" })));
    assert_eq!(calls.call(Method::POST, "/api/v1/users", user("lee", "viewer")).await.0, 409);
    let path = "/api/v1/users/lee";
    for (change, status, filter, hidden) in [
        (json!({ "filter": "service:shop", "hidden": ["user"] }), 204, json!("service:shop"), json!(["user"])),
        (json!({ "hidden": [] }), 204, json!("service:shop"), Value::Null),
        (json!({ "filter": null }), 204, Value::Null, Value::Null),
        (json!({ "password": "another horse battery" }), 204, Value::Null, Value::Null),
        (json!({ "password": "another horse battery", "role": "editor" }), 400, Value::Null, Value::Null),
        (json!({}), 400, Value::Null, Value::Null),
        (json!({ "colour": "red" }), 400, Value::Null, Value::Null),
    ] {
        let (answered, body) = calls.call(Method::PATCH, path, change.clone()).await;
        assert_eq!(answered, status, "{change}: {body}");
        let users = calls.get("/api/v1/users").await;
        let lee = users.as_array().unwrap().iter().find(|user| user["name"] == "lee").unwrap().clone();
        assert_eq!((&lee["filter"], &lee["hidden"], &lee["role"]), (&filter, &hidden, &json!("viewer")), "{change}");
        assert!(!users.to_string().contains("argon2") && !users.to_string().contains("horse"), "{users}");
    }
    assert_eq!(calls.call(Method::PATCH, "/api/v1/users/nobody", json!({ "role": "admin" })).await.0, 404);
    assert_eq!(calls.call(Method::DELETE, path, Value::Null).await.0, 204);
    assert_eq!(calls.call(Method::DELETE, path, Value::Null).await.0, 404);
    // The last admin stays.
    assert_eq!(calls.call(Method::DELETE, "/api/v1/users/kim", Value::Null).await.0, 409);
}

#[tokio::test]
async fn what_a_call_does_not_know_is_refused_by_name() {
    let calls = Calls::start().await;
    for (method, path, body, part) in [
        (Method::POST, "/api/v1/keys", json!({ "name": "a", "scopes": ["write"], "rate": 1 }), "`rate`"),
        (Method::POST, "/api/v1/keys", json!({ "name": "a", "scopes": ["fly"] }), "`write`, `read`, `admin`"),
        (Method::POST, "/api/v1/keys", json!({ "name": "a", "scopes": ["read"], "expires": "soon" }), "expires"),
        (Method::POST, "/api/v1/keys", json!({ "scopes": ["read"] }), "`name`"),
        (Method::GET, "/api/v1/keys?page=2", Value::Null, "page"),
        (Method::GET, "/api/v1/users?page=2", Value::Null, "page"),
        (Method::GET, "/api/v1/sessions?page=2", Value::Null, "page"),
        (Method::GET, "/api/v1/me?page=2", Value::Null, "page"),
        (Method::GET, "/api/v1/anonymous?page=2", Value::Null, "page"),
    ] {
        let (status, problem) = calls.call(method, path, body.clone()).await;
        assert_eq!(status, 400, "{path} {body}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{path} {body}: {problem}");
    }
    assert_eq!(calls.get("/api/v1/sessions").await, json!([]));
    assert_eq!(calls.call(Method::DELETE, "/api/v1/sessions/unknown", Value::Null).await.0, 404);
}

#[tokio::test]
async fn the_networks_that_need_no_key_are_replaced_as_a_whole_or_not_at_all() {
    let calls = Calls::start().await;
    let path = "/api/v1/anonymous";
    assert_eq!(calls.get(path).await, json!({ "write": [], "options": [] }));
    let stored = json!({ "write": ["10.0.0.0/8", "192.168.0.7/32"], "options": [] });
    let given = json!({ "write": ["192.168.0.7", " 10.1.2.3/8", "10.0.0.0/8"] });
    assert_eq!(calls.call(Method::PUT, path, given).await, (200, stored.clone()));
    for (body, part) in [
        (json!({ "write": ["10.0.0.0/33"] }), "write: \"10.0.0.0/33\""),
        (json!({ "write": ["read=10.0.0.0/8"] }), "write it as 10.0.0.0/8"),
        (json!({ "write": "10.0.0.0/8" }), "write"),
        (json!({ "write": [], "options": [] }), "`options`"),
        (json!({ "read": [] }), "`read`"),
        (json!({}), "`write`"),
    ] {
        let (status, problem) = calls.call(Method::PUT, path, body.clone()).await;
        assert_eq!(status, 400, "{body}");
        assert!(problem["detail"].as_str().unwrap().contains(part), "{body}: {problem}");
    }
    assert_eq!(calls.get(path).await, stored);
    assert_eq!(calls.call(Method::PUT, path, json!({ "write": [] })).await.1["write"], json!([]));
}

#[tokio::test]
async fn a_caller_learns_who_it_is_and_what_it_may() {
    let calls = Calls::start().await;
    let me = calls.get("/api/v1/me").await;
    assert_eq!((&me["name"], &me["may"]), (&json!("a test"), &json!(["write", "read", "edit", "admin"])));
    assert!(me["doors"].as_array().unwrap().contains(&json!("otlp")), "{me}");
}
