//! `/system/dead-letters`: the calls of `/api/v1/dead-letters` for the forms of the page System.

use access::{Need, Principal};
use axum::{
    Extension, Form,
    extract::{State, rejection::FormRejection},
    response::Redirect,
};
use pipeline::{Error, ErrorClass};
use reading::{LetterFilter, Replayed};
use serde::Deserialize;

use super::{
    dead_letters::{back, several},
    problem::Problem,
};
use crate::{
    audit::{self, Action as Noted, Source},
    gate::Routes,
    state::LossesState,
};

/// The targets of forms, which redirect back.
pub(super) fn routes() -> Routes<LossesState> {
    Routes::new().post("/system/dead-letters", Need::Edit, handle_form)
}

/// The action of a form: on one letter, or on all that match the filter, up to the newest one on the page.
#[derive(Debug, Deserialize)]
struct FormAction {
    action: Action,
    id: Option<i64>,
    upto: Option<i64>,
    reason: Option<String>,
    door: Option<String>,
    service: Option<String>,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Replay,
    Delete,
}

async fn handle_form(
    State(state): State<LossesState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    form: Result<Form<FormAction>, FormRejection>,
) -> Result<Redirect, Problem> {
    let Form(form) = form.map_err(|rejection| Error::invalid(rejection.body_text()))?;
    let FormAction { action, id, upto, reason, door, service, from, to } = form;
    let filter = LetterFilter { reason, door, service, from, to, upto };
    let letters = state.letters.seen_by(principal.sight())?;
    let numbers = |replayed: &Replayed| vec![replayed.letters, replayed.records, replayed.failed];
    let done = match (action, id, upto) {
        (Action::Replay, Some(id), _) => match letters.replay(id).await {
            Ok(records) => ("replayed", vec![1, records as u64, 0]),
            Err(error) if error.class == ErrorClass::NotFound => ("nothing", Vec::new()),
            Err(error) => return Err(error.into()),
        },
        (Action::Delete, Some(id), _) => match letters.delete(id).await {
            Ok(()) => ("deleted", vec![1]),
            Err(error) if error.class == ErrorClass::NotFound => ("nothing", Vec::new()),
            Err(error) => return Err(error.into()),
        },
        (Action::Replay, None, Some(_)) => ("replayed", numbers(&letters.replay_all(&filter).await?)),
        (Action::Delete, None, Some(_)) => ("deleted", vec![letters.delete_all(&filter).await?]),
        (_, None, None) => return Err(Error::invalid("neither id nor upto is given; use the page's own forms").into()),
    };
    if done.0 != "nothing" {
        let noted = if matches!(action, Action::Replay) { Noted::LettersResent } else { Noted::LettersDiscarded };
        let letters = done.1.first().copied().unwrap_or_default();
        let target = id.map_or_else(|| several(letters, &filter), |id| id.to_string());
        audit::note(&state.audit, &principal, source, noted, target);
    }
    Ok(back(filter.fields(), done))
}
