//! `/system/audit`: the audit records, newest first, as a page for admins. As JSON they are records like others:
//! `/api/v1/logs?query=service:logboom audit:true`.

use access::{Need, Principal};
use app::pages::{AuditFilter, AuditPage, AuditRow, Visit, audit_page};
use axum::{
    Extension,
    extract::{RawQuery, State},
    http::HeaderMap,
    response::{IntoResponse as _, Response},
};
use model::{
    Query, TimeRange, Value,
    api::{LogsPage, RecordView},
    audit,
    query::{Expr, Field, Test},
};
use pipeline::ErrorClass;

use super::problem::Problem;
use crate::{audit::Action, gate::Routes, state::AuditState};

/// The records of a page.
const RECORDS: usize = 100;
/// The time limit of a page. After it the page shows the matches so far.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// The most characters of a filter.
const FILTER_CHARS: usize = 200;
/// What the name of a caller may begin with, before the name that people use.
const KINDS: [&str; 4] = ["", "user ", "key ", "certificate "];

pub(super) fn routes() -> Routes<AuditState> {
    Routes::new().get("/system/audit", Need::Admin, show)
}

async fn show(
    State(state): State<AuditState>,
    Extension(principal): Extension<Principal>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query = query.unwrap_or_default();
    let (filter, before) = parameters(&query);
    let asked = query_of(&filter);
    let text = asked.to_string();
    let reader = state.reader.seen_by(principal.sight());
    let found = reader.logs(asked, TimeRange::ALL, RECORDS, before.as_deref(), PATIENCE).await;
    let (found, error) = match found {
        Ok(found) => (found, None),
        Err(error) if matches!(error.class, ErrorClass::Corrupt | ErrorClass::Internal) => {
            return Problem::from(error).into_response();
        }
        Err(error) => (LogsPage::default(), Some(error.message)),
    };
    let rows: Vec<AuditRow> = found.records.into_iter().map(row).collect();
    let page = AuditPage {
        filter: &filter,
        actions: &Action::ALL.map(Action::name),
        rows: &rows,
        before: before.as_deref(),
        next: found.next_cursor.as_deref(),
        searched_back_to: Some(found.searched_back_to.as_str()).filter(|_| found.partial),
        query: &text,
        error: error.as_deref(),
    };
    audit_page(&Visit { headers: &headers, query: &query, site: &state.site }, &page).into_response()
}

/// The filter and the cursor in a URL. Unknown parameters are ignored: the page has also those of theme and language.
fn parameters(query: &str) -> (AuditFilter, Option<String>) {
    let (mut filter, mut before) = (AuditFilter::default(), None);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let text = || value.trim().chars().take(FILTER_CHARS).collect::<String>();
        match &*name {
            "actor" => filter.actor = text(),
            "action" => filter.action = text(),
            "outcome" => filter.outcome = text(),
            "before" => before = Some(text()).filter(|before| !before.is_empty()),
            _ => {}
        }
    }
    (filter, before)
}

/// The query for the records of a filter.
fn query_of(filter: &AuditFilter) -> Query {
    let field = |name: &str| Field::Attribute(format!("{}.{name}", audit::ATTRIBUTE));
    let mut query = audit::query();
    for (name, value) in [("action", &filter.action), ("outcome", &filter.outcome)] {
        if !value.is_empty() {
            query = query.and(Query::field_equals(field(name), value));
        }
    }
    if !filter.actor.is_empty() {
        let names = KINDS.map(|kind| Expr::Field(field("actor"), Test::Prefix(format!("{kind}{}", filter.actor))));
        query = query.and(Query { expr: Expr::or(names) });
    }
    query
}

fn row(record: RecordView) -> AuditRow {
    let text = |name: &str| {
        let value = record.attributes.get(&format!("{}.{name}", audit::ATTRIBUTE));
        value.map(ToString::to_string).unwrap_or_default()
    };
    let count = match record.attributes.get("audit.count") {
        Some(Value::Int(count)) => count.unsigned_abs(),
        _ => 1,
    };
    AuditRow {
        actor: text("actor"),
        action: text("action"),
        target: text("target"),
        source: text("source"),
        forwarded: text("forwarded"),
        is_refused: text("outcome") == "refused",
        reason: text("reason"),
        count,
        id: record.id,
        time: record.time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_of_a_page_is_a_query_that_explore_reads() {
        let query = |parameters: &str| query_of(&super::parameters(parameters).0).to_string();
        assert_eq!(query("theme=dark"), "service:logboom audit:true");
        let all = query("actor=+kim+&action=log-in&outcome=refused");
        assert_eq!(Query::parse(&all), Ok(query_of(&parameters("actor=kim&action=log-in&outcome=refused").0)), "{all}");
        for part in ["audit.action:log-in", "audit.outcome:refused", "audit.actor:kim*", "user kim"] {
            assert!(all.contains(part), "{part} in {all}");
        }
        let long = "x".repeat(2 * FILTER_CHARS);
        assert_eq!(parameters(&format!("actor={long}&before=1.2")).0.actor.len(), FILTER_CHARS);
        assert_eq!(parameters("before=1.2").1.as_deref(), Some("1.2"));
        assert_eq!(parameters("before=").1, None);
    }
}
