//! `/healthz`: the process runs. `/readyz`: queue and store can be reached. `/readyz/write`
//! and `/readyz/read` ask for the one that a push, or a search, needs: while a database is
//! away the queue goes on taking records, and a proxy must not keep clients from it.
//!
//! `/readyz` also answers 503 if a task has failed for good. Only a restart of the program helps.

use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use pipeline::{Supervisor, supervisor::TaskState};
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
    /// Tasks that have failed for good, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broken: Vec<String>,
}

#[derive(Serialize)]
struct Part {
    engine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

pub(super) async fn ready(State(services): State<Services>) -> impl IntoResponse {
    answer(Some(queue(&services)), Some(store(&services)), broken(&services.supervisor))
}

pub(super) async fn ready_to_write(State(services): State<Services>) -> impl IntoResponse {
    answer(Some(queue(&services)), None, Vec::new())
}

pub(super) async fn ready_to_read(State(services): State<Services>) -> impl IntoResponse {
    answer(None, Some(store(&services)), Vec::new())
}

fn queue(services: &Services) -> Part {
    let status = services.queue.status();
    Part { engine: status.engine, trouble: status.trouble }
}

fn store(services: &Services) -> Part {
    let status = services.store.status();
    Part { engine: status.engine, trouble: status.trouble }
}

fn broken(supervisor: &Supervisor) -> Vec<String> {
    let tasks = supervisor.tasks().into_iter().filter(|task| task.state == TaskState::Broken);
    tasks.map(|task| format!("{}: {}", task.name, task.last_error.unwrap_or_default())).collect()
}

fn answer(queue: Option<Part>, store: Option<Part>, broken: Vec<String>) -> impl IntoResponse {
    let ready = broken.is_empty() && [&queue, &store].into_iter().flatten().all(|part| part.trouble.is_none());
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready, queue, store, broken }))
}

#[cfg(test)]
mod tests {
    use pipeline::supervisor::End;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn a_task_that_has_failed_for_good_makes_the_program_not_ready() {
        let supervisor = Supervisor::default();
        let status = |supervisor| answer(None, None, broken(supervisor)).into_response().status();
        assert_eq!(status(&supervisor), StatusCode::OK);
        let end = || std::future::ready(End::Broken("half of it is written".to_owned()));
        supervisor.spawn("store-flush", CancellationToken::new(), end).await.unwrap();
        assert_eq!(broken(&supervisor), ["store-flush: half of it is written"]);
        assert_eq!(status(&supervisor), StatusCode::SERVICE_UNAVAILABLE);
    }
}
