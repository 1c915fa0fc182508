//! The pages and their routes.

mod access;
#[cfg(feature = "ssr")]
mod access_lists;
#[cfg(feature = "ssr")]
mod audit;
mod connect;
#[cfg(feature = "ssr")]
mod connect_key;
#[cfg(feature = "ssr")]
mod deletions;
mod explore;
#[cfg(feature = "ssr")]
mod fields;
mod figures;
#[cfg(feature = "ssr")]
mod forwarding;
#[cfg(feature = "ssr")]
mod help_lists;
mod hydration;
#[cfg(feature = "ssr")]
mod key_created;
mod lazy;
#[cfg(feature = "ssr")]
mod ledger;
#[cfg(feature = "ssr")]
mod login;
#[cfg(feature = "ssr")]
mod losses;
mod not_found;
mod overview;
#[cfg(feature = "ssr")]
mod quiet;
#[cfg(feature = "ssr")]
mod redaction;
#[cfg(feature = "ssr")]
mod replays;
#[cfg(feature = "ssr")]
mod setup;
mod system;

use leptos::prelude::*;
use leptos_router::{
    Lazy, SsrMode, StaticSegment,
    components::{FlatRoutes, Route, Router},
};

#[cfg(feature = "ssr")]
pub use self::{
    audit::{AuditFilter, AuditPage, AuditRow, audit_page},
    connect_key::{ConnectKey, FilledSnippets, connect_key_page},
    deletions::{DeletionTrial, deletion_page},
    key_created::{KeyCreated, key_created_page},
    login::{LoginFailure, LoginPage, login_page},
    quiet::{QuietPage, Visit},
    redaction::{RedactionTrial, redaction_page},
    setup::{SetupFailure, SetupPage, setup_page},
};
use crate::{
    backend::AccessNote,
    live::LoggedOut,
    preferences::Preferences,
    texts::{Texts, texts_of},
    title::PageTitle,
};
#[cfg(feature = "ssr")]
pub(crate) use access_lists::html as access_html;
#[cfg(feature = "ssr")]
pub(crate) use connect_key::{connect_key_html, note_without_key};
#[cfg(feature = "ssr")]
pub(crate) use help_lists::html as help_html;
use lazy::{AccessPage, ConnectPage, ExplorePage, OverviewPage, SystemPage};
#[cfg(feature = "ssr")]
pub(crate) use losses::html as losses_html;
use not_found::NotFound;

/// The whole dashboard.
#[component]
pub fn App() -> impl IntoView {
    let preferences = Preferences::from_request();
    provide_context(preferences);
    provide_context(AccessNote::from_request());
    provide_context(LoggedOut(RwSignal::new(false)));
    provide_context::<&'static Texts>(texts_of(preferences.language));
    // Pages are not streamed, so that they are complete without JavaScript, but for counts that take long.
    view! {
        <Router>
            <PageTitle />
            <FlatRoutes fallback=NotFound>
                <Route path=StaticSegment("") view={Lazy::<ExplorePage>::new()} ssr=SsrMode::Async />
                <Route path=StaticSegment("dashboard") view={Lazy::<ExplorePage>::new()} ssr=SsrMode::Async />
                <Route path=StaticSegment("overview") view={Lazy::<OverviewPage>::new()} ssr=SsrMode::Async />
                <Route path=StaticSegment("system") view={Lazy::<SystemPage>::new()} ssr=SsrMode::Async />
                <Route
                    path=(StaticSegment("system"), StaticSegment("access"))
                    view={Lazy::<AccessPage>::new()}
                    ssr=SsrMode::Async
                />
                <Route path=StaticSegment("connect") view={Lazy::<ConnectPage>::new()} ssr=SsrMode::Async />
            </FlatRoutes>
        </Router>
    }
}
