//! System: the engines, their content and their losses.

use leptos::prelude::*;
use leptos_router::hooks::use_location;
use model::api::FiguresView;

use super::figures::{of_all, page};
use crate::{
    access_note::access_note,
    components::{Page, awaited},
    live::Figures,
    server_functions::{self, RequestState},
    state::histogram::grouped,
    texts::texts,
};

/// The page at `/system`.
#[component]
pub(super) fn System() -> impl IntoView {
    page(Page::System, content)
}

/// A label and a live value.
type Fact = (&'static str, fn(&FiguresView) -> String);

fn content(figures: Figures) -> impl IntoView {
    let t = texts();
    let queue: &[Fact] = &[
        (t.engine, |view| view.queue.engine.clone()),
        (t.health, |view| health(view.queue.trouble.as_deref())),
        (t.waiting_batches, |view| match view.queue.newer {
            0 => of_all(view, grouped(view.queue.depth)),
            newer => (texts().newer_batches)(&grouped(view.queue.depth), &grouped(newer)),
        }),
    ];
    let store: &[Fact] = &[
        (t.engine, |view| view.store.engine.clone()),
        (t.health, |view| health(view.store.trouble.as_deref())),
        (t.records, |view| of_all(view, grouped(view.store.records))),
        (t.bytes_on_disk, |view| bytes(view.store.bytes)),
        (t.bytes_per_record, |view| match (view.store.bytes, view.store.records) {
            (0, _) | (_, 0) => texts().no_figure.to_owned(),
            (bytes, records) => format!("{:.1}", bytes as f64 / records as f64),
        }),
    ];
    let kept: &[Fact] = &[
        (t.kept_for, |view| view.retention.age.clone().unwrap_or_else(|| texts().for_ever.to_owned())),
        (t.kept_bytes, |view| view.retention.bytes.map_or_else(|| texts().unbounded.to_owned(), bytes)),
    ];
    let process: &[Fact] = &[
        (t.version, |view| view.version.clone()),
        (t.uptime, |view| duration(view.uptime_seconds)),
        (t.memory, |view| bytes(view.memory_bytes)),
        (t.tails, |view| of_all(view, grouped(view.tails))),
    ];
    // Retention per service does not change while the server runs.
    let services = figures.view.with_untracked(|view| view.retention.services.clone());
    let services = services
        .into_iter()
        .map(|(service, age)| view! { <div><dt>{(t.kept_service)(&service)}</dt><dd>{age}</dd></div> })
        .collect_view();
    view! {
        <h1 class="unseen">{t.place_system}</h1>
        <div class="cards">
            {card(figures, "queue", t.queue, queue, ().into_any())}
            {card(figures, "store", t.store, store, ().into_any())}
            {card(figures, "retention", t.retention, kept, services.into_any())}
            {card(figures, "process", t.process, process, ().into_any())}
        </div>
        {access_note().may_admin.then(|| view! {
            <p class="index"><a class="link" href="/system/access" data-testid="to-access">{t.place_access}</a></p>
        })}
        <Losses />
    }
}

fn card(figures: Figures, name: &'static str, title: &'static str, facts: &[Fact], more: AnyView) -> AnyView {
    let lines = facts
        .iter()
        .map(|(label, value)| {
            let value = *value;
            view! { <div><dt>{*label}</dt><dd>{move || figures.view.with(value)}</dd></div> }
        })
        .collect_view();
    let bad = move || {
        figures.view.with(|view| match name {
            "queue" => view.queue.trouble.is_some(),
            "store" => view.store.trouble.is_some(),
            _ => false,
        })
    };
    view! {
        <section class="card" class:bad=move || bad() data-testid=format!("card-{name}")>
            <h2>{title}</h2>
            <dl>{lines} {more}</dl>
        </section>
    }
    .into_any()
}

fn health(trouble: Option<&str>) -> String {
    trouble.unwrap_or(texts().well).to_owned()
}

/// Formats bytes in decimal units: `1.2 GB`.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        0 => texts().no_figure.to_owned(),
        1..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

/// Formats a duration in its two largest units: `3 d 4 h`.
fn duration(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// Damaged files, dead letters and tasks. The server renders the HTML; its links and forms need no JavaScript.
#[component]
fn Losses() -> impl IntoView {
    let search = use_location().search;
    let losses = RequestState::new(move || (server_functions::losses(search.get()), 0));
    let content = move || {
        losses.get().map(|answer| match answer {
            Ok(html) => view! { <div inner_html=html></div> }.into_any(),
            Err(error) => view! { <p class="quiet" role="alert">{error.message}</p> }.into_any(),
        })
    };
    awaited(|| ().into_any(), move || content().into_any())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_are_short() {
        assert_eq!([0, 12, 54_321, 2_500_000_000].map(bytes), ["–", "12 B", "54.3 kB", "2.5 GB"]);
        assert_eq!([5, 65, 3_700, 100_000].map(duration), ["5 s", "1 min 5 s", "1 h 1 min", "1 d 3 h"]);
    }
}
