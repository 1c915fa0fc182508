//! The record a link names, where the list does not hold it.

use leptos::{either::EitherOf3, prelude::*};
use model::api::LogsPage;

use super::row::item;
use crate::{
    backend::ContextRequest,
    server_functions,
    state::{explorer::Explorer, feed::Item},
    texts::texts,
};

/// Shows the record of the URL above the list if `page` lacks it when it is loaded.
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
    let record = Resource::new(
        || (),
        move |()| server_functions::context(ContextRequest { id: id.clone(), before: 0, after: 0 }),
    );
    let content = move || {
        record.get().map(|answer| match answer {
            Ok(context) => EitherOf3::A(item(&Item::Record(context.record.into()), &[], explorer, signals)),
            Err(error) if error.class == crate::backend::BackendErrorClass::NotFound => {
                EitherOf3::B(view! { <p class="linked-missing">{t.linked_missing}</p> })
            }
            Err(error) => EitherOf3::C(view! { <p class="linked-missing">{error.message}</p> }),
        })
    };
    let close = move || explorer.view.with(|view| view.with_at(None).url());
    view! {
        <section class="linked" class:closed=move || !shown() data-testid="linked-record" aria-label=t.linked_record>
            <header>
                <h2>{t.linked_record}</h2>
                <a class="link" href=move || close()>{t.close}</a>
            </header>
            <Suspense>{move || content()}</Suspense>
        </section>
    }
    .into_any()
}
