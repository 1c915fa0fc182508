//! The head of the page: search box, time range, live status, tools.

use leptos::{ev::SubmitEvent, html::Input, prelude::*};

use super::{range::RangeSelect, status::LiveStatus};
use crate::{
    components::{Icon, IconName, LanguageToggle, Logo, ThemeToggle},
    preferences::Theme,
    state::{explorer::Explorer, filter},
    texts::texts,
};

/// A plain GET form, so that searching works before and without WebAssembly.
#[component]
pub(super) fn Head(theme: RwSignal<Theme>) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let input = NodeRef::<Input>::new();
    let query = move || explorer.search.with(|search| search.query.clone());
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(input) = input.get_untracked() {
            explorer.go(&explorer.view.get_untracked().with_query(input.value().trim().to_owned()));
            // The keys mean moving about again.
            let _ = input.blur();
        }
    };
    view! {
        <header class="head">
            <a class="home" href="/" aria-label=t.home>
                <Logo />
                <span class="wordmark">"logboom"</span>
            </a>
            <form class="search" method="get" action="/" role="search" on:submit=submit>
                <label class="search-box">
                    <Icon name=IconName::Search />
                    <span class="unseen">{t.search_label}</span>
                    <input
                        node_ref=input
                        type="search"
                        name="q"
                        id="search"
                        value=explorer.search.with_untracked(|search| search.query.clone())
                        prop:value=query
                        placeholder=t.search_hint
                        autocomplete="off"
                        autocapitalize="off"
                        spellcheck="false"
                        maxlength=model::limits::QUERY_BYTES.to_string()
                        data-testid="search-input"
                    />
                    <kbd aria-hidden="true">"/"</kbd>
                </label>
                <RangeSelect />
                <button type="submit" class="button" data-testid="search-submit">{t.search_go}</button>
            </form>
            <LiveStatus />
            <nav class="tools">
                <LanguageToggle />
                <ThemeToggle theme />
                <button
                    type="button"
                    class="tool"
                    title=format!("{} (?)", t.help)
                    aria-label=t.help
                    data-testid="help-open"
                    on:click=move |_| explorer.help.set(true)
                >
                    <Icon name=IconName::Question />
                </button>
            </nav>
        </header>
        <ParseNote />
    }
    .into_any()
}

/// Says when what was typed is not a query and therefore searched as text.
#[component]
fn ParseNote() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let fault = Memo::new(move |_| explorer.search.with(|search| filter::fault(&search.query)));
    move || {
        fault.get().map(|fault| {
            view! {
                <p class="note" role="status" data-testid="parse-note">
                    {(t.searched_as_text)(fault.position + 1, &fault.message, &fault.hint)}
                </p>
            }
        })
    }
}
