//! What is known of the provider: its addresses and the keys of its tokens.
//!
//! It is read at the first log-in, again after an hour, and when a token has a key that is not known, because the
//! provider has changed its keys. A provider that does not answer makes log-ins fail, and nothing else. While one
//! log-in reads, others wait for the outcome.

use std::{sync::Arc, time::Duration};

use app::external::ExternalFailure;
use openidconnect::{DiscoveryError, IssuerUrl, core::CoreProviderMetadata};
use tokio::{sync::Mutex, time::Instant};

use super::{
    failure::{Failure, chain},
    fetch::{Fetch, FetchError, is_safe},
};

/// How long what was read counts.
const FRESH: Duration = Duration::from_secs(3600);
/// How long a failure counts, so that many log-ins at once do not repeat it one by one.
const FAILED: Duration = Duration::from_secs(2);
/// The least time between two readings because of unknown keys.
const KEYS_EVERY: Duration = Duration::from_secs(10);

/// The provider.
pub(super) struct Provider {
    issuer: IssuerUrl,
    fetch: Fetch,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    known: Option<Arc<Known>>,
    failed: Option<(Instant, Failure)>,
    /// When it was last read because of an unknown key.
    keys: Option<Instant>,
}

/// What was read.
pub(super) struct Known {
    pub(super) metadata: CoreProviderMetadata,
    read: Instant,
}

impl Provider {
    pub(super) fn new(issuer: IssuerUrl, fetch: Fetch) -> Self {
        Self { issuer, fetch, seen: Mutex::default() }
    }

    pub(super) fn issuer(&self) -> &IssuerUrl {
        &self.issuer
    }

    pub(super) fn fetch(&self) -> &Fetch {
        &self.fetch
    }

    /// What is known; reads it if it is older than an hour. If that fails, the older one counts.
    ///
    /// # Errors
    /// The provider does not answer and has never answered, or it is another one than its address says.
    pub(super) async fn known(&self) -> Result<Arc<Known>, Failure> {
        let mut seen = self.seen.lock().await;
        if let Some(known) = seen.known.as_ref().filter(|known| known.read.elapsed() < FRESH) {
            return Ok(Arc::clone(known));
        }
        if let Some((_, failure)) = seen.failed.as_ref().filter(|(at, _)| at.elapsed() < FAILED) {
            return seen.known.clone().ok_or_else(|| failure.clone());
        }
        match self.read().await {
            Ok(known) => {
                *seen = Seen { known: Some(Arc::clone(&known)), failed: None, keys: seen.keys };
                Ok(known)
            }
            Err(failure) => {
                // Anybody can have it asked again every two seconds, so the same failure is news once.
                let issuer = self.issuer.as_str();
                match &seen.failed {
                    Some((_, before)) if *before == failure => {
                        tracing::debug!(issuer, %failure, "the OIDC provider still cannot be used");
                    }
                    _ => tracing::warn!(issuer, %failure, "the OIDC provider cannot be used now"),
                }
                seen.failed = Some((Instant::now(), failure.clone()));
                seen.known.clone().ok_or(failure)
            }
        }
    }

    /// Reads the keys once more, because a token has one that `old` does not have.
    ///
    /// # Errors
    /// The provider does not answer, or the keys were read for this reason less than ten seconds ago.
    pub(super) async fn with_new_keys(&self, old: &Arc<Known>) -> Result<Arc<Known>, Failure> {
        let mut seen = self.seen.lock().await;
        if let Some(known) = seen.known.as_ref().filter(|known| !Arc::ptr_eq(known, old)) {
            // Another log-in has done it meanwhile.
            return Ok(Arc::clone(known));
        }
        if seen.keys.is_some_and(|at| at.elapsed() < KEYS_EVERY) {
            return Err(Failure::new(ExternalFailure::Token, "a token has a key that the provider does not publish"));
        }
        seen.keys = Some(Instant::now());
        let known = self.read().await?;
        tracing::info!(issuer = self.issuer.as_str(), "the keys of the OIDC provider were read again");
        seen.known = Some(Arc::clone(&known));
        Ok(known)
    }

    async fn read(&self) -> Result<Arc<Known>, Failure> {
        let read = CoreProviderMetadata::discover_async(self.issuer.clone(), &self.fetch).await;
        let metadata = read.map_err(|error| failure(&error))?;
        let own = [
            Some(metadata.authorization_endpoint().url()),
            metadata.token_endpoint().map(|endpoint| endpoint.url()),
            metadata.userinfo_endpoint().map(|endpoint| endpoint.url()),
        ];
        if let Some(unsafe_one) = own.into_iter().flatten().find(|url| !is_safe(url)) {
            let server = unsafe_one.origin().ascii_serialization();
            return Err(Failure::new(
                ExternalFailure::Unreachable,
                format!("the provider names {server}, without TLS"),
            ));
        }
        Ok(Arc::new(Known { metadata, read: Instant::now() }))
    }
}

fn failure(error: &DiscoveryError<FetchError>) -> Failure {
    let kind = match error {
        DiscoveryError::Validation(_) => ExternalFailure::Issuer,
        _ => ExternalFailure::Unreachable,
    };
    Failure::new(kind, chain(error))
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, SocketAddr},
        sync::atomic::{AtomicUsize, Ordering},
    };

    use serde_json::json;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// Answers calls as a provider whose issuer ends with this path, and counts them.
    async fn serve(address: SocketAddr, path: &'static str) -> (SocketAddr, Arc<AtomicUsize>) {
        let socket = TcpListener::bind(address).await.unwrap();
        let (address, calls) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&calls);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = socket.accept().await.unwrap();
                counted.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                let length = stream.read(&mut head).await.unwrap();
                let own = format!("http://{address}");
                let body = match head[..length].starts_with(b"GET /jwks ") {
                    true => json!({ "keys": [] }),
                    false => json!({
                        "issuer": format!("{own}{path}"), "authorization_endpoint": format!("{own}/auth"),
                        "token_endpoint": format!("{own}/token"), "jwks_uri": format!("{own}/jwks"),
                        "response_types_supported": ["code"], "subject_types_supported": ["public"],
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }),
                };
                let body = body.to_string();
                let length = body.len();
                let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close";
                let answer = format!("{head}\r\ncontent-length: {length}\r\n\r\n{body}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (address, calls)
    }

    fn provider(address: SocketAddr) -> Provider {
        let issuer = IssuerUrl::new(format!("http://{address}")).unwrap();
        Provider::new(issuer, Fetch::new(None).unwrap())
    }

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[tokio::test]
    async fn it_is_read_once_and_for_an_unknown_key_again_but_not_all_the_time() {
        let (address, calls) = serve(ANY, "").await;
        let provider = provider(address);
        let (one, other) = tokio::join!(provider.known(), provider.known());
        let (one, other) = (one.ok().unwrap(), other.ok().unwrap());
        assert!(Arc::ptr_eq(&one, &other));
        assert_eq!(calls.load(Ordering::SeqCst), 2, "the document and the keys");
        let (new, same) = tokio::join!(provider.with_new_keys(&one), provider.with_new_keys(&one));
        let new = new.ok().unwrap();
        assert!(!Arc::ptr_eq(&new, &one) && Arc::ptr_eq(&new, &same.ok().unwrap()));
        assert_eq!(calls.load(Ordering::SeqCst), 4);
        assert_eq!(provider.with_new_keys(&new).await.err().unwrap().kind, ExternalFailure::Token);
        assert_eq!(calls.load(Ordering::SeqCst), 4);
        provider.seen.lock().await.keys = None;
        assert!(provider.with_new_keys(&new).await.is_ok());
        assert_eq!(calls.load(Ordering::SeqCst), 6);
    }

    #[tokio::test]
    async fn a_provider_that_is_down_at_first_is_used_once_it_answers() {
        let free = TcpListener::bind(ANY).await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let provider = provider(address);
        assert_eq!(provider.known().await.err().unwrap().kind, ExternalFailure::Unreachable);
        let (_, calls) = serve(address, "").await;
        // The failure counts for two seconds.
        assert_eq!(provider.known().await.err().unwrap().kind, ExternalFailure::Unreachable);
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        provider.seen.lock().await.failed = None;
        assert!(provider.known().await.is_ok());
    }

    #[tokio::test]
    async fn a_provider_with_another_issuer_is_not_used() {
        let (address, _) = serve(ANY, "/").await;
        let failure = provider(address).known().await.err().unwrap();
        assert_eq!(failure.kind, ExternalFailure::Issuer);
        assert!(failure.detail.contains(&format!("http://{address}/")), "{failure}");
    }
}
