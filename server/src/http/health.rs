//! `/healthz`: the process runs. `/readyz`: queue and store can be reached.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::Serialize;

use super::Services;

pub(super) async fn process() -> &'static str {
    "ok\n"
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    queue: Part,
    store: Part,
}

#[derive(Serialize)]
struct Part {
    engine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

pub(super) async fn ready(State(services): State<Services>) -> impl IntoResponse {
    let queue = services.queue.status();
    let store = services.store.status();
    let ready = queue.trouble.is_none() && store.trouble.is_none();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = Readiness {
        ready,
        queue: Part { engine: queue.engine, trouble: queue.trouble },
        store: Part { engine: store.engine, trouble: store.trouble },
    };
    (status, Json(body))
}
