//! `/api/v1/replays`: sends the records of a day to a sink once more, or stores them again. `/system/replays`: the same
//! for the forms of the page System.

use axum::{
    Form, Json, Router,
    extract::{
        Path, State,
        rejection::{FormRejection, JsonRejection},
    },
    http::StatusCode,
    response::Redirect,
    routing::{get, post},
};
use model::api::ReplayView;
use pipeline::{Error, ErrorClass, replay::Replay};
use serde::Deserialize;

use super::{parameters::NoParameters, problem::Problem};
use crate::{
    forwarding::{NewReplay, replay_view},
    state::ForwardingState,
};

pub(super) fn routes() -> Router<ForwardingState> {
    Router::new()
        .route("/api/v1/replays", get(list).post(start))
        .route("/api/v1/replays/{id}", get(show).delete(cancel))
}

/// Outside the API: the targets of forms, which redirect back.
pub(super) fn forms() -> Router<ForwardingState> {
    Router::new().route("/system/replays", post(handle_form))
}

async fn list(State(state): State<ForwardingState>, _: NoParameters) -> Result<Json<Vec<ReplayView>>, Problem> {
    Ok(Json(state.replays.list().await?.into_iter().map(replay_view).collect()))
}

async fn start(
    State(state): State<ForwardingState>,
    asked: Result<Json<NewReplay>, JsonRejection>,
) -> Result<(StatusCode, Json<ReplayView>), Problem> {
    let Json(asked) = asked.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let replay = state.replays.add(asked.request(&state.clock).await?).await?;
    Ok((StatusCode::ACCEPTED, view(replay)))
}

async fn show(
    State(state): State<ForwardingState>,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<Json<ReplayView>, Problem> {
    Ok(view(state.replays.get(&id).await?))
}

async fn cancel(State(state): State<ForwardingState>, Path(id): Path<String>) -> Result<Json<ReplayView>, Problem> {
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
    form: Result<Form<ReplayForm>, FormRejection>,
) -> Result<Redirect, Problem> {
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
