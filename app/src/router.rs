//! The pages and the server functions as routes.
//!
//! Here and not in the server, because the pages are large types: whoever puts them into
//! routes compiles them, and the server is compiled more often than they change.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use leptos::{config::LeptosOptions, context::provide_context};
use leptos_axum::{LeptosRoutes as _, generate_route_list, render_app_async_with_context};

use crate::{App, SitePath, backend::Backend, shell};

/// The dashboard, ready to be served.
pub struct Dashboard {
    /// The pages, and what they ask the server.
    pub routes: Router,
    /// Answers any other address with a page that says so.
    pub not_found: Router,
}

/// Makes the dashboard over `backend`.
///
/// `site` is where the browser finds the dashboard's files, `listen` what the server
/// listens on.
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
