//! The HTTP client of commands that call a running server.

use std::fmt;

use anyhow::Context as _;
use clap::Args;
use reqwest::{
    Method, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
    redirect::Policy,
};
use url::Url;

use super::{
    credentials::{Credentials, install_tls},
    printable,
};

/// The server to call.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// The URL of the server.
    #[arg(long = "server", env = "LOGBOOM_SERVER", value_name = "URL", default_value = "http://127.0.0.1:3000")]
    url: Url,

    #[command(flatten)]
    credentials: Credentials,
}

impl Server {
    pub(crate) fn new(url: Url, credentials: Credentials) -> Self {
        Self { url, credentials }
    }

    /// A client without a key, for this machine: a proxy of the environment is for others, and nothing is followed
    /// elsewhere.
    pub(crate) fn client() -> reqwest::Client {
        install_tls();
        reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap_or_default()
    }

    /// A client that sends the key of the options.
    ///
    /// # Errors
    /// The key or the certificates cannot be read.
    pub(crate) fn connect(&self) -> anyhow::Result<reqwest::Client> {
        self.credentials.client(&self.url)
    }

    /// The URL without user and password, for errors.
    fn name(&self) -> Url {
        let mut url = self.url.clone();
        // A URL that cannot have them has none.
        let _ = url.set_password(None);
        let _ = url.set_username("");
        url
    }

    /// The URL of a call.
    pub(crate) fn url(&self, path: &str) -> anyhow::Result<Url> {
        Ok(self.url.join(path)?)
    }

    /// # Errors
    /// The server cannot be reached, or refuses the call ([`Refused`]); the error contains its reason.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Response> {
        self.send(method, path, parameters, Vec::new()).await
    }

    /// Calls the server with a body of JSON; otherwise like [`Server::call`].
    ///
    /// # Errors
    /// As [`Server::call`].
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        parameters: &[(&str, &str)],
        body: Vec<u8>,
    ) -> anyhow::Result<Response> {
        let mut url = self.url(path)?;
        url.query_pairs_mut().extend_pairs(parameters);
        let response = self
            .connect()?
            .request(method, url)
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(|| format!("{} cannot be reached; name the server by --server", self.name()))?;
        Ok(self.checked(response).await?)
    }

    /// Turns a response other than 2xx into an error.
    ///
    /// # Errors
    /// The server's reason.
    pub(crate) async fn checked(&self, response: Response) -> Result<Response, Refused> {
        if response.status().is_success() {
            return Ok(response);
        }
        let has_key = self.credentials.key().is_some();
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let location = location.and_then(|location| response.url().join(location).ok());
        let body = response.bytes().await.unwrap_or_default();
        let mut refused = Refused::new(status, &body);
        match status {
            StatusCode::UNAUTHORIZED if has_key => {
                refused.text.push_str("; check the key of --key-file or LOGBOOM_KEY");
            }
            StatusCode::UNAUTHORIZED => {
                refused.text.push_str("; give a key by --key-file FILE or the environment variable LOGBOOM_KEY");
            }
            status if status.is_redirection() => {
                let to = location.map_or_else(String::new, |to| format!(" to {}", to.origin().ascii_serialization()));
                refused.text = format!("{} redirects{to}; name that address by --server", self.name());
            }
            _ => {}
        }
        Err(refused)
    }
}

/// A server's refusal of a call.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    /// Safe to print.
    text: String,
}

impl Refused {
    /// `body` is a problem document, or anything else.
    pub(crate) fn new(status: StatusCode, body: &[u8]) -> Self {
        let problem: Option<serde_json::Value> = serde_json::from_slice(body).ok();
        let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str());
        let text = detail.map_or_else(|| status.to_string(), |detail| printable::text(detail).into_owned());
        Self { status, text }
    }

    /// Whether the server refuses the key, or wants one.
    pub(crate) fn is_about_access(&self) -> bool {
        matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use axum::{
        Json, Router,
        http::{HeaderValue, header},
        response::IntoResponse as _,
        routing::get,
    };
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_refusal_names_the_way_out() {
        let problem = |status: u16, detail: &'static str| {
            let status = StatusCode::from_u16(status).unwrap();
            get(move || async move { (status, Json(json!({ "detail": detail }))) })
        };
        let elsewhere = async || {
            let mut response = StatusCode::PERMANENT_REDIRECT.into_response();
            response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("https://logs.example.com/x"));
            response
        };
        let router = Router::new()
            .route("/unknown", problem(401, "a key is needed"))
            .route("/forbidden", problem(403, "the key\nmay write"))
            .route("/plain", get(async || StatusCode::BAD_GATEWAY))
            .route("/elsewhere", get(elsewhere));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "lb_abc").unwrap();
        let credentials = Credentials { key_file: Some(file.path().to_owned()), ca: None };
        let server = Server::new(url.parse().unwrap(), credentials);
        for (path, status, parts) in [
            ("/unknown", 401, &["a key is needed", "check the key"][..]),
            ("/forbidden", 403, &["the key\\nmay write"]),
            ("/plain", 502, &["502"]),
            ("/elsewhere", 308, &["redirects to https://logs.example.com;", "--server"]),
        ] {
            let error = server.call(Method::GET, path, &[]).await.unwrap_err();
            let text = format!("{error:#}");
            assert!(parts.iter().all(|part| text.contains(part)), "{path}: {text}");
            let refused = error.downcast_ref::<Refused>().unwrap();
            assert_eq!(refused.status.as_u16(), status);
            assert_eq!(refused.is_about_access(), matches!(status, 401 | 403), "{path}");
        }
    }
}
