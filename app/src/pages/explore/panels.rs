//! The panels that are opened less often than the list: message patterns, and what is beside a record. With the feature
//! `split`, the browser loads the code of each from its own file on first use.

#[cfg(feature = "split")]
use std::{pin::Pin, time::Duration};

#[cfg(feature = "split")]
use futures::FutureExt as _;
use leptos::prelude::*;
#[cfg(feature = "split")]
use leptos::{task::spawn_local, wasm_split::SplitLoaderError};

use super::{beside::BesidePanel, patterns::Patterns};
#[cfg(feature = "split")]
use crate::{
    backend::BackendErrorClass,
    components::loading,
    server_functions,
    state::view::{Show, View},
};

/// The time between two attempts to load the code of a panel while the server cannot be reached.
#[cfg(feature = "split")]
const RETRY: Duration = Duration::from_secs(3);

/// Declares a panel whose code can be in a file of its own, with what is shown until that is loaded. The panel is
/// created in the closure that shows it, which runs again then.
macro_rules! lazy_panel {
    ($(#[$doc:meta])* $panel:ident, $module:ident, $component:ident, $meanwhile:expr) => {
        #[cfg(feature = "split")]
        mod $module {
            use leptos::{
                prelude::*,
                wasm_split::{SplitLoaderError, wasm_split},
            };

            #[wasm_split($module, wasm_split_path = ::leptos::wasm_split, preload(preload), fallible)]
            pub(super) fn view() -> Result<AnyView, SplitLoaderError> {
                Ok(super::$component().into_any())
            }
        }

        $(#[$doc])*
        pub(super) fn $panel() -> AnyView {
            #[cfg(not(feature = "split"))]
            return $component().into_any();
            #[cfg(feature = "split")]
            return when_loaded(
                Box::pin($module::preload()),
                || $module::view().now_or_never().and_then(Result::ok),
                || $meanwhile,
            );
        }
    };
}

lazy_panel!(
    /// The message patterns.
    patterns,
    patterns_panel,
    Patterns,
    loading()
);
lazy_panel!(
    /// The context or the trace that the view names.
    beside,
    beside_panel,
    BesidePanel,
    view! { <div class="beside">{loading()}</div> }.into_any()
);

/// Loads the code of the panels that the page at this address shows. Returns `false` if that fails.
///
/// Without it, the browser cannot take over the panels of a page that the server has rendered.
#[cfg(feature = "split")]
pub(crate) async fn load_panels(search: &str) -> bool {
    let view = View::read(search);
    (view.show != Show::Patterns || patterns_panel::preload().await.is_ok())
        && (view.beside.is_none() || beside_panel::preload().await.is_ok())
}

#[cfg(feature = "split")]
type Loading = Pin<Box<dyn Future<Output = Result<(), SplitLoaderError>>>>;

/// Shows `panel` if its code is loaded. Otherwise shows `meanwhile`, and runs the surrounding closure again once the
/// code is loaded or another attempt is due.
#[cfg(feature = "split")]
fn when_loaded(mut loading: Loading, panel: fn() -> Option<AnyView>, meanwhile: fn() -> AnyView) -> AnyView {
    let attempts = RwSignal::new(0u32);
    match loading.as_mut().now_or_never() {
        Some(Ok(())) => return panel().unwrap_or_else(meanwhile),
        Some(Err(_)) => spawn_local(recover(attempts)),
        None => spawn_local(async move {
            match loading.await {
                Ok(()) => run_again(attempts),
                Err(_) => recover(attempts).await,
            }
        }),
    }
    attempts.track();
    meanwhile()
}

/// Runs the closure of a panel again, unless the panel is closed.
#[cfg(feature = "split")]
fn run_again(attempts: RwSignal<u32>) {
    let _ = attempts.try_update(|attempts| *attempts += 1);
}

/// Handles that the code of a panel cannot be loaded. If the server answers, it may run another version, whose files do
/// not work with this one: it renders the page anew, and the address names the panel. A page of a server that does not
/// answer stays, and the load is tried again.
#[cfg(feature = "split")]
async fn recover(attempts: RwSignal<u32>) {
    let is_closed = move || attempts.try_get_untracked().is_none();
    if is_closed() {
        return;
    }
    // Any request would do.
    let answer = server_functions::views(()).await;
    if is_closed() {
        return;
    }
    if answer.is_err_and(|error| error.class == BackendErrorClass::Unreachable) {
        set_timeout(move || run_again(attempts), RETRY);
    } else {
        let _ = window().location().reload();
    }
}
