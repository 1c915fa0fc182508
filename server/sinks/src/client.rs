//! The HTTP client of sinks: one POST, its limits, and what a status means.

use std::{
    io::Write as _,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use chrono::DateTime;
use flate2::write::GzEncoder;
use pipeline::{BatchId, Error, ErrorClass, Result};
use reqwest::{
    Certificate, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER},
    redirect,
};
use url::Url;

use crate::{authorization::Authorization, destination::Destination, parameters::Parameters};

/// The most bytes of an answer that are read.
const ANSWER_BYTES: usize = 16 << 20;
/// The most characters of a destination's reason that are kept.
const REASON: usize = 512;
/// A destination that asks for more patience is asked again after this time.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A client of one destination.
pub(crate) struct Client {
    inner: reqwest::Client,
    /// Scheme, host and port, for errors.
    name: String,
    headers: HeaderMap,
    authorization: Authorization,
    compression: Compression,
}

/// The compression of request bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
}

impl Compression {
    pub(crate) fn apply(self, body: Vec<u8>) -> Bytes {
        match self {
            Self::None => body.into(),
            Self::Gzip => gzip(&body).into(),
        }
    }
}

/// An answer of status 2xx.
pub(crate) struct Answer {
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Bytes,
}

impl Client {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// `Invalid` if a secret cannot be sent or the certificates cannot be used; `Internal` if TLS is unusable.
    pub(crate) fn new(to: &Destination, compression: Compression) -> Result<Self> {
        let name = to.url.origin().ascii_serialization();
        let authorization = Authorization::new(to)?;
        // Fails only if a provider is already installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .connect_timeout(to.timing.connect)
            .timeout(to.timing.request)
            // A redirected POST may arrive as a GET, and its 200 would acknowledge nothing.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("logboom/", env!("CARGO_PKG_VERSION")));
        if let Some(pem) = &to.ca {
            let unusable =
                |why: &str| Error::invalid(format!("{name}: the certificates of `ca` cannot be used: {why}"));
            let certificates = Certificate::from_pem_bundle(pem).map_err(|error| unusable(&root_cause(&error)))?;
            if certificates.is_empty() {
                return Err(unusable("there is none in the file; name a file with certificates in PEM"));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let inner = builder.build().map_err(|error| Error::internal(format!("{name}: no HTTP client: {error}")))?;
        Ok(Self { inner, name, headers: HeaderMap::new(), authorization, compression })
    }

    /// Adds a header to each request.
    ///
    /// # Errors
    /// `Invalid` if no header can carry the value.
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Result<Self> {
        let value = HeaderValue::try_from(value)
            .map_err(|_| Error::invalid(format!("{}: the header {name} cannot have this value", self.name)))?;
        self.headers.insert(name, value);
        Ok(self)
    }

    /// Scheme, host and port, for errors.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Posts a body to which [`Compression::apply`] was applied, and returns the answer of status 2xx.
    ///
    /// # Errors
    /// By the status, as [`Client::refusal`] has it; `Unavailable` if there is no answer in time.
    pub(crate) async fn post(&self, url: &Url, content_type: &'static str, id: BatchId, body: Bytes) -> Result<Answer> {
        let mut request = self
            .inner
            .post(url.clone())
            .headers(self.headers.clone())
            .header(CONTENT_TYPE, content_type)
            .header("Idempotency-Key", id.to_string());
        if let Some(value) = self.authorization.value() {
            request = request.header(AUTHORIZATION, value);
        }
        if self.compression == Compression::Gzip {
            request = request.header(CONTENT_ENCODING, "gzip");
        }
        let response = request.body(body).send().await.map_err(|error| self.unreachable(error))?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(retry_after);
        let location = response.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let body = self.read(response).await?;
        if status.is_success() {
            return Ok(Answer { retry_after, body });
        }
        if matches!(status.as_u16(), 401 | 403) {
            self.authorization.refused();
        }
        Err(self.refusal(status, retry_after, location.as_deref(), &body))
    }

    async fn read(&self, mut response: Response) -> Result<Bytes> {
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(|error| self.unreachable(error))? {
            if body.len() + part.len() > ANSWER_BYTES {
                return Err(unavailable(format!("{}: the answer is longer than {ANSWER_BYTES} bytes", self.name)));
            }
            body.extend_from_slice(&part);
        }
        Ok(body.into())
    }

    fn unreachable(&self, error: reqwest::Error) -> Error {
        let (is_timeout, is_connect) = (error.is_timeout(), error.is_connect());
        let why = root_cause(&error.without_url());
        let name = &self.name;
        unavailable(match (is_connect, is_timeout) {
            (_, true) => format!("{name}: no answer in time; is it overloaded, or is the network slow?"),
            (true, _) => format!("{name} cannot be reached: {why}; check the address, the port and TLS"),
            _ => format!("{name}: the connection broke: {why}"),
        })
    }

    /// The error of a status. `Overloaded` and `Unavailable` are tried again. A status that is about the sink and not
    /// about its records, such as 401 or 404, is `Unavailable`: the records wait until the sink is corrected. Other
    /// statuses 4xx are `Invalid`, so that the follower finds the records at fault.
    fn refusal(&self, status: StatusCode, after: Option<Duration>, location: Option<&str>, body: &[u8]) -> Error {
        let reason = self.authorization.hide(reason(body));
        let text = format!("{} answered {status}{}{reason}", self.name, if reason.is_empty() { "" } else { ": " });
        match status.as_u16() {
            408 | 425 | 429 => overloaded(text, after),
            503 => Error { retry_after: after, ..unavailable(text) },
            401 | 403 | 407 => {
                unavailable(format!("{text}; check the user, the password, the token or the key of the sink"))
            }
            404 | 405 | 406 | 410 | 411 | 415 | 421 | 426 => {
                unavailable(format!("{text}; check the path and the kind of the sink"))
            }
            400..=499 => Error::invalid(text),
            300..=399 => {
                let to = location.and_then(|to| Url::parse(to).ok());
                let to = to.map_or_else(String::new, |to| format!(" to {}", to.origin().ascii_serialization()));
                unavailable(format!("{text}; it redirects{to}: use the address that it redirects to"))
            }
            _ => unavailable(text),
        }
    }
}

/// `compress=gzip` of a sink.
///
/// # Errors
/// `Invalid` for another value.
pub(crate) fn compress(parameters: &mut Parameters) -> Result<Compression> {
    let compression = parameters.parse("compress", "gzip or none", |text| match text {
        "gzip" => Some(Compression::Gzip),
        "none" => Some(Compression::None),
        _ => None,
    })?;
    Ok(compression.unwrap_or(Compression::None))
}

/// An error that is tried again after `after`, or with the follower's backoff.
pub(crate) fn overloaded(message: String, after: Option<Duration>) -> Error {
    Error { class: ErrorClass::Overloaded, message, retry_after: after }
}

/// An error that is tried again with the follower's backoff.
pub(crate) fn unavailable(message: String) -> Error {
    Error { class: ErrorClass::Unavailable, message, retry_after: None }
}

/// The deepest cause, which is the one that says what is wrong.
pub(crate) fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// At most [`REASON`] characters of a text for people, on one line.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.trim().chars().take(REASON + 1).collect();
    if short.chars().count() > REASON {
        short.pop();
        short.push('…');
    }
    short.replace(|character: char| character.is_control(), " ")
}

fn reason(body: &[u8]) -> String {
    shortened(&String::from_utf8_lossy(&body[..body.len().min(4 * REASON)]))
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
    // Writing to memory does not fail.
    let _ = encoder.write_all(body);
    encoder.finish().unwrap_or_default()
}

/// Reads seconds or a date.
fn retry_after(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let delay = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let date = SystemTime::from(DateTime::parse_from_rfc2822(text).ok()?);
            date.duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(delay.min(PATIENCE))
}
