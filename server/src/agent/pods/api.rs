//! The calls of the Kubernetes API: list pods, watch pods.
//!
//! Reference: <https://kubernetes.io/docs/reference/using-api/api-concepts/>.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use reqwest::{Certificate, StatusCode, redirect};
use tokio::{fs, time::timeout};

use super::{
    access::Access,
    answers::{Event, Page, RawEvent, Status, Versioned},
    error::{ApiError, Kind},
    pod::{Object, Pod},
};
use crate::commands::client::Server;

/// The limit of a call until its answer begins, and of a page of the list.
const CALL: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// Finds a connection whose other end is gone.
const KEEPALIVE: Duration = Duration::from_secs(30);
/// The most bytes of a page of the list, of one event, and of a reason for an error.
const PAGE_BYTES: usize = 16 << 20;
const EVENT_BYTES: usize = 4 << 20;
const REASON_BYTES: usize = 64 << 10;
/// The most bytes of a token.
const TOKEN_BYTES: usize = 64 << 10;
/// The most characters of a reason of the server that are kept.
const REASON: usize = 300;
/// The server ends a watch after this time, and the token is then read again.
pub(super) const WATCH: Duration = Duration::from_secs(240);

/// A client of one API server. The certificates are those of the time when it was made.
pub(super) struct Api<'a> {
    client: reqwest::Client,
    access: &'a Access,
}

impl<'a> Api<'a> {
    /// Reads the certificates. Connects to nothing yet.
    ///
    /// # Errors
    /// The certificates cannot be read.
    pub(super) async fn new(access: &'a Access) -> Result<Self, ApiError> {
        // Installs what TLS needs.
        drop(Server::client());
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .tcp_keepalive(KEEPALIVE)
            // The token goes to this server only.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("logboom/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &access.certificates {
            let name = path.display();
            let unusable = |error: &dyn std::fmt::Display| {
                ApiError::options(format!(
                    "the certificates {name} cannot be used: {error}; check --kubernetes-ca-file"
                ))
            };
            let pem = fs::read(path).await.map_err(|error| unusable(&error))?;
            let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(&error))?;
            if certificates.is_empty() {
                return Err(unusable(&"there is no certificate in it"));
            }
            builder = builder.tls_certs_only(certificates);
        }
        let client =
            builder.build().map_err(|error| ApiError::options(format!("no client for the API server: {error}")))?;
        Ok(Self { client, access })
    }

    /// The node of the pods; `None`: all nodes.
    pub(super) fn node(&self) -> Option<&str> {
        self.access.node.as_deref()
    }

    /// A page of at most `limit` pods; `next` is the token of the page, empty for the first one. A server may ignore the
    /// limit.
    ///
    /// # Errors
    /// By the status; `Unavailable` if there is no answer in time, `Unexpected` if it is too long or is no list.
    pub(super) async fn list(&self, next: &str, limit: usize) -> Result<Page, ApiError> {
        let limit = limit.to_string();
        let mut parameters = vec![("limit", limit.as_str())];
        if !next.is_empty() {
            parameters.push(("continue", next));
        } else if self.access.node.is_some() {
            // From the server's memory, which has an index by node; else each agent would read all pods from etcd.
            parameters.push(("resourceVersion", "0"));
        }
        let call = async {
            let stream = self.call(&parameters).await?;
            let (body, is_whole) = read(stream, PAGE_BYTES).await.map_err(|error| self.broken(&error))?;
            if !is_whole {
                let way_out = "name the node by --kubernetes-node";
                return Err(self.unexpected(&format!("the list has more than {PAGE_BYTES} bytes; {way_out}")));
            }
            serde_json::from_slice(&body).map_err(|error| self.unexpected(&error))
        };
        timeout(CALL, call).await.unwrap_or_else(|_| Err(self.broken(&format!("no answer within {CALL:?}"))))
    }

    /// The changes after `version`, for at most [`WATCH`]. The stream ends without an error when the connection breaks.
    ///
    /// # Errors
    /// As [`Api::list`]; `Gone` if the version is too old.
    pub(super) async fn watch(
        &self,
        version: &str,
    ) -> Result<impl Stream<Item = Result<Event, ApiError>> + use<'_>, ApiError> {
        let seconds = WATCH.as_secs().to_string();
        let parameters = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", &seconds),
        ];
        let bytes = timeout(CALL, self.call(&parameters)).await;
        let bytes = bytes.unwrap_or_else(|_| Err(self.broken(&format!("no answer within {CALL:?}"))))?;
        Ok(async_stream::try_stream! {
            let mut buffer = Vec::new();
            for await bytes in bytes {
                let Ok(bytes) = bytes else { return };
                buffer.extend_from_slice(&bytes);
                while let Some(end) = memchr::memchr(b'\n', &buffer) {
                    let line: Vec<u8> = buffer.drain(..=end).collect();
                    if let Some(event) = self.event(&line)? {
                        yield event;
                    }
                }
                if buffer.len() > EVENT_BYTES {
                    Err(self.unexpected(&format!("an event has more than {EVENT_BYTES} bytes")))?;
                }
            }
        })
    }

    /// `None`: the event is of a type that this program does not know.
    fn event(&self, line: &[u8]) -> Result<Option<Event>, ApiError> {
        let unreadable = |error: serde_json::Error| self.unexpected(&error);
        let RawEvent { r#type, object } = serde_json::from_slice(line).map_err(unreadable)?;
        if r#type == "ERROR" {
            let status: Status = serde_json::from_str(object.get()).unwrap_or_default();
            let code = StatusCode::from_u16(status.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return Err(self.refusal(code, object.get().as_bytes()));
        }
        let version = || -> Result<String, ApiError> {
            let Versioned { metadata } = serde_json::from_str(object.get()).map_err(unreadable)?;
            Ok(metadata.resource_version)
        };
        let pod = || -> Result<Box<Pod>, ApiError> {
            let object: Object = serde_json::from_str(object.get()).map_err(unreadable)?;
            Ok(Box::new(object.into()))
        };
        Ok(Some(match r#type.as_str() {
            "ADDED" | "MODIFIED" => Event::Seen(pod()?, version()?),
            "DELETED" => Event::Deleted(pod()?, version()?),
            "BOOKMARK" => Event::Bookmark(version()?),
            _ => return Ok(None),
        }))
    }

    async fn call(
        &self,
        parameters: &[(&str, &str)],
    ) -> Result<impl Stream<Item = reqwest::Result<Bytes>> + use<>, ApiError> {
        let mut url = self.access.url.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(["api", "v1", "pods"]);
        }
        url.query_pairs_mut().clear().extend_pairs(parameters);
        if let Some(node) = &self.access.node {
            url.query_pairs_mut().append_pair("fieldSelector", &format!("spec.nodeName={node}"));
        }
        let mut request = self.client.get(url);
        if let Some(token) = self.token().await? {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.map_err(|error| self.broken(&root_cause(&error.without_url())))?;
        let status = answer.status();
        let stream = answer.bytes_stream();
        if status == StatusCode::OK {
            return Ok(stream);
        }
        let reason = timeout(CALL, read(stream, REASON_BYTES)).await;
        let reason = reason.ok().and_then(Result::ok).map(|(body, _)| body).unwrap_or_default();
        Err(self.refusal(status, &reason))
    }

    /// The token of now.
    async fn token(&self) -> Result<Option<String>, ApiError> {
        let Some(path) = &self.access.token else { return Ok(None) };
        let name = path.display();
        if self.access.url.scheme() != "https" {
            return Err(ApiError::options(format!(
                "the token {name} is not sent over http://, where others can read it; use https:// in --kubernetes-api, \
                 or no --kubernetes-token-file"
            )));
        }
        let token = fs::read_to_string(path).await.map_err(|error| {
            let way_out = "mount the token of the ServiceAccount (automountServiceAccountToken), or name another \
                           server by --kubernetes-api";
            ApiError::options(format!("the token {name} cannot be read: {error}; {way_out}"))
        })?;
        let token = token.trim();
        let is_token =
            !token.is_empty() && token.len() <= TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_token {
            return Err(ApiError::options(format!(
                "{name} is no token: it must have 1 to {TOKEN_BYTES} visible characters; check --kubernetes-token-file"
            )));
        }
        Ok(Some(token.to_owned()))
    }

    fn refusal(&self, status: StatusCode, body: &[u8]) -> ApiError {
        let text = match serde_json::from_slice::<Status>(body) {
            Ok(status) => status.message,
            Err(_) => String::from_utf8_lossy(body).into_owned(),
        };
        let text: String = text.trim().chars().take(REASON).filter(|character| !character.is_control()).collect();
        let answer =
            format!("{} answered {status}{}{text}", self.access.name(), if text.is_empty() { "" } else { ": " });
        let (kind, way_out) = match status.as_u16() {
            401 => (Kind::Token, "; check the token of the ServiceAccount, or --kubernetes-token-file"),
            403 => (
                Kind::Forbidden,
                "; allow the ServiceAccount the verbs get, list and watch on pods by a ClusterRole, as in docs/agent.md",
            ),
            410 => (Kind::Gone, ""),
            429 | 500..=599 => (Kind::Unavailable, ""),
            _ => (Kind::Unexpected, "; check --kubernetes-api"),
        };
        ApiError { kind, message: format!("{answer}{way_out}") }
    }

    fn broken(&self, reason: &dyn std::fmt::Display) -> ApiError {
        let message = format!(
            "{} cannot be reached: {reason}; check its address, the network and the certificates",
            self.access.name()
        );
        ApiError { kind: Kind::Unavailable, message }
    }

    fn unexpected(&self, reason: &dyn std::fmt::Display) -> ApiError {
        ApiError {
            kind: Kind::Unexpected,
            message: format!("{}: the answer cannot be read: {reason}", self.access.name()),
        }
    }
}

/// At most `limit` bytes, and whether that is all.
async fn read(stream: impl Stream<Item = reqwest::Result<Bytes>>, limit: usize) -> Result<(Vec<u8>, bool), String> {
    let mut stream = std::pin::pin!(stream);
    let mut body = Vec::new();
    while let Some(bytes) = stream.next().await {
        let bytes = bytes.map_err(|error| root_cause(&error.without_url()))?;
        if body.len() + bytes.len() > limit {
            return Ok((body, false));
        }
        body.extend_from_slice(&bytes);
    }
    Ok((body, true))
}

/// The deepest cause, which names the reason.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
