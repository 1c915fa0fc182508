//! What the routes of the dashboard need.

use access::Need;
use axum::Router;

use super::{routes::Routes, table::Declared};

/// The dashboard's router with the needs of its routes. The server functions are carriers of questions that read; the
/// backend checks those that change something.
pub(crate) fn pages(routes: Router, listed: &[app::Listed]) -> Routes {
    let of = |listed: &app::Listed| Declared::new(Some(listed.method.clone()), listed.path.clone(), Need::Read);
    let declared = listed.iter().map(of);
    Routes::of(routes, declared.collect())
}
