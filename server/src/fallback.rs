//! What every listener's router ends with: an answer for addresses that lead nowhere, in
//! the language of who asks, and the bound on bodies.

use std::convert::Infallible;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::Response,
};
use tower::ServiceExt as _;

use crate::{grpc, http::problem};

/// The body of a request that brings no records: a view, or a question of the dashboard.
const BODY_BYTES: usize = 256 << 10;

/// Ends a router. `page` answers browsers; without it they get what programs get.
///
/// The gRPC services bound what they read by themselves. Each layer costs a call as much as
/// its record does, so theirs is none.
pub(crate) fn finished(http: Router, grpc: Router, page: Option<Router>) -> Router {
    http.layer(DefaultBodyLimit::max(BODY_BYTES))
        .merge(grpc)
        .fallback(move |request: Request| answer(request, page.clone()))
}

async fn answer(request: Request, page: Option<Router>) -> Response {
    let path = request.uri().path();
    if mentions(request.headers(), header::CONTENT_TYPE, "application/grpc") {
        return grpc::unimplemented(path);
    }
    match page {
        Some(page) if mentions(request.headers(), header::ACCEPT, "text/html") => {
            let Ok(response) = page.oneshot(request).await.map_err(|never: Infallible| never);
            response
        }
        _ => problem::document(StatusCode::NOT_FOUND, &format!("nothing answers at {path}")),
    }
}

fn mentions(headers: &HeaderMap, name: HeaderName, kind: &str) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(kind))
}
