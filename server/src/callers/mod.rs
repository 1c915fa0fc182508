//! Protection against web pages of other sites: one layer in front of every HTTP and gRPC listener.
//!
//! A browser must not become an entry point, whatever the access control ([`crate::gate`]) allows. Otherwise a page of
//! another site could use a visitor's session, or read and change every log of a developer's server that is open on
//! loopback, by DNS rebinding even under its own name. Three rules:
//!
//! - `access::presented::host`: the host name of the call belongs to this server;
//! - `origin`: pages of other origins can neither change nor read anything;
//! - `headers`: the security headers of every response.
//!
//! Programs are not browsers. A call with an unsafe method that has neither `Origin` nor `Sec-Fetch-Site` is not from
//! a browser, and is accepted under any name.

mod headers;
mod origin;

use access::presented::host;
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
    ///
    /// `is_open`: everybody may call, so pages of this machine may, too. With access control they are foreign as all
    /// others, because a session's cookie is sent to every port of a host.
    pub(crate) fn admit(&self, request: &Request<Body>, is_open: bool) -> Result<Admission, Box<Response>> {
        let (method, headers) = (request.method(), request.headers());
        let safe = matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let from_browser = headers.contains_key(header::ORIGIN) || headers.contains_key(FETCH_SITE);
        if !safe && !from_browser {
            return Ok(Admission { reader: None });
        }
        let named =
            self.host_name(request).map_err(|detail| refused(headers, StatusCode::MISDIRECTED_REQUEST, &detail))?;
        let source = self.source(headers, named.as_deref(), is_open);
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

    /// The origin over TLS for a call without it: the name of the call, with the port of the public URL that has this
    /// name, or else `port`. `None` if the call has no name.
    ///
    /// # Errors
    /// The name is not one of this server.
    pub(crate) fn secure_origin(&self, request: &Request<Body>, port: u16) -> Result<Option<String>, String> {
        let Some(named) = self.host_name(request)? else { return Ok(None) };
        let name = host::split(&named).map_or_else(|| named.clone(), |(name, _)| name);
        let public = self.own.iter().find(|own| own.is_https() && own.host() == name);
        Ok(Some(match public.map_or(port, Origin::port) {
            443 => format!("https://{name}"),
            port => format!("https://{name}:{port}"),
        }))
    }

    /// Whether a proxy in front of this server says that it has ended the encryption. Without a public URL of https
    /// nobody says that there is a proxy, and the header is the caller's.
    pub(crate) fn is_proxied_https(&self, headers: &HeaderMap) -> bool {
        let is_https = |scheme: &HeaderValue| scheme.as_bytes().eq_ignore_ascii_case(b"https");
        self.own.iter().any(Origin::is_https) && headers.get("x-forwarded-proto").is_some_and(is_https)
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

    fn source<'a>(&self, headers: &'a HeaderMap, named: Option<&str>, is_open: bool) -> origin::Source<'a> {
        origin::Source::of(headers, |origin| {
            let own = named.is_some_and(|named| origin.is_at(named));
            own || self.own.contains(origin) || self.friends.contains(origin) || (is_open && origin.is_loopback())
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

/// Adds the common headers to the response of a listener that has no calls to admit.
pub(crate) fn secured(response: Response) -> Response {
    Admission { reader: None }.finish(response)
}

/// A refusal in the protocol of the call.
fn refused(headers: &HeaderMap, status: StatusCode, detail: &str) -> Box<Response> {
    let response =
        if grpc::is_call(headers) { grpc::refused(status, detail) } else { problem::document(status, detail) };
    Box::new(secured(response))
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
