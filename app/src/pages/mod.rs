//! The pages and their routes.

mod connect;
mod explore;
mod figures;
#[cfg(feature = "ssr")]
mod forwarding;
mod lazy;
#[cfg(feature = "ssr")]
mod ledger;
#[cfg(feature = "ssr")]
mod losses;
mod not_found;
mod overview;
#[cfg(feature = "ssr")]
mod replays;
mod system;

use leptos::prelude::*;
use leptos_router::{
    Lazy, SsrMode, StaticSegment,
    components::{FlatRoutes, Route, Router},
};

use crate::{
    effect::effect,
    preferences::Preferences,
    texts::{Texts, texts_of},
    title::PageTitle,
};
use explore::Explore;
use lazy::{ConnectPage, OverviewPage, SystemPage};
#[cfg(feature = "ssr")]
pub(crate) use losses::html as losses_html;
use not_found::NotFound;

/// The whole dashboard.
#[component]
pub fn App() -> impl IntoView {
    let preferences = Preferences::from_request();
    provide_context(preferences);
    provide_context::<&'static Texts>(texts_of(preferences.language));
    // Tests and styles wait for this attribute: from here on the page is interactive.
    effect(|_| {
        if let Some(body) = document().body() {
            let _ = body.set_attribute("data-hydrated", "true");
        }
    });
    // Pages are not streamed, so that they are complete without JavaScript.
    view! {
        <Router>
            <PageTitle />
            <FlatRoutes fallback=NotFound>
                <Route path=StaticSegment("") view=Explore ssr=SsrMode::Async />
                <Route path=StaticSegment("dashboard") view=Explore ssr=SsrMode::Async />
                <Route path=StaticSegment("overview") view={Lazy::<OverviewPage>::new()} ssr=SsrMode::Async />
                <Route path=StaticSegment("system") view={Lazy::<SystemPage>::new()} ssr=SsrMode::Async />
                <Route path=StaticSegment("connect") view={Lazy::<ConnectPage>::new()} ssr=SsrMode::Async />
            </FlatRoutes>
        </Router>
    }
}
