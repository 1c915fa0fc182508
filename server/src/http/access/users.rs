//! `/api/v1/users`: people.

use std::fmt;

use access::{Need, NewUser, ReadTerms, Role, Secret};
use axum::{
    Json,
    extract::{Path, State, rejection::JsonRejection},
    http::StatusCode,
};
use model::access_views::UserView;
use pipeline::Error;
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::{body, present};
use crate::{
    gate::Routes,
    http::{parameters::NoParameters, problem::Problem},
    state::AccessState,
};

const ONE: &str = "/api/v1/users/{name}";

pub(super) fn routes() -> Routes<AccessState> {
    Routes::new()
        .get("/api/v1/users", Need::Admin, list)
        .post("/api/v1/users", Need::Admin, add)
        .delete(ONE, Need::Admin, remove)
        .patch(ONE, Need::Admin, change)
}

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
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUserBody {
    name: String,
    password: Password,
    role: Role,
    /// The only records that the user reads, in the query language.
    filter: Option<String>,
    /// Fields that the user does not see.
    #[serde(default)]
    hidden: Vec<String>,
}

/// A user that was added.
#[derive(Debug, Serialize)]
struct AddedView {
    name: String,
    role: Role,
}

async fn add(
    State(state): State<AccessState>,
    new: Result<Json<NewUserBody>, JsonRejection>,
) -> Result<(StatusCode, Json<AddedView>), Problem> {
    let NewUserBody { name, password, role, filter, hidden } = body(new)?;
    let read = ReadTerms { filter, hidden };
    let user = NewUser { name: name.clone(), password: password.0, role, read };
    state.access.users().add(user).await?;
    Ok((StatusCode::CREATED, Json(AddedView { name, role })))
}

/// What changes of a user; a missing field stays as it is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangeBody {
    password: Option<Password>,
    role: Option<Role>,
    /// `null` takes the filter away.
    #[serde(default, deserialize_with = "present")]
    filter: Option<Option<String>>,
    hidden: Option<Vec<String>>,
}

async fn change(
    State(state): State<AccessState>,
    Path(name): Path<String>,
    change: Result<Json<ChangeBody>, JsonRejection>,
) -> Result<StatusCode, Problem> {
    let ChangeBody { password, role, filter, hidden } = body(change)?;
    let users = state.access.users();
    match (password, role.is_some() || filter.is_some() || hidden.is_some()) {
        (Some(password), false) => users.set_password(&name, password.0).await?,
        (None, true) => users.change(&name, role, filter, hidden).await?,
        // Two changes, of which one could fail after the other was made.
        (Some(_), true) => {
            return Err(
                Error::invalid("password: change it in a call of its own, without role, filter and hidden").into()
            );
        }
        (None, false) => {
            return Err(Error::invalid("nothing changes; give password, or some of role, filter and hidden").into());
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

async fn remove(State(state): State<AccessState>, Path(name): Path<String>) -> Result<StatusCode, Problem> {
    state.access.users().remove(&name).await?;
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
