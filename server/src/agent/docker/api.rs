//! The calls of Docker's Engine API over its Unix socket.
//!
//! Reference: <https://docs.docker.com/reference/api/engine/>. The paths have no version, so the daemon answers in its
//! newest one; the fields used here are in all of them.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use pipeline::{Error, Result};
use reqwest::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};

use crate::commands::client::Server;

/// The limit of a call that answers at once.
const CALL: Duration = Duration::from_secs(10);
const CONNECT: Duration = Duration::from_secs(5);
/// The most bytes of an answer that is not a stream.
const ANSWER_BYTES: usize = 16 << 20;

/// A client of one daemon. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    client: reqwest::Client,
    socket: String,
}

/// A container in the list of all.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Listed {
    pub(super) id: String,
    /// With a leading slash.
    pub(super) names: Vec<String>,
    pub(super) image: String,
    pub(super) labels: Option<BTreeMap<String, String>>,
    /// `created`, `running`, `paused`, `restarting`, `exited` and others.
    pub(super) state: String,
}

impl Listed {
    pub(super) fn name(&self) -> &str {
        self.names.first().map_or(self.id.as_str(), |name| name.trim_start_matches('/'))
    }

    pub(super) fn label(&self, name: &str) -> Option<&str> {
        self.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// Whether it may write more.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.state.as_str(), "running" | "paused" | "restarting")
    }
}

/// What was started; other events are not asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    pub(super) id: String,
}

/// One container.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Inspected {
    pub(super) config: Config,
    pub(super) state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Config {
    /// It has a terminal, whose output is one stream without frames.
    pub(super) tty: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct State {
    pub(super) running: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Version {
    version: String,
}

impl Engine {
    /// # Errors
    /// `Internal` if the client cannot be made.
    pub(super) fn new(socket: &Path) -> Result<Self> {
        // Installs what TLS needs, which the client wants also without TLS.
        drop(Server::client());
        let client = reqwest::Client::builder().unix_socket(socket).connect_timeout(CONNECT).build();
        let client = client.map_err(|error| Error::internal(format!("no client for Docker: {error}")))?;
        Ok(Self { client, socket: socket.display().to_string() })
    }

    pub(super) async fn version(&self) -> Result<String> {
        self.answer::<Version>("/version").await.map(|answer| answer.version)
    }

    /// All containers, also those that have ended.
    pub(super) async fn containers(&self) -> Result<Vec<Listed>> {
        self.answer("/containers/json?all=1").await
    }

    /// # Errors
    /// `NotFound` if it was removed, `Unavailable` if the daemon does not answer.
    pub(super) async fn inspect(&self, id: &str) -> Result<Inspected> {
        self.answer(&format!("/containers/{id}/json")).await
    }

    /// The starts of containers from now on, one JSON object per line.
    pub(super) async fn events(&self) -> Result<impl Stream<Item = Result<Bytes>> + use<>> {
        // {"type":["container"],"event":["start"]}
        self.stream("/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22start%22%5D%7D").await
    }

    /// The log of a container from `since` on, in nanoseconds since the Unix epoch, and with `follow` what it writes
    /// later.
    pub(super) async fn logs(
        &self,
        id: &str,
        since: i64,
        follow: bool,
    ) -> Result<impl Stream<Item = Result<Bytes>> + use<>> {
        // In seconds with a fraction.
        let since = format!("{}.{:09}", since / 1_000_000_000, since % 1_000_000_000);
        let follow = u8::from(follow);
        self.stream(&format!("/containers/{id}/logs?follow={follow}&stdout=1&stderr=1&timestamps=1&since={since}"))
            .await
    }

    async fn answer<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let call = async {
            let mut stream = std::pin::pin!(self.stream(path).await?);
            let mut body = Vec::new();
            while let Some(bytes) = stream.next().await {
                body.extend_from_slice(&bytes?);
                if body.len() > ANSWER_BYTES {
                    return Err(self.failed(path, &format!("the answer has more than {ANSWER_BYTES} bytes")));
                }
            }
            serde_json::from_slice(&body).map_err(|error| self.failed(path, &error))
        };
        match tokio::time::timeout(CALL, call).await {
            Ok(answer) => answer,
            Err(_) => Err(self.failed(path, &format!("no answer within {CALL:?}"))),
        }
    }

    async fn stream(&self, path: &str) -> Result<impl Stream<Item = Result<Bytes>> + use<>> {
        let answer = tokio::time::timeout(CALL, self.client.get(format!("http://docker{path}")).send()).await;
        let answer = match answer {
            Ok(answer) => answer.map_err(|error| self.failed(path, &chain(&error.without_url())))?,
            Err(_) => return Err(self.failed(path, &format!("no answer within {CALL:?}"))),
        };
        if answer.status() == StatusCode::NOT_FOUND {
            return Err(Error::not_found(format!("Docker at {}: {path} was removed", self.socket)));
        }
        if !answer.status().is_success() {
            return Err(self.failed(path, &answer.status()));
        }
        let engine = self.clone();
        let path = path.to_owned();
        Ok(answer
            .bytes_stream()
            .map(move |bytes| bytes.map_err(|error| engine.failed(&path, &chain(&error.without_url())))))
    }

    fn failed(&self, path: &str, reason: &dyn std::fmt::Display) -> Error {
        let path = path.split('?').next().unwrap_or_default();
        Error::unavailable(format!("Docker at {}: {path}: {reason}", self.socket))
    }
}

/// The error with its causes: only the last one names the reason, such as a missing socket.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
