//! `/api/v1/me`: the caller, and what it may.

use access::{DOORS, Need, Principal};
use axum::{Extension, Json};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

use crate::{gate::Routes, http::parameters::NoParameters, state::AccessState};

#[derive(OpenApi)]
#[openapi(paths(show))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<AccessState> {
    Routes::new().get("/api/v1/me", Need::Read, show)
}

/// The caller.
#[derive(Debug, Serialize, ToSchema)]
struct Me {
    name: String,
    /// `user`, `key`, `certificate`, `anonymous`, or `open` on a server that lets everybody do everything.
    kind: &'static str,
    /// `read`, `edit`, `admin`, and `write` if a door takes records.
    may: Vec<&'static str>,
    /// The doors that take records of this caller.
    doors: Vec<&'static str>,
}

/// The caller, and what it may.
#[utoipa::path(
    get,
    path = "/api/v1/me",
    tag = "access",
    responses(
        (status = 200, description = "The caller.", body = Me, example = json!({
            "name": "user kim",
            "kind": "user",
            "may": ["read", "edit"],
            "doors": [],
        })),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn show(Extension(principal): Extension<Principal>, _: NoParameters) -> Json<Me> {
    let may = |need| principal.may(need).is_ok();
    let doors: Vec<&'static str> = DOORS.iter().copied().filter(|&door| may(Need::Write(door))).collect();
    let powers = [
        ("write", !doors.is_empty()),
        ("read", may(Need::Read)),
        ("edit", may(Need::Edit)),
        ("admin", may(Need::Admin)),
    ];
    let may = powers.into_iter().filter(|(_, is_given)| *is_given).map(|(power, _)| power).collect();
    Json(Me { name: principal.name().to_owned(), kind: principal.kind().name(), may, doors })
}
