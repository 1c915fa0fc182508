//! `/api/v1/sessions`: who is logged in.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{Path, State},
    http::StatusCode,
};
use model::access_views::SessionView;

use crate::{
    gate::Routes,
    http::{parameters::NoParameters, problem::Problem},
    state::AccessState,
};

pub(super) fn routes() -> Routes<AccessState> {
    Routes::new().get("/api/v1/sessions", Need::Admin, list).delete("/api/v1/sessions/{id}", Need::Admin, revoke)
}

async fn list(
    State(state): State<AccessState>,
    Extension(principal): Extension<Principal>,
    _: NoParameters,
) -> Result<Json<Vec<SessionView>>, Problem> {
    let mut sessions = state.access.sessions().list().await?;
    for session in &mut sessions {
        session.current = principal.session() == Some(session.id.as_str());
    }
    Ok(Json(sessions))
}

async fn revoke(State(state): State<AccessState>, Path(id): Path<String>) -> Result<StatusCode, Problem> {
    state.access.sessions().end(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
