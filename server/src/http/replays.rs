//! `/api/v1/replays`: sends the records of a day to a sink once more, or stores them again. `/system/replays`: the same
//! for the forms of the page System.

use access::{Need, Principal};
use axum::{
    Extension, Form, Json,
    extract::{
        Path, State,
        rejection::{FormRejection, JsonRejection},
    },
    http::StatusCode,
    response::Redirect,
};
use model::api::ReplayView;
use pipeline::{Error, ErrorClass, replay::Replay};
use reading::need_whole_sight;
use serde::Deserialize;

use super::{parameters::NoParameters, problem::Problem};
use crate::{
    forwarding::{NewReplay, replay_view},
    gate::Routes,
    state::ForwardingState,
};

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

async fn list(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<ReplayView>>, Problem> {
    need_whole_sight(principal.sight(), "replays")?;
    Ok(Json(state.replays.list().await?.into_iter().map(replay_view).collect()))
}

async fn start(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    asked: Result<Json<NewReplay>, JsonRejection>,
) -> Result<(StatusCode, Json<ReplayView>), Problem> {
    need_whole_sight(principal.sight(), "replays")?;
    let Json(asked) = asked.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let replay = state.replays.add(asked.request(&state.clock).await?).await?;
    Ok((StatusCode::ACCEPTED, view(replay)))
}

async fn show(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<ReplayView>, Problem> {
    need_whole_sight(principal.sight(), "replays")?;
    Ok(view(state.replays.get(&id).await?))
}

async fn cancel(
    State(state): State<ForwardingState>,
    Extension(principal): Extension<Principal>,
    Path(id): Path<String>,
) -> Result<Json<ReplayView>, Problem> {
    need_whole_sight(principal.sight(), "replays")?;
    Ok(view(state.replays.cancel(&id).await?))
}

fn view(replay: Replay) -> Json<ReplayView> {
    Json(replay_view(replay))
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
    form: Result<Form<ReplayForm>, FormRejection>,
) -> Result<Redirect, Problem> {
    need_whole_sight(principal.sight(), "replays")?;
    let Form(form) = form.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let Err(error) = act(&state, form).await else { return Ok(Redirect::to("/system#replays")) };
    if matches!(error.class, ErrorClass::Corrupt | ErrorClass::Internal) {
        return Err(error.into());
    }
    // The page shows the error beside the form.
    let error =
        url::form_urlencoded::Serializer::new(String::new()).append_pair("replay-error", &error.message).finish();
    Ok(Redirect::to(&format!("/system?{error}#replays")))
}

async fn act(state: &ForwardingState, form: ReplayForm) -> Result<Replay, Error> {
    match form {
        ReplayForm::Start(asked) => state.replays.add(asked.request(&state.clock).await?).await,
        ReplayForm::Cancel { id } => state.replays.cancel(&id).await,
    }
}
