//! `/api/v1/replays`: sends the records of a day to a sink once more, or stores them again. `/system/replays`: the same
//! for the forms of the page System.

use access::{Need, Principal};
use axum::{
    Extension, Form, Json,
    extract::{
        State,
        rejection::{FormRejection, JsonRejection},
    },
    http::StatusCode,
    response::Redirect,
};
use model::api::ReplayView;
use pipeline::{Error, ErrorClass, replay::Replay};
use reading::need_whole_sight;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::{
    parameters::{NoParameters, Path},
    problem::Problem,
};
use crate::{
    audit::{self, Action, Source},
    forwarding::{NewReplay, replay_view},
    gate::Routes,
    state::ForwardingState,
};

#[derive(OpenApi)]
#[openapi(paths(list, start, show, cancel))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<ForwardingState> {
    Routes::new()
        .get("/api/v1/replays", Need::Read, list)
        .post("/api/v1/replays", Need::Edit, start)
        .get("/api/v1/replays/{id}", Need::Read, show)
        .delete("/api/v1/replays/{id}", Need::Edit, cancel)
}

/// Outside the API: the targets of forms, which redirect back.
pub(super) fn forms() -> Routes<ForwardingState> {
    Routes::new().post("/system/replays", Need::Edit, handle_form)
}

/// The replay of the examples.
fn example() -> Value {
    json!({
        "id": "0193b2c4",
        "day": "2026-11-19",
        "from": "2026-11-19T00:00:00.000000000Z",
        "to_time": "2026-11-20T00:00:00.000000000Z",
        "source": "store",
        "to": "search",
        "target": "elasticsearch+http://10.0.0.9:9200/logs",
        "query": "level>=warn",
        "state": "running",
        "sent": 4000,
        "skipped": 0,
        "refused": 0,
        "total": 120000,
        "fraction": 0.03,
        "position": "184467",
        "started": "2026-11-30T09:15:04.120000000Z",
        "ended": null,
        "error": null,
    })
}

/// The replays, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/replays",
    tag = "forwarding",
    responses(
        (status = 200, description = "The replays.", body = Vec<ReplayView>, example = json!([example()])),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn list(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<ReplayView>>, Problem> {
    need_whole_sight(principal.sight(), "replays")?;
    Ok(Json(state.replays.list().await?.into_iter().map(replay_view).collect()))
}

/// Starts a replay: the records of a day or a range go to a sink once more, or into the store.
#[utoipa::path(
    post,
    path = "/api/v1/replays",
    tag = "forwarding",
    request_body(content = NewReplay, example = json!({ "day": "2026-11-19", "to": "search", "query": "level>=warn" })),
    responses(
        (status = 202, description = "It is started.", body = ReplayView, example = json!(example())),
        (status = 400, description = "A field is unknown or invalid, or there is no such sink."),
        (status = 409, description = "It would bring records back while a deletion is not finished."),
    ),
)]
async fn start(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    asked: Result<Json<NewReplay>, JsonRejection>,
) -> Result<(StatusCode, Json<ReplayView>), Problem> {
    need_whole_sight(principal.sight(), "replays")?;
    let Json(asked) = asked.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let replay = state.replays.add(asked.request(&state.clock, principal.sight()).await?).await?;
    audit::note(&state.audit, &principal, source, Action::ReplayStarted, target(&replay));
    Ok((StatusCode::ACCEPTED, view(replay)))
}

/// One replay with its progress.
#[utoipa::path(
    get,
    path = "/api/v1/replays/{id}",
    tag = "forwarding",
    params(("id" = String, Path, description = "The `id` of the replay.", example = "0193b2c4")),
    responses(
        (status = 200, description = "The replay.", body = ReplayView, example = json!(example())),
        (status = 400, description = "A parameter is given; the call has none."),
        (status = 404, description = "There is no such replay."),
    ),
)]
async fn show(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<ReplayView>, Problem> {
    need_whole_sight(principal.sight(), "replays")?;
    Ok(view(state.replays.get(&id).await?))
}

/// Cancels a replay. What is sent stays sent.
#[utoipa::path(
    delete,
    path = "/api/v1/replays/{id}",
    tag = "forwarding",
    params(("id" = String, Path, description = "The `id` of the replay.", example = "0193b2c4")),
    responses(
        (status = 200, description = "The replay.", body = ReplayView, example = json!(example())),
        (status = 404, description = "There is no such replay."),
        (status = 409, description = "It has ended."),
    ),
)]
async fn cancel(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<ReplayView>, Problem> {
    need_whole_sight(principal.sight(), "replays")?;
    let replay = state.replays.cancel(&id).await?;
    audit::note(&state.audit, &principal, source, Action::ReplayCancelled, target(&replay));
    Ok(view(replay))
}

fn view(replay: Replay) -> Json<ReplayView> {
    Json(replay_view(replay))
}

/// A replay in the audit.
fn target(replay: &Replay) -> String {
    let query = if replay.query.is_empty() { "*" } else { replay.query.as_str() };
    format!("{} to {}, of the records of {query}", replay.id, replay.sink)
}

/// The form that starts a replay, or the one that cancels a replay.
#[derive(Debug, Deserialize)]
#[serde(tag = "action", rename_all = "lowercase")]
enum ReplayForm {
    Start(NewReplay),
    Cancel { id: String },
}

async fn handle_form(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    form: Result<Form<ReplayForm>, FormRejection>,
) -> Result<Redirect, Problem> {
    need_whole_sight(principal.sight(), "replays")?;
    let Form(form) = form.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let error = match act(&state, &principal, form).await {
        Ok((action, replay)) => {
            audit::note(&state.audit, &principal, source, action, target(&replay));
            return Ok(Redirect::to("/system#replays"));
        }
        Err(error) => error,
    };
    if matches!(error.class, ErrorClass::Corrupt | ErrorClass::Internal) {
        return Err(error.into());
    }
    // The page shows the error beside the form.
    let error =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("replay-error", &error.message).finish();
    Ok(Redirect::to(&format!("/system?{error}#replays")))
}

async fn act(state: &ForwardingState, principal: &Principal, form: ReplayForm) -> Result<(Action, Replay), Error> {
    Ok(match form {
        ReplayForm::Start(asked) => {
            let request = asked.request(&state.clock, principal.sight()).await?;
            (Action::ReplayStarted, state.replays.add(request).await?)
        }
        ReplayForm::Cancel { id } => (Action::ReplayCancelled, state.replays.cancel(&id).await?),
    })
}
