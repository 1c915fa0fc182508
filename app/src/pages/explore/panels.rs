//! The panels that are opened less often than the list: message patterns, and what is beside a record. With the feature
//! `split`, the browser loads the code of each from its own file on first use.

#[cfg(feature = "split")]
use std::pin::Pin;

#[cfg(feature = "split")]
use futures::FutureExt as _;
use leptos::prelude::*;
#[cfg(feature = "split")]
use leptos::{task::spawn_local, wasm_split::SplitLoaderError};

use super::{beside::BesidePanel, patterns::Patterns};
#[cfg(feature = "split")]
use crate::{
    components::loading,
    state::view::{Show, View},
};

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
    ().into_any()
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
/// code is loaded.
#[cfg(feature = "split")]
fn when_loaded(mut loading: Loading, panel: fn() -> Option<AnyView>, meanwhile: fn() -> AnyView) -> AnyView {
    let is_loaded = RwSignal::new(false);
    match loading.as_mut().now_or_never() {
        Some(Ok(())) => return panel().unwrap_or_else(meanwhile),
        Some(Err(_)) => open_from_server(),
        None => spawn_local(async move {
            match loading.await {
                Ok(()) => {
                    // The panel may already be gone.
                    let _ = is_loaded.try_set(true);
                }
                Err(_) => open_from_server(),
            }
        }),
    }
    is_loaded.track();
    meanwhile()
}

/// Loads the page from the server if the code of a panel cannot be loaded, as for a page (`pages/lazy.rs`). The address
/// names the panel.
#[cfg(feature = "split")]
fn open_from_server() {
    let _ = window().location().reload();
}
