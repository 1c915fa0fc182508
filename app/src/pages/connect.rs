//! Connect: snippets for a first log, and a live view of its arrival. The server renders how a program gets a key, as
//! HTML whose form needs no JavaScript.

use leptos::prelude::*;
use model::api::SnippetView;

use crate::{
    backend::ConnectView,
    components::{Icon, IconName, Page, TopBar, awaited, copy_text, loading, origin},
    effect::effect,
    live::{self, First},
    preferences::Preferences,
    server_functions::{self, RequestState},
    texts::texts,
};

/// The page at `/connect`.
#[component]
pub(super) fn Connect() -> impl IntoView {
    let t = texts();
    let theme = RwSignal::new(use_context::<Preferences>().unwrap_or_default().theme);
    let origin = origin();
    let content = RequestState::new(move || (server_functions::connect(origin.clone()), 0));
    let first = First { record: RwSignal::new(None) };
    effect(move |begins| {
        if begins {
            live::wait_for_first(first);
        }
    });
    let arrived = move || {
        match first.record.get() {
        Some(record) => {
            let url = format!("/?at={}", record.id);
            view! {
                <p class="came" data-testid="first-line">
                    <b>{t.connect_came}</b>
                    <code class=format!("level-{}", record.class())>
                        <span class="shape" aria-hidden="true"></span>
                        {record.service.clone()}" "{record.message.clone()}
                    </code>
                    <a class="link" href=url>{t.connect_look}</a>
                </p>
            }
            .into_any()
        }
        None => view! {
            <p class="waiting" data-testid="waiting-line"><span class="dot" aria-hidden="true"></span>{t.connect_waiting}</p>
        }
        .into_any(),
    }
    };
    view! {
        <div class="page">
            <TopBar page=Page::Connect theme />
            <main class="sheet">
                <h1>{t.connect_title}</h1>
                <p class="quiet">{t.connect_text}</p>
                <div role="status">{move || arrived()}</div>
                {awaited(loading, move || match content.get() {
                    None => ().into_any(),
                    Some(Err(error)) => view! { <p role="alert">{error.message}</p> }.into_any(),
                    Some(Ok(ConnectView { key, snippets })) => {
                        let index = index(&snippets);
                        view! {
                            <div inner_html=key></div>
                            {index}
                            {snippets.into_iter().map(section).collect_view()}
                        }
                        .into_any()
                    }
                })}
            </main>
        </div>
    }
    .into_any()
}

fn section(snippet: SnippetView) -> impl IntoView {
    let t = texts();
    let SnippetView { name, title, text, needs, note, .. } = snippet;
    let copied = text.clone();
    let copy = (t.copy)(&title);
    let needs = needs.map(|needs| view! { <p class="quiet">{t.connect_needs}" "<code>{needs}</code></p> });
    let note = note.map(|note| view! { <p class="quiet">{note}</p> });
    let test_id = format!("snippet-{name}");
    view! {
        <section class="snippet" id=name>
            <h2>
                {title}
                <button type="button" class="act" title=copy.clone() aria-label=copy on:click=move |_| copy_text(&copied)>
                    <Icon name=IconName::Copy />
                </button>
            </h2>
            {needs}
            {note}
            <pre tabindex="0" data-testid=test_id>{text}</pre>
        </section>
    }
    .into_any()
}

/// Links to all snippets.
fn index(snippets: &[SnippetView]) -> AnyView {
    let link = |snippet: &SnippetView| {
        view! { <a class="link" href=format!("#{}", snippet.name)>{snippet.title.clone()}</a> }.into_any()
    };
    view! { <nav class="index">{snippets.iter().map(link).collect_view()}</nav> }.into_any()
}
