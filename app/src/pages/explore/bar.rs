//! The bar above the list: records or patterns, columns, export.

use leptos::{html::Details, prelude::*};

use crate::{
    components::{Icon, IconName},
    state::{
        explorer::Explorer,
        shown::shown,
        view::{Show, View},
    },
    texts::texts,
};

/// The formats of an export, by their names in the API.
const FORMATS: [&str; 3] = ["ndjson", "csv", "parquet"];

#[component]
pub(super) fn Bar() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let tab = move |show: Show, text: &'static str, name: &'static str| {
        view! {
            <a
                class="tab"
                href=move || explorer.view.with(|view| view.with_show(show).url())
                aria-current=move || explorer.view.with(|view: &View| (view.show == show).then_some("true"))
                data-testid=name
            >
                {text}
            </a>
        }
    };
    view! {
        <nav class="bar" aria-label=t.columns>
            <button
                type="button"
                class="tool"
                title=format!("{} (b)", t.facets_hint)
                aria-label=t.facets
                aria-pressed=move || explorer.facets.get().to_string()
                data-testid="facets-toggle"
                on:click=move |_| explorer.facets.update(|shown| *shown = !*shown)
            >
                <Icon name=IconName::Fields />
            </button>
            {tab(Show::Records, t.show_records, "tab-records")}
            {tab(Show::Patterns, t.show_patterns, "tab-patterns")}
            <Columns />
            <span class="bar-end">
                <button
                    type="button"
                    class="link"
                    aria-pressed=move || explorer.wrap.get().to_string()
                    data-testid="wrap-toggle"
                    on:click=move |_| explorer.wrap.update(|wrap| *wrap = !*wrap)
                >
                    {t.wrap}
                </button>
                <Export />
            </span>
        </nav>
    }
    .into_any()
}

/// The current columns, each with a link that removes it.
#[component]
fn Columns() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let column = move |field: String| {
        let label = shown(&field);
        let remove = (t.column_remove)(&label);
        let url = explorer.view.with_untracked(|view| view.toggle_column(&field).url());
        view! {
            <a class="column" href=url title=remove.clone() aria-label=remove data-testid="column">
                {label}
                <Icon name=IconName::Close />
            </a>
        }
    };
    view! { {move || explorer.columns.get().into_iter().map(column).collect_view().into_any()} }.into_any()
}

/// Exports all matches as a file.
#[component]
fn Export() -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let menu = NodeRef::<Details>::new();
    let format = move |format: &'static str| {
        let url = move || {
            explorer.search.with(|search| format!("/api/v1/export{}", search.parameters(&[("format", format)])))
        };
        view! { <li><a href=move || url() rel="external" download="" data-testid=format!("export-{format}")>{format}</a></li> }
    };
    view! {
        <details class="menu" node_ref=menu data-testid="export">
            <summary class="link">
                <Icon name=IconName::Download />
                {t.export}
            </summary>
            <div class="menu-content">
                <ul>{FORMATS.map(format).collect_view()}</ul>
            </div>
        </details>
    }
    .into_any()
}
