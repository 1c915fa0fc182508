//! Plain HTML forms for people: bounded bodies, redirects back, and the caller's head.

use std::{
    convert::Infallible,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use access::{
    Principal,
    presented::{Slowed, cookie, named_client},
};
use axum::{
    Form,
    extract::{ConnectInfo, FromRequest, FromRequestParts, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse as _, Redirect, Response},
};
use tokio::time::timeout;

use super::problem;
use crate::{audit::Source, gate, state::EntranceState};

/// The limit of a form's body.
pub(super) const FORM_BYTES: usize = 8 << 10;
/// How long the body of a form may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// The limit of an error in a URL, in characters.
const ERROR_CHARS: usize = 500;

/// The fields of a form, in order. Some are secrets, so there is no `Debug`.
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value of a field; empty if there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// The first value, without white space around it; `None` if it is empty.
    pub(super) fn trimmed(&self, name: &str) -> Option<&str> {
        Some(self.get(name).trim()).filter(|value| !value.is_empty())
    }

    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

impl<S: Send + Sync> FromRequest<S> for Fields {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let form =
            timeout(PATIENCE, Form::<Vec<(String, String)>>::from_request(request, state)).await.map_err(|_| {
                let detail = format!("the form was not complete within {} s", PATIENCE.as_secs());
                problem::document(StatusCode::REQUEST_TIMEOUT, &detail)
            })?;
        let Form(fields) = form.map_err(|rejection| match rejection.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => {
                problem::document(status, &format!("the form has more than {FORM_BYTES} bytes; send shorter fields"))
            }
            status => problem::document(status, &rejection.body_text()),
        })?;
        Ok(Self(fields))
    }
}

/// Who sends a form, and how.
pub(super) struct Visitor {
    pub(super) principal: Principal,
    pub(super) address: IpAddr,
    /// The client that a proxy has named, or the address itself. For the audit alone.
    pub(super) named: IpAddr,
    /// By what failed log-ins are slowed.
    pub(super) slowed: Slowed,
    pub(super) agent: String,
    /// The browser's connection is encrypted.
    pub(super) is_secure: bool,
    /// The names of the session cookie, for the address that the browser has called.
    pub(super) cookies: cookie::Names,
}

impl Visitor {
    /// For the audit.
    pub(super) fn source(&self) -> Source {
        Source::new(self.address, self.named)
    }
}

impl FromRequestParts<EntranceState> for Visitor {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &EntranceState) -> Result<Self, Infallible> {
        let extensions = &parts.extensions;
        let text = |name| header_text(&parts.headers, name);
        let is_tls = extensions.get::<app::Secure>().is_some();
        // A proxy in front of this server may have ended the encryption. Without `--public-url` nobody says that there
        // is one, and the header is the caller's.
        let is_proxied = state.is_public_https && text("x-forwarded-proto").eq_ignore_ascii_case("https");
        let address = extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(Ipv4Addr::UNSPECIFIED.into(), |ConnectInfo(peer)| peer.ip().to_canonical());
        Ok(Self {
            principal: extensions.get::<Principal>().cloned().unwrap_or_else(Principal::nobody),
            address,
            named: named_client(address, &parts.headers),
            slowed: gate::slowed(address, &parts.headers, state.is_proxied),
            agent: text("user-agent").to_owned(),
            is_secure: is_tls || is_proxied,
            cookies: cookie::Names::of(parts),
        })
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Names in a field that are separated by commas or white space.
pub(super) fn list(text: &str) -> Vec<String> {
    let names = text.split(|c: char| c == ',' || c.is_whitespace());
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// A redirect after a form, which no cache keeps.
pub(super) fn see_other(address: &str) -> Response {
    let mut response = Redirect::to(address).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// A path with parameters.
pub(super) fn url_of(path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("{path}?{}", query.finish())
}

/// An error as a parameter of a URL.
pub(super) fn shortened(error: &str) -> String {
    error.chars().take(ERROR_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    async fn read(body: impl Into<Body>) -> Result<Fields, Response> {
        let request = Request::post("/login").header("content-type", "application/x-www-form-urlencoded");
        Fields::from_request(request.body(body.into()).unwrap(), &()).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_form_that_stalls_is_given_up() {
        let begun = tokio::time::Instant::now();
        let stalled = Body::from_stream(futures::stream::pending::<std::io::Result<Vec<u8>>>());
        assert_eq!(read(stalled).await.err().unwrap().status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(begun.elapsed().as_secs(), PATIENCE.as_secs());
    }

    #[tokio::test]
    async fn fields_may_be_repeated_or_missing() {
        let fields = read("door=json&name=+a%20b+&door=otlp".to_owned()).await.ok().unwrap();
        assert_eq!(fields.all("door").collect::<Vec<_>>(), ["json", "otlp"]);
        assert_eq!((fields.get("name"), fields.trimmed("name")), (" a b ", Some("a b")));
        assert_eq!((fields.get("next"), fields.trimmed("next")), ("", None));
    }

    #[test]
    fn what_a_redirect_carries_is_escaped_and_short() {
        let error = shortened(&"x".repeat(2_000));
        assert_eq!(error.len(), ERROR_CHARS);
        assert_eq!(url_of("/a", &[("error", "a&b\r\n"), ("x", "é")]), "/a?error=a%26b%0D%0A&x=%C3%A9");
        let response = see_other("/a");
        assert_eq!(response.status(), StatusCode::SEE_OTHER);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
}
