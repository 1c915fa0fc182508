//! The page for unknown addresses.

use leptos::prelude::*;

use super::hydration::mark_interactive;
use crate::{components::Logo, texts::texts};

/// Also sets the response status to 404.
#[component]
pub(super) fn NotFound() -> impl IntoView {
    let t = texts();
    #[cfg(feature = "ssr")]
    if let Some(response) = use_context::<leptos_axum::ResponseOptions>() {
        response.set_status(http::StatusCode::NOT_FOUND);
    }
    mark_interactive();
    view! {
        <main class="lost" data-testid="not-found">
            <Logo />
            <h1>{t.not_found_title}</h1>
            <p>{t.not_found_text}</p>
            <a class="button" href="/">{t.not_found_link}</a>
        </main>
    }
    .into_any()
}
