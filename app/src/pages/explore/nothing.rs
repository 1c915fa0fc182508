//! An empty list: no logs received yet, or no matches.

use leptos::prelude::*;
use model::api::QueryHint;

use crate::{
    components::{Logo, origin},
    state::{
        explorer::Explorer,
        view::{Range, Search, Span},
    },
    texts::texts,
};

/// Explains the empty list and offers next steps.
#[component]
pub(super) fn Nothing(search: Search, hints: Vec<QueryHint>) -> impl IntoView {
    if search.is_live() && search.query.is_empty() {
        view! { <NoData /> }.into_any()
    } else {
        view! { <NoMatch search hints /> }.into_any()
    }
}

/// Snippets for a first log.
#[component]
fn NoData() -> impl IntoView {
    let t = texts();
    let origin = origin();
    let http = format!(
        "curl {origin}/api/v1/push -H 'content-type: application/json' \\\n  -d '{{\"service\":\"shop\",\"level\":\"info\",\"message\":\"hello, boom\"}}'"
    );
    let address = origin.split_once("://").map_or(origin.clone(), |parts| parts.1.to_owned());
    let grpc = format!(
        "grpcurl -plaintext -d '{{\"node\":\"shop\",\"level\":\"info\",\"message\":\"hello, boom\"}}' \\\n  {address} LoggerService.Logger/SendLog"
    );
    view! {
        <section class="nothing" data-testid="empty-state">
            <Logo />
            <h1>{t.no_data_title}</h1>
            <p>{t.no_data_text}</p>
            <h2>{t.no_data_http}</h2>
            <pre data-testid="first-log-http">{http}</pre>
            <h2>{t.no_data_grpc}</h2>
            <pre>{grpc}</pre>
            <p class="waiting"><span class="dot" aria-hidden="true"></span>{t.no_data_wait}</p>
        </section>
    }
    .into_any()
}

#[component]
fn NoMatch(search: Search, hints: Vec<QueryHint>) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let is_live = search.is_live();
    let link =
        |view: crate::state::view::View, text: &'static str| view! { <a class="button" href=view.url()>{text}</a> };
    let view = explorer.view.get_untracked();
    let narrow = matches!(search.range, Range::Last(span) if span != Span::Week)
        || matches!(search.range, Range::Between { .. });
    let widen = narrow.then(|| link(view.with_range(Range::Last(Span::Week)), t.widen_range));
    let clear = (!search.query.is_empty()).then(|| link(view.with_query(String::new()), t.clear_query));
    let back = (!is_live).then(|| link(view.with_range(Range::Live), t.reset_range));
    let hints = (!hints.is_empty()).then(|| {
        let tried = hints.into_iter().map(|hint| {
            let url = view.with_query(hint.query.clone()).url();
            view! { <a class="button" data-testid="query-hint" href=url><code>{hint.query}</code></a> }
        });
        view! { <h2>{t.search_instead}</h2><p class="buttons">{tried.collect_view()}</p> }
    });
    view! {
        <section class="nothing" data-testid="empty-state">
            <h1>{t.no_match_title}</h1>
            <p>{if is_live { t.no_match_live } else { t.no_match_text }}</p>
            {hints}
            <p class="buttons">{clear}{widen}{back}</p>
        </section>
    }
    .into_any()
}
