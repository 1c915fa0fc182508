//! Calls of the provider: over TLS, with limits of time and size, and without redirects.

use std::{fmt, pin::Pin, time::Duration};

use anyhow::{Context as _, ensure};
use axum::http::{self, header::CONTENT_TYPE};
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use reqwest::{Certificate, redirect};
use url::{Host, Url};

use super::failure::chain;

/// How long a connection may take, and a whole call.
const CONNECT: Duration = Duration::from_secs(5);
const CALL: Duration = Duration::from_secs(10);
/// The limit of an answer in bytes. A token with many groups has some 10 KiB.
const ANSWER_BYTES: usize = 1 << 20;

/// The client of the provider.
#[derive(Debug)]
pub(super) struct Fetch {
    client: reqwest::Client,
    /// For calls without TLS, which stay on this machine: it takes no proxy of the environment.
    near: reqwest::Client,
}

/// A call without an answer.
#[derive(Debug)]
pub(super) struct FetchError(String);

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FetchError {}

impl Fetch {
    /// `ca`: the authorities to trust instead of those of the system, in PEM. Connects to nothing yet.
    ///
    /// # Errors
    /// The certificates cannot be used.
    pub(super) fn new(ca: Option<&[u8]>) -> anyhow::Result<Self> {
        // Fails only if a provider is already installed.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let limited = || {
            reqwest::Client::builder()
                .connect_timeout(CONNECT)
                .timeout(CALL)
                // A redirect could lead a call with secrets anywhere.
                .redirect(redirect::Policy::none())
                .user_agent(concat!("logboom/", env!("CARGO_PKG_VERSION")))
        };
        let mut builder = limited();
        if let Some(pem) = ca {
            let certificates = Certificate::from_pem_bundle(pem).context("--oidc-ca: the certificates do not read")?;
            ensure!(!certificates.is_empty(), "--oidc-ca: there is no certificate in the file; write them in PEM");
            builder = builder.tls_certs_only(certificates);
        }
        let [client, near] = [builder, limited().no_proxy()].map(reqwest::ClientBuilder::build);
        let missing = "there is no client for the provider";
        Ok(Self { client: client.context(missing)?, near: near.context(missing)? })
    }

    async fn fetch(&self, request: HttpRequest) -> Result<HttpResponse, FetchError> {
        let request = reqwest::Request::try_from(request).map_err(|error| FetchError(chain(&error)))?;
        let server = request.url().origin().ascii_serialization();
        if !is_safe(request.url()) {
            return Err(FetchError(format!("{server} is not called: it has no TLS, and is another machine")));
        }
        let broken = |error: reqwest::Error| FetchError(format!("{server}: {}", chain(&error.without_url())));
        let client = if request.url().scheme() == "http" { &self.near } else { &self.client };
        let mut response = client.execute(request).await.map_err(broken)?;
        let mut answer = http::Response::builder().status(response.status());
        if let Some(kind) = response.headers().get(CONTENT_TYPE) {
            answer = answer.header(CONTENT_TYPE, kind.clone());
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(broken)? {
            if body.len() + part.len() > ANSWER_BYTES {
                return Err(FetchError(format!("{server}: the answer has more than {ANSWER_BYTES} bytes")));
            }
            body.extend_from_slice(&part);
        }
        answer.body(body).map_err(|error| FetchError(format!("{server}: {error}")))
    }
}

impl<'c> AsyncHttpClient<'c> for Fetch {
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, FetchError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.fetch(request))
    }
}

/// Whether nobody on the way can read or change a call: it has TLS, or stays on this machine.
pub(crate) fn is_safe(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    #[test]
    fn without_tls_only_this_machine_is_safe() {
        for (url, safe) in [
            ("https://id.example", true),
            ("http://localhost:8080/realms/a", true),
            ("http://127.0.0.1:8080", true),
            ("http://[::1]:8080", true),
            ("http://id.example", false),
            ("http://10.0.0.5", false),
            ("http://localhost.id.example", false),
            ("ftp://localhost", false),
        ] {
            assert_eq!(is_safe(&Url::parse(url).unwrap()), safe, "{url}");
        }
    }

    /// Answers one call with a text.
    async fn served(answer: Vec<u8>) -> String {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = socket.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(&answer).await;
        });
        format!("http://{address}/")
    }

    async fn get(url: &str) -> Result<HttpResponse, FetchError> {
        let request = http::Request::get(url).body(Vec::new()).unwrap();
        Fetch::new(None).unwrap().call(request).await
    }

    #[tokio::test]
    async fn an_answer_is_bounded_and_a_redirect_is_not_followed() {
        let head =
            |status: &str, more: &str| format!("HTTP/1.1 {status}\r\n{more}connection: close\r\n\r\n").into_bytes();
        let moved = served(head("302 Found", "location: http://127.0.0.1:1/\r\ncontent-length: 0\r\n")).await;
        assert_eq!(get(&moved).await.unwrap().status().as_u16(), 302);
        let long = served([head("200 OK", ""), vec![b' '; ANSWER_BYTES + 1]].concat()).await;
        assert!(get(&long).await.unwrap_err().to_string().contains("more than 1048576 bytes"));
        let typed = served([head("200 OK", "content-type: application/json\r\n"), b"{}".to_vec()].concat()).await;
        let typed = get(&typed).await.unwrap();
        assert_eq!(
            (typed.headers()[CONTENT_TYPE].as_bytes(), &typed.body()[..]),
            (&b"application/json"[..], &b"{}"[..])
        );
        let error = get("http://id.example/").await.unwrap_err().to_string();
        assert!(error.contains("no TLS"), "{error}");
    }

    #[test]
    fn a_file_without_a_certificate_is_refused_by_the_name_of_its_option() {
        for pem in ["", "none", "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n"] {
            let error = format!("{:#}", Fetch::new(Some(pem.as_bytes())).unwrap_err());
            assert!(error.contains("--oidc-ca") || error.contains("client"), "{pem}: {error}");
        }
    }
}
