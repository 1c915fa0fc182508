//! The pages and the way to them.

mod connect;
mod explore;
mod figures;
#[cfg(feature = "ssr")]
mod losses;
mod not_found;
mod overview;
mod system;

use leptos::prelude::*;
use leptos_router::{
    SsrMode, StaticSegment,
    components::{FlatRoutes, Route, Router},
};

use crate::{
    effect::effect,
    preferences::Preferences,
    texts::{Texts, texts_of},
    title::PageTitle,
};
use connect::Connect;
use explore::Explore;
#[cfg(feature = "ssr")]
pub(crate) use losses::html as losses_html;
use not_found::NotFound;
use overview::Overview;
use system::System;

/// The whole dashboard.
#[component]
pub fn App() -> impl IntoView {
    let preferences = Preferences::from_request();
    provide_context(preferences);
    provide_context::<&'static Texts>(texts_of(preferences.language));
    // Tests and styles wait for this: from here on the page answers to clicks.
    effect(|_| {
        if let Some(body) = document().body() {
            let _ = body.set_attribute("data-hydrated", "true");
        }
    });
    // Each page is sent whole, so that it reads well without JavaScript.
    view! {
        <Router>
            <PageTitle />
            <FlatRoutes fallback=NotFound>
                <Route path=StaticSegment("") view=Explore ssr=SsrMode::Async />
                <Route path=StaticSegment("dashboard") view=Explore ssr=SsrMode::Async />
                <Route path=StaticSegment("overview") view=Overview ssr=SsrMode::Async />
                <Route path=StaticSegment("system") view=System ssr=SsrMode::Async />
                <Route path=StaticSegment("connect") view=Connect ssr=SsrMode::Async />
            </FlatRoutes>
        </Router>
    }
}
