//! Access: people, keys and sessions. The page at `/system/access`, for admins.
//!
//! The server renders the lists as HTML; their links and forms need no JavaScript.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::{
    components::{Page, TopBar, awaited, loading},
    preferences::Preferences,
    server_functions::{self, RequestState},
    texts::texts,
};

/// The page.
#[component]
pub(super) fn Access() -> impl IntoView {
    let t = texts();
    let theme = RwSignal::new(use_context::<Preferences>().unwrap_or_default().theme);
    let search = use_location().search;
    let lists = RequestState::new(move || (server_functions::access_page(search.get()), 0));
    let content = move || {
        lists.get().map(|answer| match answer {
            Ok(html) => view! { <div inner_html=html></div> }.into_any(),
            Err(error) => view! { <p class="quiet" role="alert">{error.message}</p> }.into_any(),
        })
    };
    view! {
        <div class="page">
            <TopBar page=Page::System theme />
            <main class="sheet" data-testid="access">
                <h1>{t.place_access}</h1>
                {awaited(loading, move || content().into_any())}
            </main>
        </div>
    }
    .into_any()
}
