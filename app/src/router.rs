//! Routes for the pages and the server functions.
//!
//! They are built here and not in the server, because the pages are large types. The crate that builds the routes
//! compiles them, and the server is compiled more often.

use std::{net::SocketAddr, sync::Arc};

use axum::Router;
use http::Method;
use leptos::{config::LeptosOptions, context::provide_context, server_fn};
use leptos_axum::{AxumRouteListing, LeptosRoutes as _, generate_route_list, render_app_async_with_context};

use crate::{App, SitePath, backend::Backend, shell};

/// The dashboard's routers.
pub struct Dashboard {
    /// The pages and the server functions.
    pub routes: Router,
    /// All routes of `routes`.
    pub listed: Vec<Listed>,
    /// Answers unknown addresses with an error page.
    pub not_found: Router,
}

/// A route of the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub method: Method,
    pub path: String,
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
    let pages = generate_route_list(App);
    let listed = list(&pages);
    let routes = Router::new().leptos_routes_with_context(&options, pages, context, document).with_state(options);
    Dashboard { routes, listed, not_found }
}

/// All routes of the dashboard, without its backend.
pub fn listed() -> Vec<Listed> {
    list(&generate_route_list(App))
}

fn list(pages: &[AxumRouteListing]) -> Vec<Listed> {
    let pages = pages.iter().flat_map(|page| {
        page.methods().map(|method| {
            let method = match method {
                leptos_router::Method::Get => Method::GET,
                leptos_router::Method::Post => Method::POST,
                leptos_router::Method::Put => Method::PUT,
                leptos_router::Method::Delete => Method::DELETE,
                leptos_router::Method::Patch => Method::PATCH,
            };
            Listed { method, path: page.path().to_owned() }
        })
    });
    let functions = server_fn::axum::server_fn_paths();
    pages.chain(functions.map(|(path, method)| Listed { method, path: path.to_owned() })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_pages_and_server_functions_are_listed() {
        let listed = list(&generate_route_list(App));
        for path in ["/", "/overview", "/system", "/system/access", "/connect"] {
            assert!(listed.contains(&Listed { method: Method::GET, path: path.to_owned() }), "{path} in {listed:?}");
        }
        assert!(listed.contains(&Listed { method: Method::POST, path: "/api/dashboard/ask".to_owned() }), "{listed:?}");
    }
}
