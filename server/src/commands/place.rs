//! Where keys, users and sessions are: a running server, a data folder or a database.
//!
//! In each place the commands make the same calls of the API: over HTTP, over the admin socket, or within this process.
//! Changes within this process become audit records of the next server, by notes among the documents.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use access::{Access, Options, Posture};
use anyhow::{Context as _, bail};
use axum::{Router, body::Body};
use clap::Args;
use pipeline::{Error, ErrorClass, Supervisor, clock::Clock};
use reqwest::{Client, Method, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt as _;
use url::Url;

use super::{
    client::{Refused, Server},
    credentials::{Credentials, install_tls},
    printable,
};
use crate::{
    admin_socket,
    audit::{Audit, Changes, Notes},
    engines::OpenDocuments,
    state::AccessState,
};

/// The most bytes of an answer within this process.
const ANSWER_BYTES: usize = 64 << 20;
/// The limit of a call over the admin socket.
const CALL: Duration = Duration::from_secs(60);
/// What stands for the server where no host is called.
const NOWHERE: &str = "http://localhost/";

/// Options that name the place.
#[derive(Debug, Clone, Args)]
pub(crate) struct Place {
    /// The URL of a running server, which wants the key of an admin. Without it, the database of --store; without that,
    /// the server of this machine that uses --data; and while none runs, the data folder itself.
    #[arg(long, env = "LOGBOOM_SERVER", value_name = "URL")]
    pub server: Option<Url>,

    #[command(flatten)]
    pub credentials: Credentials,

    /// The data folder, as of the server.
    #[arg(long, env = "LOGBOOM_DATA", value_name = "DIR", default_value = "./data")]
    pub data: PathBuf,

    /// The store, as of the server, if it is a database: postgres://user:password@host:5432/database. Servers may be
    /// using it.
    #[arg(long, env = "LOGBOOM_STORE", value_name = "URL", default_value = "embedded", hide_env_values = true)]
    pub store: String,
}

/// The calls of the API in a place.
pub(super) enum Api {
    Server(Server),
    /// The admin socket.
    Socket(Client),
    /// This process.
    Here {
        calls: Router,
        /// Stores a note for the audit of each change that the calls make.
        changes: Changes,
        /// Ends the tasks behind the calls.
        _stop: DropGuard,
        _documents: OpenDocuments,
    },
}

impl Place {
    /// # Errors
    /// There is no such place, or it cannot be used.
    pub(super) async fn open(&self) -> anyhow::Result<Api> {
        if let Some(url) = &self.server {
            return Ok(Api::Server(Server::new(url.clone(), self.credentials.clone())));
        }
        if self.store != "embedded" {
            return Api::on(OpenDocuments::in_database(&self.store).await?, "database").await;
        }
        let socket = admin_socket::path(&self.data);
        let is_live = admin_socket::is_live(&socket).await.with_context(|| {
            format!("{} belongs to another user; run the command as the user of the server", socket.display())
        })?;
        if is_live {
            install_tls();
            return Ok(Api::Socket(Client::builder().unix_socket(socket.as_path()).timeout(CALL).build()?));
        }
        match OpenDocuments::in_folder(&self.data).await {
            Ok(documents) => Api::on(documents, "data folder").await,
            Err(error) => Err(unusable(&error, &self.data)),
        }
    }
}

/// The error of a data folder, with the way out.
fn unusable(error: &Error, data: &Path) -> anyhow::Error {
    let hint = match error.class {
        ErrorClass::Conflict => "name the server by --server, with an admin's key",
        ErrorClass::NotFound => {
            "name the data folder of a server that has run by --data, its database by --store, or a running server by \
             --server"
        }
        _ => return anyhow::anyhow!("--data {}: {error}", data.display()),
    };
    anyhow::anyhow!("--data {}: {error}; {hint}", data.display())
}

impl Api {
    /// `way`: how the documents were reached.
    async fn on(documents: OpenDocuments, way: &str) -> anyhow::Result<Self> {
        let options =
            Options { posture: Posture::Loopback, anonymous: Vec::new(), issuer: None, clock: Clock::system() };
        let stop = CancellationToken::new();
        let stored = Arc::clone(&documents.documents);
        let access = Access::open(stored, options, &Supervisor::default(), stop.clone()).await?;
        let (audit, events) = Audit::for_command(Clock::system());
        Ok(Self::Here {
            calls: admin_socket::calls(AccessState { access, audit }, way),
            changes: Changes::new(events, Notes::new(Arc::clone(&documents.documents))),
            _stop: stop.drop_guard(),
            _documents: documents,
        })
    }

    /// Makes a call. `path` are its parts after `/api/v1/`.
    ///
    /// # Errors
    /// The place cannot be reached, or it refuses the call.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&serde_json::Value>,
    ) -> anyhow::Result<Vec<u8>> {
        let url = url_of(path)?;
        let body = body.map_or_else(Vec::new, |body| body.to_string().into_bytes());
        match self {
            Self::Server(server) => {
                let answer = server.send(method, url.path(), &[], body).await?;
                Ok(answer.bytes().await?.into())
            }
            Self::Socket(client) => {
                let request = client.request(method, url).header(CONTENT_TYPE, "application/json").body(body);
                let answer = request.send().await.map_err(reqwest::Error::without_url);
                let answer = answer.context("the server does not answer on its admin socket")?;
                let (status, body) = (answer.status(), answer.bytes().await?);
                if status.is_success() { Ok(body.into()) } else { Err(Refused::new(status, &body).into()) }
            }
            Self::Here { calls, changes, .. } => {
                let request = axum::http::Request::builder().method(method).uri(url.path());
                let request = request.header(CONTENT_TYPE, "application/json").body(Body::from(body))?;
                let answer = calls.clone().oneshot(request).await?;
                // The change is made, so the command has not failed: a repetition would make it twice.
                if let Err(error) = changes.leave_notes().await {
                    let error = printable::message(&error.to_string());
                    eprintln!("logboom: the change is made, but it leaves no audit record: {error}");
                }
                let status = answer.status();
                let body = axum::body::to_bytes(answer.into_body(), ANSWER_BYTES).await?;
                if status.is_success() { Ok(body.into()) } else { Err(Refused::new(status, &body).into()) }
            }
        }
    }

    /// Makes a call whose answer is JSON.
    ///
    /// # Errors
    /// As [`Api::call`].
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &[&str]) -> anyhow::Result<T> {
        let body = self.call(Method::GET, path, None).await?;
        serde_json::from_slice(&body).context("the answer is none of Logboom's API; check the address")
    }
}

/// The URL of a call. A part may have any characters.
fn url_of(path: &[&str]) -> anyhow::Result<Url> {
    let mut url: Url = format!("{NOWHERE}api/v1/").parse()?;
    for part in path {
        // A URL leaves out such parts, and the call would be another one.
        if matches!(*part, "" | "." | "..") {
            bail!("{part:?} is not a name or an id");
        }
    }
    if let Ok(mut parts) = url.path_segments_mut() {
        parts.pop_if_empty().extend(path);
    }
    Ok(url)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A data folder that a server has used, and its place.
    pub(in crate::commands) async fn used_folder() -> (tempfile::TempDir, Place) {
        let data = tempfile::tempdir().unwrap();
        let options = engine_embedded::Options::default();
        let (queue, store) = engine_embedded::open_pair(data.path(), options).await.unwrap();
        queue.close().await;
        store.close().await;
        let place = place(data.path());
        (data, place)
    }

    fn place(data: &Path) -> Place {
        Place { server: None, credentials: Credentials::default(), data: data.to_owned(), store: "embedded".to_owned() }
    }

    #[test]
    fn each_part_of_a_path_stays_one() {
        let path = |path: &[&str]| url_of(path).map(|url| url.path().to_owned()).map_err(|error| error.to_string());
        assert_eq!(path(&["users", "kim"]).unwrap(), "/api/v1/users/kim");
        assert_eq!(path(&["users", "a/b?c#d"]).unwrap(), "/api/v1/users/a%2Fb%3Fc%23d");
        for part in ["", ".", ".."] {
            assert!(path(&["users", part]).is_err(), "{part}");
        }
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_used_names_the_way_out() {
        let data = tempfile::tempdir().unwrap();
        let error = place(&data.path().join("missing")).open().await.err().unwrap().to_string();
        assert!(error.contains("catalogue.sqlite is missing") && error.contains("--store"), "{error}");

        let (data, used) = used_folder().await;
        let options = engine_embedded::Options::default();
        let (queue, store) = engine_embedded::open_pair(data.path(), options).await.unwrap();
        let error = used.open().await.err().unwrap().to_string();
        assert!(error.contains("a server uses the data folder") && error.contains("--server"), "{error}");
        queue.close().await;
        store.close().await;
        drop((queue, store));
        assert!(matches!(used.open().await.unwrap(), Api::Here { .. }));
    }

    #[tokio::test]
    async fn a_server_on_this_machine_is_called_by_its_admin_socket() {
        let data = tempfile::tempdir().unwrap();
        let stop = CancellationToken::new();
        let (access, supervisor) = (Access::everybody(), Supervisor::default());
        let socket = admin_socket::AdminSocket::start(data.path(), access, &supervisor, stop.clone()).unwrap();
        let api = place(data.path()).open().await.unwrap();
        assert!(matches!(api, Api::Socket(_)));
        let me: serde_json::Value = api.get(&["me"]).await.unwrap();
        assert_eq!(me["name"], "admin socket");
        let error = api.call(Method::GET, &["nothing"], None).await.unwrap_err();
        assert_eq!(error.downcast_ref::<Refused>().unwrap().status.as_u16(), 404);
        drop(api);
        stop.cancel();
        socket.close().await;
    }
}
