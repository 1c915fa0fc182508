//! One row of the list.

use std::sync::Arc;

use leptos::{either::Either, prelude::*};
use model::{api::RecordView, query::Field};

use super::detail::Detail;
use crate::{
    state::{
        clock::clock,
        explorer::{Explorer, RowSignals},
        feed::Item,
        highlight,
        shown::shown,
    },
    texts::texts,
};

/// The number of characters of a message in a row; the detail shows all.
const LINE_CHARACTERS: usize = 1_000;

/// A record, or a note about skipped records.
pub(super) fn item(item: &Item, terms: &[String], explorer: Explorer, signals: RowSignals) -> impl IntoView + use<> {
    match item {
        Item::Record(record) => Either::Left(row(record, terms, explorer, signals)),
        Item::Gap(count) => Either::Right(gap(*count)),
    }
}

fn gap(count: u64) -> impl IntoView {
    let t = texts();
    view! { <p class="gap" data-testid="gap" title=t.skipped_hint>{(t.skipped)(count)}</p> }
}

fn row(record: &Arc<RecordView>, terms: &[String], explorer: Explorer, signals: RowSignals) -> impl IntoView + use<> {
    let t = texts();
    let class = record.class();
    let time = record.time.clone();
    let clock = move || {
        let cut = clock(&time, signals.local_time.get());
        view! { <span class="day">{cut.day}" "</span>{cut.time}<span class="fraction">{cut.fraction}</span> }
    };
    let id = record.id.clone();
    let is_open = move || signals.open.with(|open| open.as_deref() == Some(id.as_str()));
    let is_expanded = is_open.clone();
    let detail = {
        let record = record.clone();
        move || is_open().then(|| view! { <Detail record=record.clone() /> }.into_any())
    };
    let columns = {
        let record = record.clone();
        move || {
            let cell = |column: String| {
                let value = shown(&cell(&record, &column));
                let title = format!("{}: {value}", shown(&column));
                view! { <span class="cell" title=title>{value}</span> }
            };
            signals.columns.get().into_iter().map(cell).collect_view()
        }
    };
    let shortened = shorten(&record.message);
    let pieces = highlight::pieces(shortened, terms)
        .into_iter()
        .map(|(is_term, piece)| {
            let piece = shown(piece);
            if is_term { Either::Left(view! { <mark>{piece}</mark> }) } else { Either::Right(piece) }
        })
        .collect_view();
    let url = explorer.view.with_untracked(|view| view.with_at(Some(record.id.clone())).url());
    view! {
        <article
            class=format!("row level-{class}")
            id=format!("r-{}", record.id)
            tabindex="-1"
            data-testid="log-row"
            data-id=record.id.clone()
            data-position=record.position.clone()
            data-level=record.level.clone()
            data-service=record.service.clone()
            data-trace=record.trace_id.clone()
        >
            <div class="line">
                <a class="time" href=url aria-expanded=move || is_expanded().to_string() title=t.open_record>
                    <time datetime=record.time.clone()>{move || clock()}</time>
                </a>
                <span class="level"><span class="shape" aria-hidden="true"></span>{shown(&record.level)}</span>
                <span class="service" title=shown(&record.node)>{shown(&record.service)}</span>
                {move || columns()}
                <span class="message" data-testid="log-message">
                    {pieces}
                    {(shortened.len() < record.message.len()).then_some("…")}
                </span>
            </div>
            {move || detail()}
        </article>
    }
}

/// The record's value in the column of a field.
fn cell(record: &RecordView, column: &str) -> String {
    let id = |id: &Option<String>| id.clone().unwrap_or_default();
    match Field::parse_name(column) {
        Some(Field::Level) => record.level.clone(),
        Some(Field::Service) => record.service.clone(),
        Some(Field::Node) => record.node.clone(),
        Some(Field::TraceId) => id(&record.trace_id),
        Some(Field::SpanId) => id(&record.span_id),
        Some(Field::Id) => record.id.clone(),
        Some(Field::Attribute(key)) => record.attributes.get(key.as_str()).map(ToString::to_string).unwrap_or_default(),
        _ => String::new(),
    }
}

fn shorten(message: &str) -> &str {
    match message.char_indices().nth(LINE_CHARACTERS) {
        Some((end, _)) => message.get(..end).unwrap_or(message),
        None => message,
    }
}
