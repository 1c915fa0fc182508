//! `/connect/key`: the form of the page Connect for a new key. Its answer shows the key within the snippets, once, and no
//! address ever has it.

use access::{Created, Need, NewKey, ReadTerms, Scope, WriteTerms};
use app::{
    origin_of,
    pages::{ConnectKey, FilledSnippets, Visit, connect_key_page},
};
use axum::{
    extract::{DefaultBodyLimit, State},
    http::{HeaderMap, Uri},
    response::{IntoResponse as _, Response},
};
use pipeline::ErrorClass;

use super::{
    form::{FORM_BYTES, Fields, Visitor},
    problem::Problem,
};
use crate::{
    audit::{self, Action},
    gate::Routes,
    snippets::snippets,
    state::EntranceState,
};

pub(super) fn routes() -> Routes<EntranceState> {
    Routes::new().post("/connect/key", Need::Admin, create).layer(DefaultBodyLimit::max(FORM_BYTES))
}

async fn create(
    State(state): State<EntranceState>,
    visitor: Visitor,
    target: Uri,
    headers: HeaderMap,
    form: Fields,
) -> Response {
    let name = form.get("name").trim();
    let new = NewKey {
        name: name.to_owned(),
        scopes: vec![Scope::Write],
        write: WriteTerms::default(),
        read: ReadTerms::default(),
        expires: None,
    };
    let outcome = match state.access.keys().create(new, visitor.principal.name()).await {
        Ok(Created { id, secret }) => {
            let noted = format!("lb_{id} ({name})");
            audit::note(&state.audit, &visitor.principal, visitor.source(), Action::KeyCreated, noted);
            // There are no requests before the doors are bound.
            let doors = state.doors.get().cloned().unwrap_or_default();
            let origin = origin_of(&headers, &target, visitor.is_secure);
            Ok(FilledSnippets { snippets: snippets(&origin, &doors, Some(&secret)), secret })
        }
        Err(error) if matches!(error.class, ErrorClass::Corrupt | ErrorClass::Internal) => {
            return Problem::from(error).into_response();
        }
        Err(error) => Err(error.message),
    };
    let visit = Visit { headers: &headers, query: "", site: &state.site };
    connect_key_page(&visit, &ConnectKey { name, outcome }).into_response()
}
