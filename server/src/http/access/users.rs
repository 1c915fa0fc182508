//! `/api/v1/users`: people.

use std::fmt;

use access::{Need, NewUser, Principal, ReadTerms, Role, Secret};
use axum::{
    Extension, Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use model::access_views::UserView;
use pipeline::Error;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use utoipa::{OpenApi, ToSchema};

use super::{body, present};
use crate::{
    audit::{self, Action, Source},
    gate::Routes,
    http::{
        parameters::{NoParameters, Path},
        problem::Problem,
    },
    state::AccessState,
};

const ONE: &str = "/api/v1/users/{name}";

#[derive(OpenApi)]
#[openapi(paths(list, add, remove, change))]
pub(super) struct Calls;

pub(super) fn routes() -> Routes<AccessState> {
    Routes::new()
        .get("/api/v1/users", Need::Admin, list)
        .post("/api/v1/users", Need::Admin, add)
        .delete(ONE, Need::Admin, remove)
        .patch(ONE, Need::Admin, change)
}

/// The users.
#[utoipa::path(
    get,
    path = "/api/v1/users",
    tag = "access",
    responses(
        (status = 200, description = "The users.", body = Vec<UserView>, example = json!([{
            "name": "lee",
            "role": "viewer",
            "filter": "service:shop",
            "hidden": ["card"],
            "created": "2026-11-30T09:15:04.120000000Z",
        }])),
        (status = 400, description = "A parameter is given; the call has none."),
    ),
)]
async fn list(State(state): State<AccessState>, _: NoParameters) -> Result<Json<Vec<UserView>>, Problem> {
    Ok(Json(state.access.users().list().await?))
}

/// A password. An error about it does not repeat it, also where it is no text.
struct Password(Secret);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Self(Secret::from(text))),
            _ => Err(D::Error::custom("password: write it as a text, in quotes")),
        }
    }
}

/// A user to add.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewUser)]
#[serde(deny_unknown_fields)]
struct NewUserBody {
    /// 1 to 64 of letters, digits, `.`, `-`, `_` and `@`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._@-]+$")]
    name: String,
    /// 10 to 1024 bytes.
    #[schema(value_type = String, format = Password, min_length = 10, max_length = 1024)]
    password: Password,
    role: Role,
    /// The only records that the user reads, in the query language.
    filter: Option<String>,
    /// Fields that the user does not see.
    #[serde(default)]
    hidden: Vec<String>,
}

/// A user that was added.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AddedUser)]
struct AddedView {
    name: String,
    role: Role,
}

/// Adds a user.
///
/// The first one is an admin: until there is one, other roles would count for nothing and are refused.
#[utoipa::path(
    post,
    path = "/api/v1/users",
    tag = "access",
    request_body(content = NewUserBody, example = json!({
        "name": "lee",
        "password": "correct horse battery",
        "role": "viewer",
        "filter": "service:shop",
        "hidden": ["card"],
    })),
    responses(
        (
            status = 201,
            description = "The user.",
            body = AddedView,
            example = json!({ "name": "lee", "role": "viewer" }),
        ),
        (status = 400, description = "A field is unknown or invalid, or the body has more than 64 KiB."),
        (status = 409, description = "There is a user of this name."),
    ),
)]
async fn add(
    State(state): State<AccessState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    new: Result<Json<NewUserBody>, JsonRejection>,
) -> Result<(StatusCode, Json<AddedView>), Problem> {
    let NewUserBody { name, password, role, filter, hidden } = body(new)?;
    let read = ReadTerms { filter, hidden };
    let user = NewUser { name: name.clone(), password: password.0, role, read };
    state.access.users().add(user).await?;
    audit::note(&state.audit, &principal, source, Action::UserAdded, format!("{name} ({role})"));
    Ok((StatusCode::CREATED, Json(AddedView { name, role })))
}

/// What changes of a user; a missing field stays as it is.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UserChange)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    /// 10 to 1024 bytes. It changes alone, without the other fields.
    #[schema(value_type = Option<String>, format = Password, min_length = 10, max_length = 1024)]
    password: Option<Password>,
    role: Option<Role>,
    /// `null` takes the filter away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    filter: Option<Option<String>>,
    hidden: Option<Vec<String>>,
}

/// Changes a user. The sessions of the user end.
#[utoipa::path(
    patch,
    path = ONE,
    tag = "access",
    params(("name" = String, Path, description = "The name of the user.", example = "lee")),
    request_body(content = ChangeBody, example = json!({ "role": "editor", "filter": null })),
    responses(
        (status = 204, description = "It is changed."),
        (status = 400, description = "A field is unknown or invalid, or the body has more than 64 KiB."),
        (status = 404, description = "There is no user of this name."),
        (
            status = 409,
            description = "The last admin cannot be removed or lose the role, or another writer has changed the user \
                           meanwhile.",
        ),
    ),
)]
async fn change(
    State(state): State<AccessState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(name): Path<String>,
    change: Result<Json<ChangeBody>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let ChangeBody { password, role, filter, hidden } = body(change)?;
    let users = state.access.users();
    let action = match (password, role.is_some() || filter.is_some() || hidden.is_some()) {
        (Some(password), false) => {
            users.set_password(&name, password.0).await?;
            Action::UserPassword
        }
        (None, true) => {
            users.change(&name, role, filter, hidden).await?;
            Action::UserChanged
        }
        // Two changes, of which one could fail after the other was made.
        (Some(_), true) => {
            return Err(
                Error::invalid("password: change it in a call of its own, without role, filter and hidden").into()
            );
        }
        (None, false) => {
            return Err(Error::invalid("nothing changes; give password, or some of role, filter and hidden").into());
        }
    };
    audit::note(&state.audit, &principal, source, action, name);
    Ok(StatusCode::NO_CONTENT)
}

/// Removes a user. The sessions of the user end.
#[utoipa::path(
    delete,
    path = ONE,
    tag = "access",
    params(("name" = String, Path, description = "The name of the user.", example = "lee")),
    responses(
        (status = 204, description = "It is removed."),
        (status = 404, description = "There is no user of this name."),
        (
            status = 409,
            description = "The last admin cannot be removed or lose the role, or another writer has changed the user \
                           meanwhile.",
        ),
    ),
)]
async fn remove(
    State(state): State<AccessState>,
    Extension(principal): Extension<Principal>,
    source: Source,
    _: NoParameters,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    state.access.users().remove(&name).await?;
    audit::note(&state.audit, &principal, source, Action::UserRemoved, name);
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_filter_stays_and_null_takes_it_away() {
        for (text, filter) in [
            (r#"{"role":"viewer"}"#, None),
            (r#"{"filter":null}"#, Some(None)),
            (r#"{"filter":"level:error"}"#, Some(Some("level:error".to_owned()))),
        ] {
            assert_eq!(serde_json::from_str::<ChangeBody>(text).unwrap().filter, filter, "{text}");
        }
    }

    #[test]
    fn an_error_names_the_field_and_never_shows_the_password() {
        for (text, part) in [
            (r#"{"name":"kim","password":5550199,"role":"admin"}"#, "password"),
            (r#"{"name":"kim","password":["5550199"],"role":"admin"}"#, "password"),
            (r#"{"name":"kim","password":"5550199","role":"root"}"#, "`viewer`, `editor`, `admin`"),
            (r#"{"name":"kim","password":"5550199","role":"admin","rol":"x"}"#, "`rol`"),
            (r#"{"name":"kim","password":"5550199"}"#, "`role`"),
        ] {
            let error = serde_json::from_str::<NewUserBody>(text).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("5550199"), "{error}");
        }
        let new: NewUserBody = serde_json::from_str(r#"{"name":"kim","password":"5550199","role":"admin"}"#).unwrap();
        assert!(!format!("{new:?}").contains("5550199"));
    }
}
