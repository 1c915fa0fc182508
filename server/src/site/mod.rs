//! Serves the dashboard's files, from the folder written by `cargo leptos`, or embedded in the program.
//!
//! They have two addresses: a path with a hash of all files, cached forever, and their plain names, revalidated on each
//! request. Both are served with the compression of build time.
//!
//! Why no crate: `tower-http`'s `ServeDir` reads a folder at each request, sends no `ETag` and cannot serve embedded
//! files. `memory-serve` embeds the files when the server is compiled, but `make serve` builds both in parallel and
//! serves the folder. It also has a hash per file; one hash for all of them lets a page of an older version find the
//! successors of its files.

mod files;

use std::sync::Arc;

use access::Need;
use axum::{
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

pub(crate) use files::Site;
use files::{Encoding, File};

use crate::gate::Routes;

/// Routes of the files: at their plain names, and under `/v/<version>`, where the version is a hash of all files, so
/// that browsers may cache them forever.
pub(crate) fn routes(site: Arc<Site>) -> Routes {
    let versioned = Arc::clone(&site);
    let plain = Arc::clone(&site);
    let mut routes = Routes::new()
        .get(
            "/v/{version}/{*path}",
            Need::Nothing,
            move |Path((version, path)): Path<(String, String)>, headers: HeaderMap| async move {
                // A page of an earlier version gets the current files, except split files, which do not work with the
                // WebAssembly already loaded.
                let fresh = version == versioned.version();
                let fits = fresh || !files::is_split(&path);
                answer(fits.then(|| versioned.get(&path)).flatten(), &headers, fresh)
            },
        )
        .get("/pkg/{*path}", Need::Nothing, move |Path(path): Path<String>, headers: HeaderMap| async move {
            answer(plain.get(&format!("pkg/{path}")), &headers, false)
        });
    for name in site.root_files() {
        let (site, name) = (Arc::clone(&site), name.to_owned());
        let path = format!("/{name}");
        routes = routes.get(&path, Need::Nothing, move |headers: HeaderMap| async move {
            answer(site.get(&name), &headers, false)
        });
    }
    routes
}

fn answer(file: Option<File>, headers: &HeaderMap, immutable: bool) -> Response {
    let Some(file) = file else { return StatusCode::NOT_FOUND.into_response() };
    let etag = HeaderValue::from_str(&file.etag);
    let not_modified = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|tags| tags.split(',').any(|tag| tag.trim() == file.etag));
    let mut response = if not_modified {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
        let content_type = file.content_type;
        let (bytes, encoding) = file.body(accepted);
        let mut response = Response::new(Body::from(bytes));
        if let Encoding::Coded(name) = encoding {
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
        }
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    };
    let caching = if immutable { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if let Ok(etag) = etag {
        headers.insert(header::ETAG, etag);
    }
    response
}
