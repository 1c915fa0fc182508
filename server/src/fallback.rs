//! Fallback handlers shared by all listeners: 404 in the format of the client, and the limit of request bodies.

use std::convert::Infallible;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::Response,
};
use tower::ServiceExt as _;

use crate::{grpc, http::problem};

/// The limit of request bodies without records: views, and dashboard requests.
const BODY_BYTES: usize = 256 << 10;

/// Adds the fallbacks to a router. `page` answers browsers; without it they get the same document as programs.
///
/// The gRPC services limit their messages themselves. They get no layer, because each layer would cost a call as much
/// as its record.
pub(crate) fn with_fallbacks(http: Router, grpc: Router, page: Option<Router>) -> Router {
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
        _ => problem::document(StatusCode::NOT_FOUND, &format!("no route for {path}")),
    }
}

fn mentions(headers: &HeaderMap, name: HeaderName, kind: &str) -> bool {
    headers.get(name).and_then(|value| value.to_str().ok()).is_some_and(|value| value.contains(kind))
}
