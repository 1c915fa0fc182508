//! The page of the audit at `/system/audit`, for admins: who did what, newest first.
//!
//! Plain HTML outside of the dashboard, so it needs no WebAssembly. A script shows the times in the zone of the browser.

use leptos::prelude::*;

use super::{
    fields::field,
    quiet::{QuietPage, Visit, sheet},
};
use crate::{
    state::{
        clock,
        url::{append, encode},
    },
    texts::{
        Language,
        audit::{AuditTexts, of},
    },
};

/// The address of the page.
const AUDIT_PATH: &str = "/system/audit";

/// The way to the page. The router of the dashboard does not know its address.
pub(super) fn audit_link(language: Language) -> AnyView {
    view! {
        <p class="index">
            <a class="link" href=AUDIT_PATH rel="external" data-testid="to-audit">{of(language).audit}</a>
        </p>
    }
    .into_any()
}

/// What the page shows, as in its URL. An empty text is no filter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The beginning of a name: `kim`, `user kim`, `lb_ab12cd34`.
    pub actor: String,
    pub action: String,
    /// `done` or `refused`.
    pub outcome: String,
}

/// An audit record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditRow {
    pub id: String,
    /// RFC 3339 in UTC.
    pub time: String,
    pub actor: String,
    pub action: String,
    pub target: String,
    /// The address of the caller, and the client that a proxy has named; empty without one.
    pub source: String,
    pub forwarded: String,
    pub is_refused: bool,
    /// Why it was refused.
    pub reason: String,
    pub count: u64,
}

/// The content of the page.
#[derive(Debug, Clone)]
pub struct AuditPage<'a> {
    pub filter: &'a AuditFilter,
    /// All actions that can be chosen.
    pub actions: &'a [&'static str],
    pub rows: &'a [AuditRow],
    /// The cursor of this page; `None` for the newest records.
    pub before: Option<&'a str>,
    /// The cursor of the next page, which is older.
    pub next: Option<&'a str>,
    /// How far back the search has come, if it has ended before the page was full.
    pub searched_back_to: Option<&'a str>,
    /// The query of the page, for Explore.
    pub query: &'a str,
    /// Why there are no records.
    pub error: Option<&'a str>,
}

/// Renders the page.
pub fn audit_page(visit: &Visit<'_>, page: &AuditPage<'_>) -> QuietPage {
    let t = of(visit.preferences().language);
    let error = page.error.map(|error| {
        view! { <p class="banner" role="alert" data-testid="audit-error">{error.to_owned()}</p> }
    });
    let table = match page.rows {
        [] => view! { <p class="quiet" data-testid="no-audit">{t.none}</p> }.into_any(),
        rows => table(t, rows),
    };
    let content = view! {
        <h1>{t.audit}</h1>
        <p class="quiet">{t.audit_text}</p>
        {form(t, page)}
        {error}
        {table}
        {links(t, page)}
    };
    sheet(visit, t.audit, "times.js", content.into_any())
}

fn form(t: &'static AuditTexts, page: &AuditPage<'_>) -> AnyView {
    let AuditFilter { actor, action, outcome } = page.filter;
    let choice = |value: &'static str, label: &'static str, chosen: &str| {
        let is_chosen = value == chosen;
        view! { <option value=value selected=is_chosen>{label}</option> }
    };
    let outcomes = [("", t.any), ("done", t.done), ("refused", t.refused)];
    let outcomes = outcomes.map(|(value, label)| choice(value, label, outcome)).collect_view();
    let actions = page.actions.iter().copied().map(|name| choice(name, name, action)).collect_view();
    view! {
        <form class="acts" method="get" action=AUDIT_PATH data-testid="audit-filter">
            {field(t.who, view! { <input name="actor" placeholder=t.who_hint value=actor.clone() /> })}
            {field(t.action, view! { <select name="action">{choice("", t.any, action)}{actions}</select> })}
            {field(t.outcome, view! { <select name="outcome">{outcomes}</select> })}
            <button class="button">{t.show}</button>
        </form>
    }
    .into_any()
}

fn table(t: &'static AuditTexts, rows: &[AuditRow]) -> AnyView {
    let rows = rows.iter().map(|record| row(t, record)).collect_view();
    let heads = [t.time, t.who, t.action, t.target, t.from, t.outcome];
    let heads = heads.map(|head| view! { <th scope="col">{head}</th> }).collect_view();
    view! {
        <table class="table stacked texts" data-testid="audit">
            <thead>
                <tr>{heads}</tr>
            </thead>
            <tbody>{rows}</tbody>
        </table>
    }
    .into_any()
}

fn row(t: &'static AuditTexts, record: &AuditRow) -> AnyView {
    let shown = format!("{} UTC", clock::full(&record.time, false));
    let mut link = String::from("/?at=");
    encode(&mut link, &record.id);
    let forwarded = (!record.forwarded.is_empty()).then(|| {
        view! { <br /><span class="quiet">{(t.for_client)(&record.forwarded)}</span> }
    });
    let outcome = if record.is_refused { t.refused } else { t.done };
    let count = (record.count > 1).then(|| format!(" · {}", (t.times)(record.count)));
    let reason =
        (!record.reason.is_empty()).then(|| view! { <br /><span class="quiet">{record.reason.clone()}</span> });
    view! {
        <tr data-testid="audit-record" data-action=record.action.clone()>
            <td><a class="link" href=link><time datetime=record.time.clone()>{shown}</time></a></td>
            <td data-label=t.who>{record.actor.clone()}</td>
            <td data-label=t.action><code>{record.action.clone()}</code></td>
            <td data-label=t.target class="long">{record.target.clone()}</td>
            <td data-label=t.from>{record.source.clone()}{forwarded}</td>
            <td data-label=t.outcome class="long">{outcome}{count}{reason}</td>
        </tr>
    }
    .into_any()
}

fn links(t: &'static AuditTexts, page: &AuditPage<'_>) -> AnyView {
    let AuditFilter { actor, action, outcome } = page.filter;
    let address = |before: Option<&str>| {
        let mut query = String::new();
        let fields = [("actor", actor.as_str()), ("action", action.as_str()), ("outcome", outcome.as_str())];
        for (name, value) in fields.into_iter().chain(before.map(|before| ("before", before))) {
            if !value.is_empty() {
                append(&mut query, name, value);
            }
        }
        format!("{AUDIT_PATH}{query}")
    };
    let searched = page.searched_back_to.map(|time| {
        let shown = format!("{} UTC", clock::full(time, false));
        view! { <p class="quiet">{t.searched_back_to}" "<time datetime=time.to_owned()>{shown}</time></p> }
    });
    let newest =
        page.before.map(|_| view! { <a class="button" href=address(None) data-testid="newest">{t.newest}</a> });
    let older = page.next.map(|next| {
        view! { <a class="button" href=address(Some(next)) rel="next" data-testid="older">{t.older}</a> }
    });
    let mut explore = String::new();
    append(&mut explore, "q", page.query);
    view! {
        {searched}
        <p class="acts">
            {newest}
            {older}
            <a class="button" href=format!("/{explore}") data-testid="to-explore">{t.explore}</a>
            <a class="button" href="/system">{t.back}</a>
        </p>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::SitePath;

    fn page<'a>(filter: &'a AuditFilter, rows: &'a [AuditRow]) -> AuditPage<'a> {
        AuditPage {
            filter,
            actions: &["log-in", "key.created"],
            rows,
            before: None,
            next: Some("1.2"),
            searched_back_to: None,
            query: "service:logboom audit:true",
            error: None,
        }
    }

    #[test]
    fn a_record_is_shown_with_its_time_and_nothing_of_it_is_markup() {
        let (headers, site) = (HeaderMap::new(), SitePath("/v/1".to_owned()));
        let visit = Visit { headers: &headers, query: "", site: &site };
        let row = AuditRow {
            id: "0190".to_owned(),
            time: "2026-01-02T03:04:05.678000000Z".to_owned(),
            actor: "user kim".to_owned(),
            action: "log-in".to_owned(),
            target: "<script>x".to_owned(),
            source: "10.0.0.7".to_owned(),
            forwarded: "203.0.113.9".to_owned(),
            is_refused: true,
            reason: "<b>wrong".to_owned(),
            count: 5,
        };
        let filter = AuditFilter { actor: "\"><i>".to_owned(), action: "log-in".to_owned(), ..AuditFilter::default() };
        let page = page(&filter, std::slice::from_ref(&row));
        let answer = audit_page(&visit, &page);
        let html = answer.html();
        for part in [
            "datetime=\"2026-01-02T03:04:05.678000000Z\"",
            "2026-01-02 03:04:05.678 UTC",
            "user kim",
            "10.0.0.7",
            "for 203.0.113.9",
            "5 times",
            "/v/1/times.js",
            "href=\"/?q=service:logboom+audit:true\"",
        ] {
            assert!(html.contains(part), "{part} in {html}");
        }
        for markup in ["<script>x", "<b>", "<i>"] {
            assert!(!html.contains(markup), "{markup} in {html}");
        }
        assert!(html.contains("action=log-in") && html.contains("before=1.2"), "{html}");
    }

    #[test]
    fn each_language_has_a_page_for_no_records() {
        let (headers, site) = (HeaderMap::new(), SitePath::default());
        for (query, language) in [("language=en", Language::English), ("language=ko", Language::Korean)] {
            let visit = Visit { headers: &headers, query, site: &site };
            let filter = AuditFilter::default();
            let page = AuditPage { next: None, error: Some("no such <b>"), ..page(&filter, &[]) };
            let answer = audit_page(&visit, &page);
            let html = answer.html();
            assert!(html.contains(of(language).none) && html.contains("no such &lt;b&gt;"), "{html}");
            assert!(!html.contains("data-testid=\"older\""), "{html}");
        }
    }
}
