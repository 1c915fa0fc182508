//! `/healthz`: the process runs. `/readyz`: queue and store can be reached. `/readyz/write`
//! and `/readyz/read` ask for the one that a push, or a search, needs: while a database is
//! away the queue goes on taking records, and a proxy must not keep clients from it.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use serde::Serialize;

use super::Services;

pub(super) async fn process() -> &'static str {
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

pub(super) async fn ready(State(services): State<Services>) -> impl IntoResponse {
    answer(Some(queue(&services)), Some(store(&services)))
}

pub(super) async fn ready_to_write(State(services): State<Services>) -> impl IntoResponse {
    answer(Some(queue(&services)), None)
}

pub(super) async fn ready_to_read(State(services): State<Services>) -> impl IntoResponse {
    answer(None, Some(store(&services)))
}

fn queue(services: &Services) -> Part {
    let status = services.queue.status();
    Part { engine: status.engine, trouble: status.trouble }
}

fn store(services: &Services) -> Part {
    let status = services.store.status();
    Part { engine: status.engine, trouble: status.trouble }
}

fn answer(queue: Option<Part>, store: Option<Part>) -> impl IntoResponse {
    let ready = [&queue, &store].into_iter().flatten().all(|part| part.trouble.is_none());
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, queue, store }))
}
