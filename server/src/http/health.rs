//! `/healthz`: the process runs. `/readyz`: queue and store can be reached. `/readyz/write`
//! and `/readyz/read` ask for the one that a push, or a search, needs: while a database is
//! away the queue goes on taking records, and a proxy must not keep clients from it.

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use serde::Serialize;

use super::state::OperationState;

pub(super) fn routes() -> Router<OperationState> {
    Router::new()
        .route("/healthz", get(process))
        .route("/readyz", get(ready))
        .route("/readyz/write", get(ready_to_write))
        .route("/readyz/read", get(ready_to_read))
}

async fn process() -> &'static str {
    "ok\n"
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<Part>,
}

#[derive(Serialize)]
struct Part {
    engine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

async fn ready(State(state): State<OperationState>) -> impl IntoResponse {
    answer(Some(queue(&state)), Some(store(&state)))
}

async fn ready_to_write(State(state): State<OperationState>) -> impl IntoResponse {
    answer(Some(queue(&state)), None)
}

async fn ready_to_read(State(state): State<OperationState>) -> impl IntoResponse {
    answer(None, Some(store(&state)))
}

fn queue(state: &OperationState) -> Part {
    let status = state.queue.status();
    Part { engine: status.engine, trouble: status.trouble }
}

fn store(state: &OperationState) -> Part {
    let status = state.store.status();
    Part { engine: status.engine, trouble: status.trouble }
}

fn answer(queue: Option<Part>, store: Option<Part>) -> impl IntoResponse {
    let ready = [&queue, &store].into_iter().flatten().all(|part| part.trouble.is_none());
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, queue, store }))
}
