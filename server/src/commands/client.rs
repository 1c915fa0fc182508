//! The HTTP client of commands that call a running server.

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::{Method, Response, header::CONTENT_TYPE};
use url::Url;

use super::printable;

/// The server to call.
#[derive(Debug, Clone, Args)]
pub(crate) struct Server {
    /// The URL of the server.
    #[arg(long = "server", env = "LOGBOOM_SERVER", value_name = "URL", default_value = "http://127.0.0.1:3000")]
    url: Url,
}

impl Server {
    pub(crate) fn client() -> reqwest::Client {
        // Fails only if a provider is already installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        reqwest::Client::new()
    }

    /// The URL of a call.
    pub(crate) fn url(&self, path: &str) -> anyhow::Result<Url> {
        Ok(self.url.join(path)?)
    }

    /// # Errors
    /// The server cannot be reached, or refuses the call; the error contains its reason.
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
        let response = Self::client()
            .request(method, url)
            .header(CONTENT_TYPE, "application/json")
            .body(body)
            .send()
            .await
            .map_err(reqwest::Error::without_url)
            .with_context(|| format!("{} cannot be reached; name the server by --server", self.url))?;
        if !response.status().is_success() {
            let status = response.status();
            let body = response.text().await.unwrap_or_default();
            let problem: Option<serde_json::Value> = serde_json::from_str(&body).ok();
            let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str()).unwrap_or(status.as_str());
            bail!("{}", printable::text(detail));
        }
        Ok(response)
    }
}
