//! `/system/access/…`: the forms of the page Access. They redirect back to the page, with the outcome in its address. A
//! new key is the exception: the page that answers its form shows the secret, once, and no address ever has it.

use std::collections::BTreeMap;

use access::{Created, Need, NewKey, NewUser, ReadTerms, Role, Scope, Secret, WriteTerms};
use app::{
    backend::AccessAction,
    pages::{KeyCreated, Visit, key_created_page},
};
use axum::{
    extract::{DefaultBodyLimit, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use bytesize::ByteSize;
use model::time::parse_timestamp;
use pipeline::{Error, ErrorClass, Result};

use super::{
    form::{FORM_BYTES, Fields, Visitor, list, see_other, shortened, url_of},
    problem::Problem,
};
use crate::{
    audit::{self, Action},
    gate::Routes,
    state::EntranceState,
};

pub(super) fn routes() -> Routes<EntranceState> {
    Routes::new()
        .post("/system/access/people", Need::Admin, people)
        .post("/system/access/keys", Need::Admin, keys)
        .post("/system/access/networks", Need::Admin, networks)
        .post("/system/access/sessions", Need::Admin, sessions)
        .layer(DefaultBodyLimit::max(FORM_BYTES))
}

async fn people(State(state): State<EntranceState>, visitor: Visitor, form: Fields) -> Response {
    let name = form.get("name").trim();
    let done = change_person(&state, &form).await;
    if let Ok(done) = &done {
        note(&state, &visitor, *done, name);
    }
    back("people", done.map(|action| (action, name.to_owned())))
}

/// Notes what a form has done.
fn note(state: &EntranceState, visitor: &Visitor, done: AccessAction, target: &str) {
    let action = match done {
        AccessAction::PersonAdded => Action::UserAdded,
        AccessAction::PersonChanged => Action::UserChanged,
        AccessAction::PasswordSet => Action::UserPassword,
        AccessAction::PersonRemoved => Action::UserRemoved,
        AccessAction::KeyRevoked => Action::KeyRevoked,
        AccessAction::SessionRevoked => Action::SessionRevoked,
        AccessAction::NetworksSet => Action::NetworksChanged,
    };
    audit::note(&state.audit, &visitor.principal, visitor.source(), action, target);
}

async fn change_person(state: &EntranceState, form: &Fields) -> Result<AccessAction> {
    let users = state.access.users();
    let name = form.get("name").trim();
    let password = || Secret(form.get("password").to_owned());
    match form.get("action") {
        "add" => {
            let new =
                NewUser { name: name.to_owned(), password: password(), role: role(form)?, read: read_terms(form) };
            users.add(new).await.map(|()| AccessAction::PersonAdded)
        }
        "change" => {
            let ReadTerms { filter, hidden } = read_terms(form);
            let changed = users.change(name, Some(role(form)?), Some(filter), Some(hidden)).await;
            changed.map(|()| AccessAction::PersonChanged)
        }
        "password" => users.set_password(name, password()).await.map(|()| AccessAction::PasswordSet),
        "remove" => users.remove(name).await.map(|()| AccessAction::PersonRemoved),
        other => Err(unknown_action(other)),
    }
}

async fn keys(State(state): State<EntranceState>, visitor: Visitor, headers: HeaderMap, form: Fields) -> Response {
    let keys = state.access.keys();
    match form.get("action") {
        "create" => {
            let created = match new_key(&form) {
                Ok(new) => keys.create(new, visitor.principal.name()).await,
                Err(error) => Err(error),
            };
            match created {
                Ok(Created { id, secret }) => {
                    let target = format!("lb_{id} ({})", form.get("name").trim());
                    audit::note(&state.audit, &visitor.principal, visitor.source(), Action::KeyCreated, target);
                    let visit = Visit { headers: &headers, query: "", site: &state.site };
                    let key = KeyCreated { name: form.get("name").trim(), secret: &secret };
                    key_created_page(&visit, &key).into_response()
                }
                Err(error) => back("keys", Err(error)),
            }
        }
        "revoke" => {
            let id = form.get("id").trim();
            let done = keys.revoke(id).await.map(|()| (AccessAction::KeyRevoked, format!("lb_{id}")));
            if let Ok((action, name)) = &done {
                note(&state, &visitor, *action, name);
            }
            back("keys", done)
        }
        other => back("keys", Err(unknown_action(other))),
    }
}

async fn networks(State(state): State<EntranceState>, visitor: Visitor, form: Fields) -> Response {
    let done = set_networks(&state, &form).await;
    if let Ok((action, networks)) = &done {
        note(&state, &visitor, *action, if networks.is_empty() { "none" } else { networks });
    }
    back("networks", done)
}

async fn set_networks(state: &EntranceState, form: &Fields) -> Result<(AccessAction, String)> {
    match form.get("action") {
        "set" => {
            let networks = state.access.networks().set(&list(form.get("write"))).await?;
            Ok((AccessAction::NetworksSet, networks.write.join(", ")))
        }
        other => Err(unknown_action(other)),
    }
}

async fn sessions(State(state): State<EntranceState>, visitor: Visitor, form: Fields) -> Response {
    let done = revoke_session(&state, &form).await;
    if let Ok((action, user)) = &done {
        note(&state, &visitor, *action, &format!("{} of {user}", form.get("id").trim()));
    }
    back("sessions", done)
}

async fn revoke_session(state: &EntranceState, form: &Fields) -> Result<(AccessAction, String)> {
    let sessions = state.access.sessions();
    let id = form.get("id").trim();
    match form.get("action") {
        "revoke" => {
            let user = sessions.list().await?.into_iter().find(|session| session.id == id).map(|session| session.user);
            sessions.end(id).await?;
            Ok((AccessAction::SessionRevoked, user.unwrap_or_else(|| id.to_owned())))
        }
        other => Err(unknown_action(other)),
    }
}

/// Redirects to a section of the page, with the outcome of the action or the reason why there is none.
fn back(section: &str, done: Result<(AccessAction, String)>) -> Response {
    let query = match done {
        Ok((action, name)) => url_of("/system/access", &[("done", action.code()), ("name", &name)]),
        Err(error) if matches!(error.class, ErrorClass::Corrupt | ErrorClass::Internal) => {
            return Problem::from(error).into_response();
        }
        Err(error) => url_of("/system/access", &[("error", &shortened(&error.message))]),
    };
    see_other(&format!("{query}#{section}"))
}

fn unknown_action(action: &str) -> Error {
    let action = shortened(action);
    Error::invalid(format!("action {action:?} is not known; use the page's own forms"))
}

fn role(form: &Fields) -> Result<Role> {
    form.get("role").parse::<Role>().map_err(|error| Error::invalid(format!("role: {error}")))
}

fn read_terms(form: &Fields) -> ReadTerms {
    ReadTerms { filter: form.trimmed("filter").map(str::to_owned), hidden: list(form.get("hidden")) }
}

fn new_key(form: &Fields) -> Result<NewKey> {
    let scopes = form.all("scope").map(|scope| scope.parse::<Scope>());
    let scopes: Vec<Scope> =
        scopes.collect::<Result<_, String>>().map_err(|error| Error::invalid(format!("scope: {error}")))?;
    // Everything includes the others, which the form may have selected.
    let scopes = if scopes.contains(&Scope::Admin) { vec![Scope::Admin] } else { scopes };
    Ok(NewKey {
        name: form.get("name").trim().to_owned(),
        scopes,
        write: WriteTerms {
            service: form.trimmed("service").map(str::to_owned),
            fields: fields(form.get("fields"))?,
            doors: form.all("door").map(str::to_owned).collect(),
            records_per_second: form.trimmed("records").map(records).transpose()?,
            bytes_per_day: form.trimmed("bytes").map(bytes).transpose()?,
        },
        read: read_terms(form),
        expires: form.trimmed("expires").map(end_of_day).transpose()?,
    })
}

/// Lines such as `team=payments`.
fn fields(text: &str) -> Result<BTreeMap<String, String>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let pair = |line: &str| match line.split_once('=') {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        None => {
            let line = shortened(line);
            Err(Error::invalid(format!("fields: {line:?} has no value; write one field a line, as in team=payments")))
        }
    };
    lines.map(pair).collect()
}

fn records(text: &str) -> Result<u32> {
    text.parse().map_err(|_| {
        let text = shortened(text);
        Error::invalid(format!(
            "records per second: {text:?} is not a whole number; write it as 1000, or leave it empty"
        ))
    })
}

fn bytes(text: &str) -> Result<u64> {
    text.parse::<ByteSize>().map(|size| size.as_u64()).map_err(|_| {
        let text = shortened(text);
        Error::invalid(format!("bytes per day: {text:?} is not a size; write it as 500 MB, or leave it empty"))
    })
}

/// The end of a day in UTC, in milliseconds since the Unix epoch.
fn end_of_day(text: &str) -> Result<i64> {
    const DAY: i64 = 86_400_000;
    let begin = parse_timestamp(&format!("{text}T00:00:00Z"), chrono::Offset::fix(&chrono::Utc));
    let begin = begin.ok_or_else(|| {
        let text = shortened(text);
        Error::invalid(format!("expires: {text:?} is not a day; write it as 2027-01-31, or leave it empty"))
    })?;
    Ok(begin.div_euclid(1_000_000).saturating_add(DAY))
}

#[cfg(test)]
mod tests {
    use axum::http::header;

    use super::*;

    #[test]
    fn a_form_becomes_a_key() {
        let form = Fields::of(&[
            ("name", " shop-1 "),
            ("scope", "write"),
            ("scope", "read"),
            ("service", "shop"),
            ("fields", "team = payments\r\n\r\nzone=a=b"),
            ("door", "json"),
            ("door", "otlp"),
            ("records", "1000"),
            ("bytes", "500 MB"),
            ("filter", " service:shop "),
            ("hidden", "password, user.mail"),
            ("expires", "2027-01-31"),
        ]);
        let key = new_key(&form).unwrap();
        assert_eq!((key.name.as_str(), &key.scopes[..]), ("shop-1", &[Scope::Write, Scope::Read][..]));
        assert_eq!(key.write.service.as_deref(), Some("shop"));
        let fields: Vec<_> = key.write.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("team", "payments"), ("zone", "a=b")]);
        assert_eq!(key.write.doors, ["json", "otlp"]);
        assert_eq!((key.write.records_per_second, key.write.bytes_per_day), (Some(1_000), Some(500_000_000)));
        assert_eq!(key.read.filter.as_deref(), Some("service:shop"));
        assert_eq!(key.read.hidden, ["password", "user.mail"]);
        assert_eq!(key.expires, Some(1_801_440_000_000), "the day is over at midnight");
    }

    #[test]
    fn an_empty_field_is_no_limit_and_admin_is_everything() {
        let key =
            new_key(&Fields::of(&[("name", "ops"), ("scope", "write"), ("scope", "admin"), ("bytes", " ")])).unwrap();
        assert_eq!(key.scopes, [Scope::Admin]);
        assert_eq!((key.write.bytes_per_day, key.read.filter, key.expires), (None, None, None));
    }

    #[test]
    fn a_wrong_field_is_named_with_the_way_out() {
        for (name, value, hint) in [
            ("records", "many", "1000"),
            ("bytes", "a lot", "500 MB"),
            ("expires", "soon", "2027-01-31"),
            ("fields", "team", "team=payments"),
            ("scope", "root", "write, read, admin"),
        ] {
            let error = new_key(&Fields::of(&[("name", "a"), (name, value)])).err().unwrap();
            assert!(error.message.contains(hint) && error.message.contains(value), "{}", error.message);
        }
    }

    #[test]
    fn the_outcome_is_in_the_address_of_the_page() {
        let location = |response: Response| response.headers()[header::LOCATION].to_str().unwrap().to_owned();
        let done = back("people", Ok((AccessAction::PersonAdded, "kim & co".to_owned())));
        assert_eq!(location(done), "/system/access?done=person-added&name=kim+%26+co#people");
        let refused = back("keys", Err(Error::invalid("name is empty")));
        assert_eq!(location(refused), "/system/access?error=name+is+empty#keys");
        let broken = back("keys", Err(Error::internal("secret detail")));
        assert_eq!(broken.status().as_u16(), 500);
    }
}
