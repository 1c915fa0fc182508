//! `/api/v1/anonymous`: the networks that may write without a key.

use access::{Need, Principal};
use axum::{
    Extension, Json,
    extract::{State, rejection::JsonRejection},
};
use model::access_views::AnonymousView;
use serde::Deserialize;
use utoipa::{OpenApi, ToSchema};

use super::body;
use crate::{
    audit::{self, Action, Source},
    gate::Routes,
    http::{parameters::NoParameters, problem::Problem},
    state::AccessState,
};

const PATH: &str = "/api/v1/anonymous";

#[derive(OpenApi)]
#[openapi(paths(show, change))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<AccessState> {
    Routes::new().get(PATH, Need::Admin, show).put(PATH, Need::Admin, change)
}

/// Who may write without a key.
///
/// Callers of these networks may write through every door while the server is guarded, and do nothing else. A call
/// through a proxy has the proxy's address, so no network lets it in.
#[utoipa::path(
    get,
    path = PATH,
    tag = "access",
    responses(
        (status = 200, description = "The networks.", body = AnonymousView, example = json!({
            "write": ["10.0.0.0/8"],
            "options": ["read=127.0.0.1/32"],
        })),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn show(State(state): State<AccessState>, _: NoParameters) -> Result<Json<AnonymousView>, Problem> {
    Ok(Json(state.access.networks().get().await?))
}

/// The networks that may write.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NetworksBody {
    /// Networks or addresses, at most 100; empty for none.
    #[schema(max_items = 100, example = json!(["10.0.0.0/8"]))]
    write: Vec<String>,
}

/// Replaces the networks that may write without a key.
///
/// They count on all nodes. Open calls of callers without credentials end; those who are still let in may call again.
#[utoipa::path(
    put,
    path = PATH,
    tag = "access",
    request_body(content = NetworksBody, example = json!({ "write": ["10.0.0.0/8"] })),
    responses(
        (status = 200, description = "The networks as they are stored.", body = AnonymousView, example = json!({
            "write": ["10.0.0.0/8"],
            "options": [],
        })),
        (status = 400, description = "The body does not read, or a text is no network."),
    ),
)]
async fn change(
    State(state): State<AccessState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    networks: Result<Json<NetworksBody>, JsonRejection>,
) -> Result<Json<AnonymousView>, Problem> {
    let NetworksBody { write } = body(networks)?;
    let view = state.access.networks().set(&write).await?;
    let target = if view.write.is_empty() { "none".to_owned() } else { view.write.join(", ") };
    audit::note(&state.audit, &principal, source, Action::NetworksChanged, target);
    Ok(Json(view))
}
