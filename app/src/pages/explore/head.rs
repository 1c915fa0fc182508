//! The head of the page: search box, time range, live status, saved views.

use leptos::{ev::SubmitEvent, html::Input, prelude::*};

use super::{range::RangeSelect, search_box::SearchBox, status::LiveStatus, views::Views};
use crate::{
    state::{
        explorer::Explorer,
        filter,
        view::{Show, View},
    },
    texts::texts,
};

/// A plain GET form, so that searching works without WebAssembly.
#[component]
pub(super) fn Head() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let input = NodeRef::<Input>::new();
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(input) = input.get_untracked() {
            explorer.go(&explorer.view.get_untracked().with_query(input.value().trim().to_owned()));
            // The page's keyboard shortcuts apply again.
            let _ = input.blur();
        }
    };
    let columns = move || explorer.columns.with(|columns| columns.join(","));
    let patterns = move || explorer.view.with(|view: &View| view.show == Show::Patterns);
    view! {
        <div class="head">
            <form class="search" method="get" action="/" role="search" on:submit=submit>
                <SearchBox input />
                <RangeSelect />
                {move || (!columns().is_empty()).then(|| view! { <input type="hidden" name="columns" value=columns() /> })}
                {move || patterns().then(|| view! { <input type="hidden" name="show" value="patterns" /> })}
                <button type="submit" class="button" data-testid="search-submit">{t.search_go}</button>
            </form>
            <LiveStatus />
            <Views />
        </div>
        <ParseNote />
    }
    .into_any()
}

/// Reports that the text did not parse and was searched as plain text.
#[component]
fn ParseNote() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let fault = Memo::new(move |_| explorer.search.with(|search| filter::fault(&search.query)));
    view! {
        {move || {
            fault.get().map(|fault| {
                view! {
                    <p class="note" role="status" data-testid="parse-note">
                        {(t.searched_as_text)(fault.position + 1, &fault.message, &fault.hint)}
                    </p>
                }
                .into_any()
            })
        }}
    }
    .into_any()
}
