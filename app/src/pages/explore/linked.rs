//! The record that a link names, if the list lacks it.

use leptos::prelude::*;
use model::api::LogsPage;

use super::row::item;
use crate::{
    backend::ContextRequest,
    components::{awaited, notice},
    server_functions::{self, RequestState},
    state::{explorer::Explorer, feed::Item},
    texts::texts,
};

/// Shows the record of the URL above the list if the loaded `page` lacks it.
#[component]
pub(super) fn Linked(page: LogsPage) -> impl IntoView {
    let explorer = Explorer::expect();
    let at = explorer.view.with_untracked(|view| view.at.clone());
    let missing = at.filter(|at| page.records.iter().all(|record| record.id != *at));
    missing.map(|id| view! { <Missing id /> })
}

#[component]
fn Missing(id: String) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let shown = {
        let id = id.clone();
        move || explorer.view.with(|view| view.at.as_deref() == Some(id.as_str()))
    };
    let signals = explorer.row_signals();
    let record = RequestState::new(move || {
        (server_functions::context(ContextRequest { id: id.clone(), before: 0, after: 0 }), 0)
    });
    let content = move || {
        record.get().map(|answer| match answer {
            Ok(context) => item(&Item::Record(context.record.into()), &[], explorer, signals).into_any(),
            Err(error) if error.class == crate::backend::BackendErrorClass::NotFound => {
                notice("linked-missing", "linked-missing", t.linked_missing.to_owned())
            }
            Err(error) => notice("linked-missing", "linked-error", error.message),
        })
    };
    let close = move || explorer.view.with(|view| view.with_at(None).url());
    view! {
        <section class="linked" class:closed=move || !shown() data-testid="linked-record" aria-label=t.linked_record>
            <header>
                <h2>{t.linked_record}</h2>
                <a class="link" href=move || close()>{t.close}</a>
            </header>
            {awaited(|| ().into_any(), move || content().into_any())}
        </section>
    }
    .into_any()
}
