//! A failed search.

use leptos::prelude::*;

use crate::{
    backend::{BackendError, BackendErrorClass},
    state::{explorer::Explorer, shown::shown},
    texts::texts,
};

/// The error, and a way to continue.
#[component]
pub(super) fn Failure(error: BackendError) -> impl IntoView {
    let t = texts();
    let explorer = Explorer::expect();
    let title = match error.class {
        BackendErrorClass::Invalid | BackendErrorClass::NotFound => t.failed_invalid,
        BackendErrorClass::Forbidden => t.failed_forbidden,
        BackendErrorClass::Overloaded | BackendErrorClass::Unavailable | BackendErrorClass::Later => t.failed_later,
        BackendErrorClass::Unreachable => t.failed_away,
        BackendErrorClass::Internal => t.failed_fault,
    };
    let url = explorer.view.with_untracked(|view| view.url());
    view! {
        <section class="nothing" role="alert" data-testid="error-state">
            <h1>{title}</h1>
            <p>{shown(&error.message)}</p>
            <p>
                <a
                    class="button"
                    href=url
                    rel="external"
                    on:click=move |event| {
                        event.prevent_default();
                        explorer.reload.update(|count| *count += 1);
                    }
                >
                    {t.try_again}
                </a>
            </p>
        </section>
    }
    .into_any()
}
