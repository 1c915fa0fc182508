//! From the server's HTML to a page that is interactive. Hydration needs the code of the page, which may be in a file
//! of its own.

use leptos::prelude::*;
#[cfg(feature = "split")]
use leptos_router::{hooks::use_location, location::Location};

use crate::effect::effect;

/// Tests and styles wait for this attribute of the body: from then on the page is interactive.
const INTERACTIVE: &str = "data-hydrated";

/// Marks the page as interactive once the view that is now created is hydrated.
pub(super) fn mark_interactive() {
    // Effects run after hydration.
    effect(|_| {
        if let Some(body) = document().body() {
            let _ = body.set_attribute(INTERACTIVE, "true");
        }
    });
}

/// Whether a page is hydrated. Pages after the first are rendered by the browser.
#[cfg(feature = "split")]
pub(super) fn is_interactive() -> bool {
    document().body().is_some_and(|body| body.has_attribute(INTERACTIVE))
}

/// A page whose code is being loaded.
///
/// If the server has rendered it, the router handles links already, but the page cannot change yet. So the browser
/// loads from the server what a link leads to.
#[cfg(feature = "split")]
pub(super) struct Loading {
    location: Location,
    /// The address of the page.
    address: String,
}

#[cfg(feature = "split")]
impl Loading {
    pub(super) fn begin() -> Self {
        let location = use_location();
        if !is_interactive() {
            let location = location.clone();
            effect(move |is_first| {
                let address = address_of(&location);
                if !is_first && !is_interactive() {
                    let _ = window().location().assign(&address);
                }
            });
        }
        let address = untrack(|| address_of(&location));
        Self { location, address }
    }

    /// Completes when the page may be created: never if the server has rendered it for another address.
    pub(super) async fn end(self) {
        if !is_interactive() && untrack(|| address_of(&self.location)) != self.address {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(feature = "split")]
fn address_of(location: &Location) -> String {
    let (path, search) = (location.pathname.get(), location.search.get());
    if search.is_empty() { path } else { path + "?" + &search }
}
