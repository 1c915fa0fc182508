//! Routes for the pages and the server functions.
//!
//! They are built here and not in the server, because the pages are large types. The crate that builds the routes
//! compiles them, and the server is compiled more often.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use leptos::{config::LeptosOptions, context::provide_context};
use leptos_axum::{LeptosRoutes as _, generate_route_list, render_app_async_with_context};

use crate::{App, SitePath, backend::Backend, shell};

/// The dashboard's routers.
pub struct Dashboard {
    /// The pages and the server functions.
    pub routes: Router,
    /// Answers unknown addresses with an error page.
    pub not_found: Router,
}

/// Builds the dashboard over `backend`.
///
/// `site` is the path of the dashboard's files, `listen` the server's address.
pub fn dashboard(backend: Arc<dyn Backend>, site: SitePath, listen: SocketAddr) -> Dashboard {
    let options = LeptosOptions::builder().output_name("logboom").site_addr(listen).build();
    let context = move || {
        provide_context(Arc::clone(&backend));
        provide_context(site.clone());
    };
    let document = {
        let options = options.clone();
        move || shell(options.clone())
    };
    let not_found = Router::new().fallback(render_app_async_with_context(context.clone(), document.clone()));
    let routes = Router::new()
        .leptos_routes_with_context(&options, generate_route_list(App), context, document)
        .with_state(options);
    Dashboard { routes, not_found }
}
