//! Health checks. `/healthz`: the process runs. `/readyz`: queue and store are available. `/readyz/write` and
//! `/readyz/read` check only the one needed by a push, or by a search: while a database is unavailable the queue still
//! accepts records, and a proxy must not cut clients off.
//!
//! `/readyz` also returns 503 if a task has failed permanently. Only a restart of the program helps.
//!
//! They need no credentials. The reasons are for callers who may read all records.

use access::{Need, Principal};
use axum::{Extension, Json, extract::State, http::StatusCode, response::IntoResponse};
use pipeline::{Supervisor, supervisor::TaskState};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use super::state::HealthState;
use crate::gate::Routes;

#[derive(OpenApi)]
#[openapi(paths(process, ready, ready_to_write, ready_to_read))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<HealthState> {
    Routes::new()
        .get("/healthz", Need::Nothing, process)
        .get("/readyz", Need::Nothing, ready)
        .get("/readyz/write", Need::Nothing, ready_to_write)
        .get("/readyz/read", Need::Nothing, ready_to_read)
}

/// Whether the process runs.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "server",
    responses(
        (
            status = 200,
            description = "It runs.",
            body = String,
            content_type = "text/plain",
            example = "ok\n",
        ),
    ),
)]
async fn process() -> &'static str {
    "ok\n"
}

/// Whether the server is ready, and if the caller may read all records, why not.
#[derive(Serialize, ToSchema)]
struct Readiness {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    queue: Option<Part>,
    #[serde(skip_serializing_if = "Option::is_none")]
    store: Option<Part>,
    /// Tasks that have failed permanently, with reasons.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    broken: Vec<String>,
}

/// A part of the server.
#[derive(Serialize, ToSchema)]
#[schema(as = ReadinessPart)]
struct Part {
    engine: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<String>,
}

type Caller = Extension<Principal>;

/// Whether queue and store are available, and no task has failed for good.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "server",
    responses(
        (
            status = 200,
            description = "It is ready.",
            body = Readiness,
            example = json!({ "ready": true, "queue": { "engine": "embedded" }, "store": { "engine": "embedded" } }),
        ),
        (status = 503, description = "It is not ready.", body = Readiness, example = json!({ "ready": false })),
    ),
)]
async fn ready(State(state): State<HealthState>, Extension(principal): Caller) -> impl IntoResponse {
    answer(&principal, Some(queue(&state)), Some(store(&state)), broken(&state.supervisor))
}

/// Whether the queue is available: records are taken.
#[utoipa::path(
    get,
    path = "/readyz/write",
    tag = "server",
    responses(
        (
            status = 200,
            description = "It is ready.",
            body = Readiness,
            example = json!({ "ready": true, "queue": { "engine": "embedded" } }),
        ),
        (status = 503, description = "It is not ready.", body = Readiness, example = json!({ "ready": false })),
    ),
)]
async fn ready_to_write(State(state): State<HealthState>, Extension(principal): Caller) -> impl IntoResponse {
    answer(&principal, Some(queue(&state)), None, Vec::new())
}

/// Whether the store is available: questions are answered.
#[utoipa::path(
    get,
    path = "/readyz/read",
    tag = "server",
    responses(
        (
            status = 200,
            description = "It is ready.",
            body = Readiness,
            example = json!({ "ready": true, "store": { "engine": "embedded" } }),
        ),
        (status = 503, description = "It is not ready.", body = Readiness, example = json!({ "ready": false })),
    ),
)]
async fn ready_to_read(State(state): State<HealthState>, Extension(principal): Caller) -> impl IntoResponse {
    answer(&principal, None, Some(store(&state)), Vec::new())
}

fn queue(state: &HealthState) -> Part {
    let status = state.queue.status();
    Part { engine: status.engine, trouble: status.trouble }
}

fn store(state: &HealthState) -> Part {
    let status = state.store.status();
    Part { engine: status.engine, trouble: status.trouble }
}

fn broken(supervisor: &Supervisor) -> Vec<String> {
    let tasks = supervisor.tasks().into_iter().filter(|task| task.state == TaskState::Broken);
    tasks.map(|task| format!("{}: {}", task.name, task.last_error.unwrap_or_default())).collect()
}

fn answer(
    principal: &Principal,
    queue: Option<Part>,
    store: Option<Part>,
    broken: Vec<String>,
) -> (StatusCode, Json<Readiness>) {
    let ready = broken.is_empty() && [&queue, &store].into_iter().flatten().all(|part| part.trouble.is_none());
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let readiness = if principal.may(Need::Read).is_ok() && principal.sight().is_whole() {
        Readiness { ready, queue, store, broken }
    } else {
        Readiness { ready, queue: None, store: None, broken: Vec::new() }
    };
    (status, Json(readiness))
}

#[cfg(test)]
mod tests {
    use pipeline::supervisor::End;
    use tokio_util::sync::CancellationToken;

    use super::*;

    #[tokio::test]
    async fn a_task_that_has_failed_for_good_makes_the_program_not_ready() {
        let supervisor = Supervisor::default();
        let status = |supervisor| answer(&Principal::everybody(), None, None, broken(supervisor)).0;
        assert_eq!(status(&supervisor), StatusCode::OK);
        let end = || std::future::ready(End::Broken("half of it is written".to_owned()));
        supervisor.spawn("store-flush", CancellationToken::new(), end).await.unwrap();
        assert_eq!(broken(&supervisor), ["store-flush: half of it is written"]);
        assert_eq!(status(&supervisor), StatusCode::SERVICE_UNAVAILABLE);
    }

    #[test]
    fn the_reasons_are_for_callers_who_may_read() {
        let part = || Some(Part { engine: "embedded".to_owned(), trouble: Some("the disk is full".to_owned()) });
        for (principal, shown) in [(Principal::everybody(), true), (Principal::nobody(), false)] {
            let (status, Json(readiness)) = answer(&principal, part(), part(), vec!["task: reason".to_owned()]);
            let text = serde_json::to_string(&readiness).unwrap();
            assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
            assert_eq!((text.contains("disk"), text.contains("reason")), (shown, shown), "{text}");
            assert!(text.starts_with("{\"ready\":false"), "{text}");
        }
    }
}
