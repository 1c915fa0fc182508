//! Pages that are opened less often than the search. With the feature `split`, the browser loads the code of each
//! from its own file on first use. This keeps the WebAssembly that each page loads small.

use leptos::prelude::*;
use leptos_router::LazyRoute;
#[cfg(feature = "split")]
use leptos_router::hooks::use_location;

use super::{
    access::Access, connect::Connect, explore::Explore, hydration::mark_interactive, overview::Overview, system::System,
};
#[cfg(feature = "split")]
use super::{
    explore::load_panels,
    hydration::{Loading, is_interactive},
};

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
                let view = $page().into_any();
                mark_interactive();
                view
            }

            #[cfg(feature = "split")]
            async fn view(_: Self) -> AnyView {
                let loading = Loading::begin();
                let Ok(view) = $module::view().await else { return load_from_server($path).await };
                loading.end().await;
                mark_interactive();
                view
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
            let loading = Loading::begin();
            let search = use_location().search.get_untracked();
            // In an interactive page, the panel loads its code again and handles the failure.
            if !load_panels(&search).await && !is_interactive() {
                std::future::pending::<()>().await;
            }
            loading.end().await;
        }
        let view = Explore().into_any();
        mark_interactive();
        view
    }
}

/// Loads the page from the server if its code cannot be loaded: the network failed, or the server now runs another
/// version, whose split files do not work with this one. A page that the server has rendered stays as it is, because the
/// next one could fail in the same way, without end. Its links work.
#[cfg(feature = "split")]
async fn load_from_server(path: &str) -> AnyView {
    if is_interactive() {
        let _ = window().location().assign(path);
    }
    std::future::pending().await
}
