//! `/api/v1/sessions`: who is logged in.

use access::{Need, Principal};
use axum::{Extension, Json, extract::State, http::StatusCode};
use model::access_views::SessionView;
use utoipa::OpenApi;

use crate::{
    audit::{self, Action, Source},
    gate::Routes,
    http::{
        parameters::{NoParameters, Path},
        problem::Problem,
    },
    state::AccessState,
};

#[derive(OpenApi)]
#[openapi(paths(list, revoke))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<AccessState> {
    Routes::new().get("/api/v1/sessions", Need::Admin, list).delete("/api/v1/sessions/{id}", Need::Admin, revoke)
}

/// Who is logged in.
#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    tag = "access",
    responses(
        (status = 200, description = "The sessions.", body = Vec<SessionView>, example = json!([{
            "id": "0f3a9c1b2d4e5f60",
            "user": "kim",
            "address": "10.0.0.7",
            "agent": "Mozilla/5.0",
            "created": "2026-11-30T09:15:04.120000000Z",
            "last_used": "2026-11-30T09:00:00.000000000Z",
            "current": true,
        }])),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
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

/// Ends a session.
#[utoipa::path(
    delete,
    path = "/api/v1/sessions/{id}",
    tag = "access",
    params(("id" = String, Path, description = "The `id` of the session.", example = "0f3a9c1b2d4e5f60")),
    responses(
        (status = 204, description = "It has ended."),
        (status = 404, description = "There is no session with this id."),
    ),
)]
async fn revoke(
    State(state): State<AccessState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let user = state.access.sessions().list().await?.into_iter().find(|session| session.id == id);
    state.access.sessions().end(&id).await?;
    let target = user.map_or_else(|| id.clone(), |session| format!("{id} of {}", session.user));
    audit::note(&state.audit, &principal, source, Action::SessionRevoked, target);
    Ok(StatusCode::NO_CONTENT)
}
