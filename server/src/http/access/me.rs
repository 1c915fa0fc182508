//! `/api/v1/me`: the caller, and what it may.

use access::{DOORS, Need, Principal, PrincipalKind};
use axum::{Extension, Json};
use serde::Serialize;

use crate::{gate::Routes, http::parameters::NoParameters, state::AccessState};

pub(super) fn routes() -> Routes<AccessState> {
    Routes::new().get("/api/v1/me", Need::Read, show)
}

/// The caller.
#[derive(Debug, Serialize)]
struct Me {
    name: String,
    kind: &'static str,
    /// `read`, `edit`, `admin`, and `write` if a door takes records.
    may: Vec<&'static str>,
    /// The doors that take records of this caller.
    doors: Vec<&'static str>,
}

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
    Json(Me { name: principal.name().to_owned(), kind: kind(&principal), may, doors })
}

fn kind(principal: &Principal) -> &'static str {
    match principal.kind() {
        PrincipalKind::Open => "open",
        PrincipalKind::Anonymous => "anonymous",
        PrincipalKind::User => "user",
        PrincipalKind::Key => "key",
        PrincipalKind::Certificate => "certificate",
    }
}
