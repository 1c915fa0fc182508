//! The message patterns among the matches, and which of them are new.

use leptos::{prelude::*, task::spawn_local};
use model::{
    LevelClass,
    api::{PatternView, PatternsView},
    pattern::{Piece, pieces},
};

use super::failure::Failure;
use crate::{
    components::{awaited, loading, notice, spark},
    server_functions::{self, RequestState},
    state::{
        clock,
        explorer::Explorer,
        filter,
        histogram::{grouped, short},
        shown::shown,
        view::Search,
    },
    texts::texts,
};

#[component]
pub(super) fn Patterns() -> impl IntoView {
    let explorer = Explorer::expect();
    let patterns = RequestState::new(move || {
        (server_functions::patterns(explorer.search.with(Search::patterns)), explorer.reload.get())
    });
    let content = move || {
        patterns.get().map(|answer| match answer {
            Ok(patterns) => table(explorer, patterns),
            Err(error) => view! { <Failure error /> }.into_any(),
        })
    };
    view! {
        <div class="patterns" data-testid="patterns">
            {awaited(loading, move || content().into_any())}
        </div>
    }
    .into_any()
}

fn table(explorer: Explorer, patterns: PatternsView) -> AnyView {
    let t = texts();
    if patterns.patterns.is_empty() {
        return notice("loading", "no-patterns", t.no_match_text.to_owned());
    }
    let (records, back_to, complete) = (patterns.records, patterns.searched_back_to, patterns.complete);
    let caption = move || {
        if complete {
            (t.patterns_of_all)(records)
        } else {
            (t.patterns_of)(records, &clock::full(&back_to, explorer.local_time.get()))
        }
    };
    let lines = patterns.patterns.into_iter().map(|pattern| line(explorer, pattern)).collect_view();
    view! {
        <p class="patterns-caption">{move || caption()}</p>
        <ul>{lines}</ul>
    }
    .into_any()
}

fn line(explorer: Explorer, pattern: PatternView) -> AnyView {
    let t = texts();
    let class = most_severe(&pattern);
    let url = |out| {
        (!pattern.query.is_empty()).then(|| {
            explorer.view.with_untracked(|view| {
                let query = filter::with_text(&view.search.query, &pattern.query, out);
                view.with_query(query)
            })
        })
    };
    let only = url(false).map(|view| view.with_show(crate::state::view::Show::Records).url());
    let hide = url(true).map(|view| view.url());
    let actions = only.zip(hide).map(|(only, hide)| {
        view! {
            <a class="link" href=only data-testid="pattern-only">{t.pattern_only}</a>
            <a class="link" href=hide data-testid="pattern-hide">{t.pattern_hide}</a>
        }
    });
    let is_new = (pattern.is_new == Some(true))
        .then(|| view! { <b class="badge" title=t.pattern_new_hint data-testid="pattern-new">{t.pattern_new}</b> });
    let example = shown(&pattern.example.message);
    let example_url = explorer.view.with_untracked(|view| {
        view.with_show(crate::state::view::Show::Records).with_at(Some(pattern.example.id.clone())).url()
    });
    view! {
        <li class=format!("pattern level-{class}") data-testid="pattern" data-count=pattern.count.to_string()>
            <span class="pattern-count" title=grouped(pattern.count)>{short(pattern.count)}</span>
            {spark(&pattern.spark)}
            <span class="level"><span class="shape" aria-hidden="true"></span>{class.name()}</span>
            <details>
                <summary title=t.pattern_more>{is_new} {template(&pattern.template)}</summary>
                <dl>
                    <div><dt>{t.pattern_example}</dt><dd><a class="link-plain" href=example_url>{example}</a></dd></div>
                    <div><dt>{t.service}</dt><dd>{shown(&pattern.services.join(", "))}</dd></div>
                    <FirstSeen query=pattern.query.clone() />
                </dl>
            </details>
            <span class="pattern-acts">{actions}</span>
        </li>
    }
    .into_any()
}

/// The template with its varying parts highlighted.
fn template(template: &str) -> AnyView {
    let piece = |piece| match piece {
        Piece::Text(text) => view! { <span>{shown(text)}</span> }.into_any(),
        Piece::Mark(name) => {
            let name = if name == "*" { "…" } else { name };
            view! { <i>{name.to_owned()}</i> }.into_any()
        }
    };
    view! { <code>{pieces(template).into_iter().map(piece).collect_view()}</code> }.into_any()
}

/// Requested only on click, because it scans everything stored.
#[component]
fn FirstSeen(query: String) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let found = RwSignal::new(None::<String>);
    let asking = RwSignal::new(false);
    let has_query = !query.is_empty();
    let ask = move |_| {
        let query = query.clone();
        asking.set(true);
        spawn_local(async move {
            let answer = server_functions::first_seen(query).await;
            let _ = found.try_set(Some(match answer {
                Ok(Some(time)) => (t.pattern_first)(&clock::full(&time, explorer.local_time.get_untracked())),
                Ok(None) => t.beside_missing.to_owned(),
                Err(error) => error.message,
            }));
        });
    };
    let ask = StoredValue::new(ask);
    view! {
        <div>
            <dt></dt>
            <dd data-testid="first-seen">
                {move || match found.get() {
                    Some(text) => text.into_any(),
                    None if asking.get() => t.loading.into_any(),
                    None if has_query => view! {
                        <button type="button" class="link" data-testid="ask-first-seen" on:click=move |event| ask.with_value(|ask| ask(event))>{t.pattern_first_seen}</button>
                    }
                    .into_any(),
                    None => ().into_any(),
                }}
            </dd>
        </div>
    }
    .into_any()
}

fn most_severe(pattern: &PatternView) -> LevelClass {
    LevelClass::ALL
        .into_iter()
        .rev()
        .find(|class| pattern.levels.contains_key(class.name()))
        .unwrap_or(LevelClass::Info)
}
