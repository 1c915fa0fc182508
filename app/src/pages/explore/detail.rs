//! All fields of one record, with the actions on each.

use std::sync::Arc;

use leptos::prelude::*;
use model::{
    api::RecordView,
    query::{Expr, Field},
};

use crate::{
    components::{Icon, IconName, copy_text},
    state::{clock, explorer::Explorer, filter, shown::shown, view::Beside},
    texts::texts,
};

/// The length of a message, in bytes, that fits in the row on most screens.
const SHORT_MESSAGE: usize = 100;

/// One listed field.
struct Entry {
    name: String,
    value: String,
    /// The filter for records with the same value.
    part: Option<Expr>,
}

/// The expanded part of a row.
#[component]
pub(super) fn Detail(record: Arc<RecordView>) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let beside = move |beside: Beside| explorer.view.with(|view| view.with_beside(Some(beside)).url());
    let trace = record.trace_id.clone().map(|trace| {
        let url = move || beside(Beside::Trace(trace.clone()));
        view! { <a class="link" href=move || url() data-testid="show-trace">{t.show_trace}</a> }
    });
    let context = {
        let id = record.id.clone();
        move || beside(Beside::Context(id.clone()))
    };
    let json = serde_json::to_string_pretty(&*record).unwrap_or_default();
    let id = record.id.clone();
    let link = move || {
        let url = explorer.view.with_untracked(|view| view.with_at(Some(id.clone())).url());
        format!("{}{url}", location().origin().unwrap_or_default())
    };
    let fields = {
        let record = record.clone();
        move || {
            let entries = entries(&record, explorer.local_time.get());
            entries.into_iter().map(|entry| line(entry, explorer)).collect_view()
        }
    };
    // The row already shows a short message.
    let is_long = record.message.len() > SHORT_MESSAGE || record.message.contains('\n');
    let message = is_long.then(|| {
        view! { <p class="message-full" data-testid="row-message">{shown(&record.message)}</p> }
    });
    view! {
        <div class="detail" data-testid="row-detail">
            {message}
            <div class="detail-tools">
                <a class="link" href=move || context() data-testid="show-context">{t.context}</a>
                {trace}
                <button type="button" class="link" data-testid="copy-link" on:click=move |_| copy_text(&link())>{t.copy_link}</button>
                <button type="button" class="link" data-testid="copy-json" on:click=move |_| copy_text(&json)>{t.copy_json}</button>
            </div>
            <dl>{move || fields()}</dl>
        </div>
    }.into_any()
}

fn line(entry: Entry, explorer: Explorer) -> impl IntoView {
    let t = texts();
    let Entry { name, value, part } = entry;
    let (label, text, copied) = (shown(&name), shown(&value), value);
    let can_be_column = !matches!(name.as_str(), "level" | "service" | "id") && part.is_some();
    let column = can_be_column.then(|| {
        let text = (t.column_add)(&label);
        let field = name.clone();
        let url = move || explorer.view.with(|view| view.toggle_column(&field).url());
        view! {
            <a class="act" href=move || url() title=text.clone() aria-label=text data-testid="as-column" data-field=name.clone()>
                <Icon name=IconName::Column />
            </a>
        }
        .into_any()
    });
    let part_text = part.as_ref().map(|part| filter::with("", part, false));
    let actions = part.map(|part| {
        let url = |out| {
            explorer.view.with_untracked(|view| view.with_query(filter::with(&view.search.query, &part, out)).url())
        };
        let (only, without) = ((t.filter_in)(&label), (t.filter_out)(&label));
        view! {
            <a class="act" href=url(false) title=only.clone() aria-label=only data-testid="filter-in" data-field=name.clone()>
                <Icon name=IconName::Plus />
            </a>
            <a class="act" href=url(true) title=without.clone() aria-label=without data-testid="filter-out" data-field=name.clone()>
                <Icon name=IconName::Minus />
            </a>
        }
    });
    let actions = match actions {
        Some(actions) => actions.into_any(),
        None => view! { <span class="act-space"></span> }.into_any(),
    };
    let copy = (t.copy)(&label);
    view! {
        <div class="field" data-field=name data-part=part_text>
            <dt>{label}</dt>
            <dd>
                <span class="acts">
                    {actions}
                    <button type="button" class="act" title=copy.clone() aria-label=copy data-testid="copy-field" on:click=move |_| copy_text(&copied)>
                        <Icon name=IconName::Copy />
                    </button>
                    {column.unwrap_or_else(|| view! { <span class="act"></span> }.into_any())}
                </span>
                <span class="value">{text}</span>
            </dd>
        </div>
    }
}

/// The fields in the order of interest: content and origin first, ids last.
fn entries(record: &RecordView, local: bool) -> Vec<Entry> {
    let plain = |name: &str, value: String| Entry { name: name.into(), value, part: None };
    let value = |name: &str, field: Field, value: &str| Entry {
        name: name.into(),
        value: value.into(),
        part: filter::value_part(field, value),
    };
    let t = texts();
    let level = Entry {
        name: "level".into(),
        value: record.level.clone(),
        part: filter::value_part(Field::Level, &record.level),
    };
    let mut entries = vec![plain(t.time, time_text(&record.time, local)), level];
    if !record.service.is_empty() {
        entries.push(value("service", Field::Service, &record.service));
    }
    if !record.node.is_empty() {
        entries.push(value("node", Field::Node, &record.node));
    }
    entries.extend(
        record.attributes.iter().map(|(key, content)| value(key, Field::Attribute(key.clone()), &content.to_string())),
    );
    entries.extend(record.trace_id.iter().map(|id| value("trace_id", Field::TraceId, id)));
    entries.extend(record.span_id.iter().map(|id| value("span_id", Field::SpanId, id)));
    entries.push(plain("id", record.id.clone()));
    entries.push(plain(t.observed_time, time_text(&record.observed_time, local)));
    entries
}

/// The local time, followed by the exact time.
fn time_text(rfc3339: &str, local: bool) -> String {
    if local { format!("{}  ({rfc3339})", clock::full(rfc3339, true)) } else { rfc3339.to_owned() }
}
