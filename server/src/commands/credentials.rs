//! How a command proves to a server who it is, and which certificates it trusts.
//!
//! A key comes from a file or the environment, never from a flag: `ps` shows the command line to all users of the
//! machine.

use std::{io::Write as _, path::PathBuf, sync::Once};

use anyhow::{Context as _, anyhow, ensure};
use clap::Args;
use reqwest::{
    Certificate, Client,
    header::{AUTHORIZATION, HeaderMap, HeaderValue},
    redirect,
};
use sinks::Key;
use url::{Host, Url};

/// The most redirects that a call follows.
const REDIRECTS: usize = 10;

/// A key, and certificates.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Credentials {
    /// A file with the key for the server. Without it, the environment variable LOGBOOM_KEY holds the key, or
    /// LOGBOOM_KEY_FILE names the file.
    #[arg(long, value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// A file with the certificates in PEM that the server's certificate is checked against, instead of the system's.
    #[arg(long, env = "LOGBOOM_CA", value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

impl Credentials {
    pub(crate) fn key(&self) -> Option<Key> {
        Key::given(self.key_file.as_deref())
    }

    /// A client for the server at `url`, which sends the key with each call. It follows redirects within the server
    /// alone, so no other one gets the key.
    ///
    /// # Errors
    /// The key or the certificates cannot be read.
    pub(crate) fn client(&self, url: &Url) -> anyhow::Result<Client> {
        install_tls();
        let mut builder = Client::builder().redirect(redirect::Policy::custom(follow_within_server));
        if let Some(path) = &self.ca {
            let pem = std::fs::read(path).with_context(|| format!("--ca {} cannot be read", path.display()))?;
            let certificates = Certificate::from_pem_bundle(&pem)
                .with_context(|| format!("--ca {} has no certificates that can be used", path.display()))?;
            ensure!(!certificates.is_empty(), "--ca {} has no certificate in PEM", path.display());
            builder = builder.tls_certs_only(certificates);
        }
        if let Some(key) = self.key() {
            builder = builder.default_headers(HeaderMap::from_iter([(AUTHORIZATION, bearer(&key.read()?)?)]));
            warn_if_exposed(url);
        }
        Ok(builder.build()?)
    }
}

/// Installs what TLS needs. A client needs it also for plain HTTP.
pub(crate) fn install_tls() {
    // Fails only if a provider is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The value of the header with a key.
fn bearer(key: &str) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {key}"))
        .map_err(|_| anyhow!("the key has characters that no header can carry; check its file or LOGBOOM_KEY"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn follow_within_server(attempt: redirect::Attempt<'_>) -> redirect::Action {
    if attempt.previous().len() > REDIRECTS {
        return attempt.error(format!("more than {REDIRECTS} redirects"));
    }
    let is_within = attempt.previous().last().is_some_and(|previous| previous.origin() == attempt.url().origin());
    if is_within { attempt.follow() } else { attempt.stop() }
}

/// Warns once if others on the network can read what is sent to the server.
fn warn_if_exposed(url: &Url) {
    static WARNED: Once = Once::new();
    if is_exposed(url) {
        WARNED.call_once(|| {
            let _ = writeln!(
                std::io::stderr(),
                "logboom: the key goes to {} without encryption, where others on the way can read it; use https://",
                url.origin().ascii_serialization()
            );
        });
    }
}

fn is_exposed(url: &Url) -> bool {
    let is_loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => true,
    };
    url.scheme() == "http" && !is_loopback
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        extract::Request,
        http::{StatusCode, header},
        routing::get,
    };
    use tokio::net::TcpListener;

    use super::*;

    async fn serve(router: Router) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url.parse().unwrap()
    }

    async fn echo(request: Request) -> String {
        let authorization = request.headers().get(AUTHORIZATION);
        authorization.map_or_else(|| "none".to_owned(), |value| value.to_str().unwrap().to_owned())
    }

    fn with_key(key: &str) -> (tempfile::NamedTempFile, Credentials) {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), key).unwrap();
        let credentials = Credentials { key_file: Some(file.path().to_owned()), ca: None };
        (file, credentials)
    }

    #[tokio::test]
    async fn the_key_goes_with_each_call_and_to_no_other_server() {
        let other = serve(Router::new().route("/", get(echo))).await;
        let redirects =
            |to: String| get(move || async move { (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]) });
        let router = Router::new()
            .route("/", get(echo))
            .route("/within", redirects("/".to_owned()))
            .route("/out", redirects(other.to_string()));
        let url = serve(router).await;
        let (_file, credentials) = with_key("lb_abc\n");
        let client = credentials.client(&url).unwrap();
        for (path, status, body) in [("/", 200, "Bearer lb_abc"), ("/within", 200, "Bearer lb_abc"), ("/out", 307, "")]
        {
            let answer = client.get(url.join(path).unwrap()).send().await.unwrap();
            assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (status, body), "{path}");
        }
        let answer = client.get(other).send().await.unwrap().text().await.unwrap();
        assert_eq!(answer, "Bearer lb_abc", "a call that names the server itself");
    }

    #[test]
    fn a_key_is_exposed_over_plain_http_to_another_machine() {
        for (url, exposed) in [
            ("http://127.0.0.1:3000", false),
            ("http://[::1]:3000", false),
            ("http://localhost", false),
            ("http://logs.localhost", false),
            ("https://logs.example.com", false),
            ("http://logs.example.com", true),
            ("http://10.0.0.1:3000", true),
        ] {
            assert_eq!(is_exposed(&url.parse().unwrap()), exposed, "{url}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_named_without_the_key() {
        let url: Url = "http://127.0.0.1:1".parse().unwrap();
        let (file, mut credentials) = with_key("lb_a\nlb_b");
        let error = format!("{:#}", credentials.client(&url).unwrap_err());
        assert!(error.contains("--key-file") && error.contains("more than one line"), "{error}");
        assert!(!error.contains("lb_"), "{error}");
        std::fs::write(file.path(), "lb_a").unwrap();
        credentials.ca = Some(file.path().to_owned());
        let error = format!("{:#}", credentials.client(&url).unwrap_err());
        assert!(error.contains("--ca ") && !error.contains("lb_a"), "{error}");
    }
}
