//! People, keys, networks and sessions as HTML.
//!
//! Plain forms, rendered on the server only. They post to `/system/access/…`, which runs the action and redirects back;
//! a new key is shown once, by the page that answers its form. `key_form` has the form of a new key.

mod key_form;

use leptos::prelude::*;
use model::access_views::{AnonymousView, ExternalView, KeyView, SessionView, UserView};

use super::{audit::audit_link, fields::field};
use crate::{
    backend::{AccessDone, AccessLists},
    state::{clock, shown::shown_in_html},
    texts::{
        Language,
        access::{AccessTexts, of},
    },
};

/// The roles, in the order of what they may.
const ROLES: [&str; 3] = ["viewer", "editor", "admin"];

/// Renders the whole page.
pub(crate) fn html(language: Language, lists: &AccessLists) -> String {
    let t = of(language);
    let done = lists.done.as_ref().map(|AccessDone { action, name }| (t.done)(*action, name));
    let error = lists.error.clone().map(|error| {
        view! { <p class="banner" role="alert" data-testid="access-error">{error}</p> }
    });
    let html = view! {
        {audit_link(language)}
        <p role="status" data-testid="access-done">{done}</p>
        {error}
        {people(t, lists)}
        {keys(t, lists)}
        {networks(t, &lists.networks)}
        {sessions(t, &lists.sessions)}
    }
    .into_any()
    .to_html();
    shown_in_html(&html)
}

/// A table whose last column has actions.
fn table(t: &'static AccessTexts, name: &'static str, heads: &[&'static str], rows: AnyView) -> AnyView {
    let heads = heads.iter().map(|head| view! { <th scope="col">{*head}</th> }).collect_view();
    view! {
        <table class="table stacked texts" data-testid=name>
            <thead>
                <tr>{heads}<th scope="col"><span class="unseen">{t.actions}</span></th></tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

/// A button that asks once more before it posts `action` for the thing that `name` identifies.
fn confirmed(
    t: &'static AccessTexts,
    path: &'static str,
    (name, value): (&'static str, &str),
    (action, label): (&'static str, &'static str),
) -> AnyView {
    view! {
        <details class="sure">
            <summary class="button">{label}</summary>
            <form method="post" action=path>
                <input type="hidden" name=name value=value.to_owned() />
                <button class="button" name="action" value=action data-testid=action>{t.sure}</button>
            </form>
        </details>
    }
    .into_any()
}

fn time(rfc3339: &str) -> String {
    clock::full(rfc3339, false)
}

/// What a reader is limited to, below a name.
fn reading(t: &'static AccessTexts, filter: Option<&str>, hidden: &[String]) -> AnyView {
    let filter = filter.filter(|filter| !filter.is_empty()).map(|filter| {
        view! { <br /><span class="quiet">{t.filter}</span>" "<code>{filter.to_owned()}</code> }
    });
    let hidden = (!hidden.is_empty()).then(|| {
        view! { <br /><span class="quiet">{t.hidden}</span>" "<code>{hidden.join(", ")}</code> }
    });
    view! { {filter}{hidden} }.into_any()
}

/// The fields of a form that limit a reader.
fn reading_fields(t: &'static AccessTexts, filter: &str, hidden: &[String]) -> AnyView {
    let (filter, hidden) = (filter.to_owned(), hidden.join(", "));
    view! {
        {field(t.filter, view! { <input name="filter" value=filter placeholder="service:shop" spellcheck="false" /> })}
        {field(t.hidden, view! { <input name="hidden" value=hidden placeholder=t.hidden_hint spellcheck="false" /> })}
    }
    .into_any()
}

fn role_name(t: &'static AccessTexts, role: &str) -> &'static str {
    match role {
        "admin" => t.admin,
        "editor" => t.editor,
        _ => t.viewer,
    }
}

fn role_field(t: &'static AccessTexts, chosen: &str) -> AnyView {
    let options = ROLES.map(|role| {
        let is_chosen = role == chosen;
        view! { <option value=role selected=is_chosen>{role_name(t, role)}</option> }
    });
    field(t.role, view! { <select name="role">{options.collect_view()}</select> })
}

fn password_field(t: &'static AccessTexts) -> AnyView {
    field(t.password, view! { <input type="password" name="password" autocomplete="new-password" required=true /> })
}

fn people(t: &'static AccessTexts, lists: &AccessLists) -> AnyView {
    let rows = lists.people.iter().map(|person| person_row(t, person, lists.user.as_deref())).collect_view();
    let list = if lists.people.is_empty() {
        view! { <p class="quiet" data-testid="no-people">{t.people_none}</p> }.into_any()
    } else {
        table(t, "people", &[t.name, t.role, t.created], rows.into_any())
    };
    // The first person must be an admin.
    let role = if lists.people.is_empty() { "admin" } else { "viewer" };
    view! {
        <h2 id="people">{t.people}</h2>
        <p class="quiet">{t.people_text}</p>
        {list}
        <form class="acts" method="post" action="/system/access/people" data-testid="add-person">
            {field(t.name, view! {
                <input name="name" required=true autocomplete="off" autocapitalize="none" spellcheck="false" />
            })}
            {password_field(t)}
            {role_field(t, role)}
            {reading_fields(t, "", &[])}
            <button class="button" name="action" value="add">{t.add_person}</button>
        </form>
    }
    .into_any()
}

fn person_row(t: &'static AccessTexts, person: &UserView, user: Option<&str>) -> AnyView {
    if let Some(external) = &person.external {
        return external_row(t, person, external, user);
    }
    let name = || view! { <input type="hidden" name="name" value=person.name.clone() /> };
    let you = (user == Some(person.name.as_str())).then(|| view! { " "<span class="quiet">"("{t.you}")"</span> });
    let filter = person.filter.as_deref().unwrap_or_default();
    view! {
        <tr data-testid="person-row">
            <td class="long">{person.name.clone()}{you}{reading(t, person.filter.as_deref(), &person.hidden)}</td>
            <td data-label=t.role>{role_name(t, &person.role)}</td>
            <td data-label=t.created>{time(&person.created)}</td>
            <td class="acts">
                <details class="sure">
                    <summary class="button">{t.change}</summary>
                    <form class="acts" method="post" action="/system/access/people">
                        {name()}
                        {role_field(t, &person.role)}
                        {reading_fields(t, filter, &person.hidden)}
                        <button class="button" name="action" value="change">{t.save}</button>
                    </form>
                    <form class="acts" method="post" action="/system/access/people">
                        {name()}
                        {password_field(t)}
                        <button class="button" name="action" value="password">{t.set_password}</button>
                    </form>
                </details>
                {confirmed(t, "/system/access/people", ("name", &person.name), ("remove", t.remove))}
            </td>
        </tr>
    }
    .into_any()
}

/// A person who logs in by an identity provider: the password and the rights are not changed here.
fn external_row(t: &'static AccessTexts, person: &UserView, external: &ExternalView, user: Option<&str>) -> AnyView {
    let you = (user == Some(person.name.as_str())).then(|| view! { " "<span class="quiet">"("{t.you}")"</span> });
    let from = (t.external)(&external.issuer);
    view! {
        <tr data-testid="person-row">
            <td class="long">
                {external.label.clone()}{you}<br />
                <span class="quiet" data-testid="external">{from}</span>" "<code>{external.subject.clone()}</code>
                {reading(t, person.filter.as_deref(), &person.hidden)}
            </td>
            <td data-label=t.role>{role_name(t, &person.role)}</td>
            <td data-label=t.created>{time(&person.created)}</td>
            <td class="acts">
                {confirmed(t, "/system/access/people", ("name", &person.name), ("remove", t.remove))}
            </td>
        </tr>
    }
    .into_any()
}

fn keys(t: &'static AccessTexts, lists: &AccessLists) -> AnyView {
    let rows = lists.keys.iter().map(|key| key_row(t, key)).collect_view();
    let list = if lists.keys.is_empty() {
        view! { <p class="quiet" data-testid="no-keys">{t.keys_none}</p> }.into_any()
    } else {
        table(t, "keys", &[t.name, t.scopes, t.terms, t.last_used], rows.into_any())
    };
    view! {
        <h2 id="keys">{t.keys}</h2>
        <p class="quiet">{t.keys_text}</p>
        {list}
        {key_form::form(t, &lists.doors)}
    }
    .into_any()
}

fn key_row(t: &'static AccessTexts, key: &KeyView) -> AnyView {
    let scopes: Vec<&str> = key
        .scopes
        .iter()
        .map(|scope| match scope.as_str() {
            "write" => t.scope_write,
            "read" => t.scope_read,
            _ => t.scope_admin,
        })
        .collect();
    let lines = key_form::terms(t, key).into_iter().map(|(label, value)| {
        view! { <div><span class="quiet">{label}</span>" "<code>{value}</code></div> }
    });
    let created = format!("{} {} {}", t.created, time(&key.created), (t.created_by)(&key.created_by));
    let used = key.last_used.as_deref().map_or(t.never.to_owned(), time);
    let from = key.last_address.as_deref().map(|address| {
        view! { <br /><span class="quiet">{(t.used_from)(address)}</span> }
    });
    view! {
        <tr data-testid="key">
            <td class="long">
                {key.name.clone()}<br /><code>{format!("lb_{}", key.id)}</code><br /><span class="quiet">{created}</span>
            </td>
            <td data-label=t.scopes>{scopes.join(", ")}</td>
            <td class="long">{lines.collect_view()}</td>
            <td data-label=t.last_used data-testid="key-used">{used}{from}</td>
            <td class="acts">{confirmed(t, "/system/access/keys", ("id", &key.id), ("revoke", t.revoke))}</td>
        </tr>
    }
    .into_any()
}

/// Who may write without a key.
fn networks(t: &'static AccessTexts, networks: &AnonymousView) -> AnyView {
    let options = (!networks.options.is_empty()).then(|| {
        view! { <p class="quiet">{t.networks_options}" "<code>{networks.options.join(", ")}</code></p> }
    });
    let write = networks.write.join(", ");
    view! {
        <h2 id="networks">{t.networks}</h2>
        <p class="quiet">{t.networks_text}</p>
        {options}
        <form class="key-form" method="post" action="/system/access/networks" data-testid="networks">
            <div class="acts">
                {field(t.networks_label, view! {
                    <input name="write" value=write placeholder="10.0.0.0/8" autocomplete="off" spellcheck="false" />
                })}
                <button class="button" name="action" value="set">{t.save}</button>
                <span class="quiet">{t.networks_hint}</span>
            </div>
        </form>
    }
    .into_any()
}

fn sessions(t: &'static AccessTexts, sessions: &[SessionView]) -> AnyView {
    let list = if sessions.is_empty() {
        view! { <p class="quiet" data-testid="no-sessions">{t.sessions_none}</p> }.into_any()
    } else {
        let rows = sessions.iter().map(|session| session_row(t, session)).collect_view();
        table(t, "sessions", &[t.name, t.address, t.browser, t.created, t.last_used], rows.into_any())
    };
    view! {
        <h2 id="sessions">{t.sessions}</h2>
        <p class="quiet">{t.sessions_text}</p>
        {list}
    }
    .into_any()
}

fn session_row(t: &'static AccessTexts, session: &SessionView) -> AnyView {
    let current = session.current.then(|| view! { " "<span class="quiet">"("{t.current}")"</span> });
    view! {
        <tr data-testid="session">
            <td>{session.user.clone()}{current}</td>
            <td data-label=t.address>{session.address.clone()}</td>
            <td class="long">{session.agent.clone()}</td>
            <td data-label=t.created>{time(&session.created)}</td>
            <td data-label=t.last_used>{time(&session.last_used)}</td>
            <td class="acts">
                {confirmed(t, "/system/access/sessions", ("id", &session.id), ("revoke", t.revoke))}
            </td>
        </tr>
    }
    .into_any()
}

#[cfg(test)]
mod tests;
