//! One line of the list.

use std::sync::Arc;

use leptos::{either::Either, prelude::*};
use model::{LevelClass, Severity, api::RecordView};

use super::detail::Detail;
use crate::{
    state::{clock::clock, explorer::Explorer, feed::Item, highlight},
    texts::texts,
};

/// The characters of a message that a line shows; the rest is in the detail.
const LINE_CHARACTERS: usize = 1_000;

/// A record, or the note that some are left out.
pub(super) fn item(item: &Item, terms: &[String], explorer: Explorer) -> impl IntoView + use<> {
    match item {
        Item::Record(record) => Either::Left(row(record, terms, explorer)),
        Item::Gap(count) => Either::Right(gap(*count)),
    }
}

fn gap(count: u64) -> impl IntoView {
    let t = texts();
    view! { <p class="gap" data-testid="gap" title=t.skipped_hint>{(t.skipped)(count)}</p> }
}

fn row(record: &Arc<RecordView>, terms: &[String], explorer: Explorer) -> impl IntoView + use<> {
    let t = texts();
    let class = level_class(record);
    let time = record.time.clone();
    let clock = move || {
        let cut = clock(&time, explorer.local_time.get());
        view! { <span class="day">{cut.day}" "</span>{cut.time}<span class="fraction">{cut.fraction}</span> }
    };
    let id = record.id.clone();
    let is_open = move || explorer.view.with(|view| view.at.as_deref() == Some(id.as_str()));
    let is_expanded = is_open.clone();
    let detail = {
        let record = record.clone();
        move || is_open().then(|| view! { <Detail record=record.clone() /> }.into_any())
    };
    let shortened = shorten(&record.message);
    let pieces = highlight::pieces(shortened, terms)
        .into_iter()
        .map(|(is_term, piece)| {
            let piece = piece.to_owned();
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
        >
            <div class="line">
                <a class="time" href=url aria-expanded=move || is_expanded().to_string() title=t.open_record>
                    <time datetime=record.time.clone()>{clock}</time>
                </a>
                <span class="level"><span class="shape" aria-hidden="true"></span>{record.level.clone()}</span>
                <span class="service" title=record.node.clone()>{record.service.clone()}</span>
                <span class="message" data-testid="log-message">
                    {pieces}
                    {(shortened.len() < record.message.len()).then_some("…")}
                </span>
            </div>
            {detail}
        </article>
    }
}

/// The class by which a record is coloured.
pub(super) fn level_class(record: &RecordView) -> LevelClass {
    Severity::new(record.severity).unwrap_or(Severity::INFO).class()
}

fn shorten(message: &str) -> &str {
    match message.char_indices().nth(LINE_CHARACTERS) {
        Some((end, _)) => message.get(..end).unwrap_or(message),
        None => message,
    }
}
