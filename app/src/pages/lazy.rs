//! Pages that are opened less often than the search. With the feature `split`, the browser loads the code of each
//! from its own file on first use. This keeps the WebAssembly that each page loads small.

use leptos::prelude::*;
use leptos_router::LazyRoute;
#[cfg(feature = "split")]
use leptos_router::hooks::use_location;

#[cfg(feature = "split")]
use super::explore::load_panels;
use super::{access::Access, connect::Connect, explore::Explore, overview::Overview, system::System};

/// Declares the route of a page whose code can be in a file of its own.
macro_rules! lazy_page {
    ($route:ident, $module:ident, $page:ident, $path:literal) => {
        pub(super) struct $route;

        #[cfg(feature = "split")]
        mod $module {
            use leptos::{
                prelude::*,
                wasm_split::{SplitLoaderError, wasm_split},
            };

            #[wasm_split($module, wasm_split_path = ::leptos::wasm_split, preload(preload), fallible)]
            pub(super) fn view() -> Result<AnyView, SplitLoaderError> {
                Ok(super::$page().into_any())
            }
        }

        impl LazyRoute for $route {
            fn data() -> Self {
                Self
            }

            #[cfg(not(feature = "split"))]
            async fn view(_: Self) -> AnyView {
                $page().into_any()
            }

            #[cfg(feature = "split")]
            async fn view(_: Self) -> AnyView {
                match $module::view().await {
                    Ok(view) => view,
                    Err(_) => load_from_server($path).await,
                }
            }

            #[cfg(feature = "split")]
            async fn preload() {
                // `view` loads again and handles the failure.
                let _ = $module::preload().await;
            }
        }
    };
}

lazy_page!(OverviewPage, overview_page, Overview, "/overview");
lazy_page!(SystemPage, system_page, System, "/system");
lazy_page!(AccessPage, access_page, Access, "/system/access");
lazy_page!(ConnectPage, connect_page, Connect, "/connect");

/// The search. Its code is in the file that each page loads, but that of its panels is not. Hydration needs the code of
/// those that the server has rendered.
pub(super) struct ExplorePage;

impl LazyRoute for ExplorePage {
    fn data() -> Self {
        Self
    }

    async fn view(_: Self) -> AnyView {
        #[cfg(feature = "split")]
        {
            let search = use_location().search.get_untracked();
            // A page that is already hydrated loads the code again with the panel, which handles the failure.
            if !load_panels(&search).await && !is_hydrated() {
                std::future::pending::<()>().await;
            }
        }
        Explore().into_any()
    }
}

/// Loads the page from the server if its code cannot be loaded: the network failed, or the
/// server now runs another version, whose split files do not work with this one. During
/// hydration the server's HTML stays as it is, because a reload could fail in the same way.
#[cfg(feature = "split")]
async fn load_from_server(path: &str) -> AnyView {
    if is_hydrated() {
        let _ = window().location().assign(path);
    }
    std::future::pending().await
}

#[cfg(feature = "split")]
fn is_hydrated() -> bool {
    document().body().is_some_and(|body| body.has_attribute("data-hydrated"))
}
