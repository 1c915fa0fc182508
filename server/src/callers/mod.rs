//! Protection against web pages of other sites: one layer in front of every HTTP and gRPC listener.
//!
//! There is no access control yet, so a browser must not become an entry point. Otherwise a page of another site
//! could read and change every log of a developer's server, by DNS rebinding even under its own name. Three rules,
//! one file each:
//!
//! - `host`: the host name of the call belongs to this server;
//! - `origin`: pages of other origins can neither change nor read anything;
//! - `headers`: the security headers of every response.
//!
//! Programs are not browsers. A call with an unsafe method that has neither `Origin` nor `Sec-Fetch-Site` is not from
//! a browser, and is accepted under any name.

mod headers;
mod host;
mod origin;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, header},
    response::{IntoResponse as _, Response},
};

pub(crate) use origin::Origin;

use crate::{grpc, http::problem};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// How long a browser may cache the response to a preflight, in seconds.
const PREFLIGHT_AGE: HeaderValue = HeaderValue::from_static("600");

/// The rules, with the configured origins.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    /// The addresses of this server, from `--public-url`.
    own: Vec<Origin>,
    /// Origins whose pages may call, from `--cors-origin`.
    friends: Vec<Origin>,
}

/// The headers that an admitted call adds to its response.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admission {
    /// The origin whose pages may read the response.
    reader: Option<HeaderValue>,
}

impl Callers {
    pub(crate) fn new(public_urls: &[Origin], cors_origins: &[Origin]) -> Self {
        Self { own: public_urls.to_vec(), friends: cors_origins.to_vec() }
    }

    /// Admits a call. Otherwise returns the response: a refusal, or the answer to a preflight.
    pub(crate) fn admit(&self, request: &Request<Body>) -> Result<Admission, Box<Response>> {
        let (method, headers) = (request.method(), request.headers());
        let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let from_browser = headers.contains_key(header::ORIGIN) || headers.contains_key(FETCH_SITE);
        if !safe && !from_browser {
            return Ok(Admission { reader: None });
        }
        let named =
            self.host_name(request).map_err(|detail| refused(headers, StatusCode::MISDIRECTED_REQUEST, &detail))?;
        let source = self.source(headers, named.as_deref());
        let preflight = *method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !safe || preflight {
            source.may_change().map_err(|detail| refused(headers, StatusCode::FORBIDDEN, &detail))?;
        }
        let admission = Admission { reader: source.reader().cloned() };
        if preflight {
            return Err(Box::new(admission.finish(preflight_answer(headers))));
        }
        Ok(admission)
    }

    /// The host name of the call, if any.
    fn host_name(&self, request: &Request<Body>) -> Result<Option<String>, String> {
        let public = |name: &str| self.own.iter().any(|own| own.host() == name);
        let target = request.uri().authority().map(|authority| authority.as_str().as_bytes());
        let hosts = request.headers().get_all(header::HOST).iter().map(HeaderValue::as_bytes);
        // A target in absolute form names a host, too; a browser would send the same twice.
        let mut named = None;
        for (place, text) in target.into_iter().chain(hosts).enumerate() {
            if place > usize::from(target.is_some()) {
                return Err("the call has several Host headers; send one".to_owned());
            }
            named = host::checked(text, public)?.or(named);
        }
        Ok(named)
    }

    fn source<'a>(&self, headers: &'a HeaderMap, named: Option<&str>) -> origin::Source<'a> {
        origin::Source::of(headers, |origin| {
            let own = named.is_some_and(|named| origin.is_at(named));
            own || self.own.contains(origin) || self.friends.contains(origin) || origin.is_loopback()
        })
    }
}

impl Admission {
    /// Adds the common headers to a response.
    pub(crate) fn finish(self, mut response: Response) -> Response {
        headers::secure(response.headers_mut());
        if let Some(reader) = self.reader {
            response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, reader);
        }
        response
    }
}

/// A refusal in the protocol of the call.
fn refused(headers: &HeaderMap, status: StatusCode, detail: &str) -> Box<Response> {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    // gRPC-Web is not supported; a page that tries it can read a document.
    let grpc = kind.strip_prefix(b"application/grpc").is_some_and(|rest| !rest.starts_with(b"-web"));
    let response = if grpc { grpc::refused(status, detail) } else { problem::document(status, detail) };
    Box::new(Admission { reader: None }.finish(response))
}

/// Allows the requested method and headers; the origin is already checked.
fn preflight_answer(headers: &HeaderMap) -> Response {
    let mut response = StatusCode::OK.into_response();
    let allowed = response.headers_mut();
    allowed.insert(header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_AGE);
    for (asked, allow) in [
        (header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_ALLOW_METHODS),
        (header::ACCESS_CONTROL_REQUEST_HEADERS, header::ACCESS_CONTROL_ALLOW_HEADERS),
    ] {
        if let Some(value) = headers.get(asked) {
            allowed.insert(allow, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests;
