//! Who may call, as calls of the API: `/api/v1/keys`, `/api/v1/users`, `/api/v1/sessions`, `/api/v1/anonymous` for admins,
//! and `/api/v1/me` for each reader.
//!
//! A secret is sent once, in the response to the call that makes a key. A password is only ever received.

mod keys;
mod me;
mod networks;
mod sessions;
#[cfg(test)]
mod tests;
mod users;

use axum::{Json, extract::DefaultBodyLimit, extract::rejection::JsonRejection};
use pipeline::Error;
use serde::Deserialize;
use utoipa::{OpenApi as _, openapi};

use super::problem::Problem;
use crate::{gate::Routes, state::AccessState};

/// The limit of a body, in bytes.
const BODY_BYTES: usize = 64 << 10;

pub(super) fn routes() -> Routes<AccessState> {
    Routes::new()
        .merge(keys::routes())
        .merge(users::routes())
        .merge(sessions::routes())
        .merge(networks::routes())
        .merge(me::routes())
        .layer(DefaultBodyLimit::max(BODY_BYTES))
}

/// The operations of these calls.
pub(super) fn operations() -> openapi::OpenApi {
    let parts = [
        keys::Calls::openapi(),
        users::Calls::openapi(),
        sessions::Calls::openapi(),
        networks::Calls::openapi(),
        me::Calls::openapi(),
    ];
    parts.into_iter().fold(openapi::OpenApi::default(), openapi::OpenApi::merge_from)
}

/// The body of a call.
///
/// # Errors
/// `Invalid`, with the name of the field.
fn body<T>(body: Result<Json<T>, JsonRejection>) -> Result<T, Problem> {
    match body {
        Ok(Json(body)) => Ok(body),
        Err(rejection) => Err(Error::invalid(rejection.body_text()).into()),
    }
}

/// Reads a field that may be `null`. With the default, a missing field is `None`, and `null` is `Some(None)`.
fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}
