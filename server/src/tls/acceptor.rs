//! Accepts connections with TLS, by the certificate that is in use at that moment.
//!
//! A handshake runs in the task of its connection and holds the slot of it, so it delays nobody else. An open
//! connection keeps the certificate with which it began. One with a client certificate ends when that one expires, or
//! when other authorities are loaded.

use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use metrics::{counter, describe_counter, describe_gauge, gauge};
use parking_lot::{Mutex, RwLock};
use pipeline::{Supervisor, clock::Clock};
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, ring},
    pki_types::CertificateDer,
    server::WebPkiClientVerifier,
    sign::SingleCertAndKey,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, MissedTickBehavior, interval, timeout, timeout_at},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    files::{Contents, Identity, Paths, client_name, validity},
    stream::{ClientCertificate, Encrypted, Opened, Validity},
};
use crate::config::TlsOptions;

/// The limit of a handshake, from the connection on.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How often the files are read.
const EVERY: Duration = Duration::from_secs(2);
/// The minimum interval between log lines about failed handshakes; all are counted.
const LOGGED_EVERY: Duration = Duration::from_secs(10);
/// The first byte of TLS: the type of a handshake record.
const HANDSHAKE_RECORD: u8 = 0x16;
/// How HTTP/2 begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The number of sessions that clients can resume.
const SESSIONS: usize = 1024;
/// The protocols of HTTP listeners.
const HTTP: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// The answer to HTTP without TLS. Probes can tell the status line: whoever answers it is alive.
const SPEAKS_TLS: &[u8] = b"HTTP/1.1 400 TLS Required\r\ncontent-type: text/plain; charset=utf-8\r\n\
    content-length: 36\r\nconnection: close\r\n\r\nthis port speaks TLS; use https://\r\n";
/// The bounds of what is still read from a client that gets this answer. A connection that is closed with unread bytes
/// is reset, and the client may never see the answer.
const DRAINED: usize = 64 << 10;
const DRAINING: Duration = Duration::from_secs(1);

/// The certificate in use, for all listeners. Cheap to clone; the clones share it.
#[derive(Clone)]
pub(crate) struct Tls {
    shared: Arc<Shared>,
}

struct Shared {
    paths: Paths,
    clock: Clock,
    provider: Arc<CryptoProvider>,
    current: RwLock<Current>,
    /// Serialises checks, and has the fingerprint of the files that were looked at last.
    looked: Mutex<[u8; 32]>,
    failure_logged: Mutex<Option<Instant>>,
}

/// Replaced as a whole.
struct Current {
    http: Arc<ServerConfig>,
    streams: Arc<ServerConfig>,
    leaf: CertificateDer<'static>,
    /// Another process may still use it.
    previous: Option<CertificateDer<'static>>,
    /// What the authorities of clients are known by, and what ends the connections of these clients.
    authorities: Option<[u8; 32]>,
    replaced: CancellationToken,
}

/// What a look at the files has found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Unchanged,
    Replaced,
    /// The new files are wrong, for this reason, and the old certificate stays in use.
    Kept(String),
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tls({})", self.shared.paths.certificate())
    }
}

impl Tls {
    /// Reads the files; `None` without `--tls-cert`. A certificate that is expired or not yet valid is logged.
    ///
    /// # Errors
    /// A file cannot be read or used; the error has its option, its path and the reason.
    pub(crate) fn open(options: &TlsOptions) -> anyhow::Result<Option<Self>> {
        Self::open_at(options, Clock::system())
    }

    pub(super) fn open_at(options: &TlsOptions, clock: Clock) -> anyhow::Result<Option<Self>> {
        let Some(paths) = Paths::of(options) else { return Ok(None) };
        let provider = Arc::new(ring::default_provider());
        let contents = paths.read();
        let (identity, current) = load(&paths, &contents, None, &provider).map_err(anyhow::Error::msg)?;
        describe_counter!("logboom_tls_handshakes_total", "TLS handshakes, by outcome.");
        describe_gauge!("logboom_tls_certificate_expires_seconds", "When the certificate expires, in Unix time.");
        let shared = Shared {
            paths,
            clock,
            provider,
            current: RwLock::new(current),
            looked: Mutex::new(contents.fingerprint()),
            failure_logged: Mutex::default(),
        };
        shared.report(&identity);
        Ok(Some(Self { shared: Arc::new(shared) }))
    }

    /// Checks the files, and logs nothing.
    ///
    /// # Errors
    /// As [`Tls::open`].
    pub(crate) fn check(options: &TlsOptions) -> anyhow::Result<()> {
        let Some(paths) = Paths::of(options) else { return Ok(()) };
        let provider = Arc::new(ring::default_provider());
        load(&paths, &paths.read(), None, &provider).map(drop).map_err(anyhow::Error::msg)
    }

    /// Starts the task `tls`, which follows changes of the files.
    pub(crate) fn watch(&self, supervisor: &Supervisor, stop: &CancellationToken) {
        let (tls, token) = (self.clone(), stop.clone());
        supervisor.spawn("tls", stop.clone(), move || {
            let (tls, stop) = (tls.clone(), token.clone());
            async move { tls.follow(&stop).await }
        });
    }

    async fn follow(&self, stop: &CancellationToken) -> Result<(), tokio::task::JoinError> {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let tls = self.clone();
            // The files may be on a network drive.
            tokio::task::spawn_blocking(move || tls.check_now()).await?;
        }
        Ok(())
    }

    /// Looks at the files, and uses them from now on if they have changed. New connections get the new certificate.
    /// The outcome of each change is logged once. Blocks while it reads.
    pub(crate) fn check_now(&self) -> Look {
        let shared = &self.shared;
        let mut looked = shared.looked.lock();
        let contents = shared.paths.read();
        let fingerprint = contents.fingerprint();
        if fingerprint == *looked {
            return Look::Unchanged;
        }
        *looked = fingerprint;
        let previous = shared.current.read().leaf.clone();
        match load(&shared.paths, &contents, Some(previous), &shared.provider) {
            Ok((identity, current)) => {
                shared.replace(current);
                tracing::info!(
                    "the certificate {} is read again, and new connections get it",
                    shared.paths.certificate()
                );
                shared.report(&identity);
                Look::Replaced
            }
            Err(reason) => {
                tracing::error!("the changed certificate is not used, and the old one stays in use: {reason}");
                Look::Kept(reason)
            }
        }
    }

    /// Whether this is the server's own certificate, now or before its last change.
    pub(super) fn is_own(&self, certificate: &CertificateDer<'_>) -> bool {
        let current = self.shared.current.read();
        [Some(&current.leaf), current.previous.as_ref()].into_iter().flatten().any(|own| own == certificate)
    }

    pub(super) fn provider(&self) -> &Arc<CryptoProvider> {
        &self.shared.provider
    }

    /// The handshake of an HTTP listener, and then the first bytes of a request, within `patience`. `None` if the
    /// client leaves, is too slow, or does not speak TLS; one that speaks HTTP gets an answer.
    pub(crate) async fn open_http(&self, mut stream: TcpStream, patience: Duration) -> Option<Opened> {
        let deadline = Instant::now() + HANDSHAKE;
        if !begins_with_tls(&stream, deadline).await? {
            self.failed(stream.peer_addr().ok(), "plain", &"it speaks HTTP without TLS; use https://");
            let _ = timeout(DRAINING, refuse_plain(&mut stream)).await;
            return None;
        }
        let (config, replaced) = self.shared.config(|current| &current.http);
        let (mut stream, client) = self.shake_hands(stream, config, replaced, deadline).await?;
        let begun = timeout(patience, request_begins(&mut stream)).await.unwrap_or(false);
        begun.then(|| Opened::secure(stream, client))
    }

    /// The handshake of another door. `None` if it fails or takes too long.
    pub(crate) async fn open_stream(&self, stream: TcpStream) -> Option<Opened> {
        let deadline = Instant::now() + HANDSHAKE;
        if !begins_with_tls(&stream, deadline).await? {
            self.failed(stream.peer_addr().ok(), "plain", &"it sends without TLS to a tls:// address");
            return None;
        }
        let (config, replaced) = self.shared.config(|current| &current.streams);
        let (stream, client) = self.shake_hands(stream, config, replaced, deadline).await?;
        Some(Opened::secure(stream, client))
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
        config: Arc<ServerConfig>,
        replaced: CancellationToken,
        deadline: Instant,
    ) -> Option<(Encrypted, (Option<ClientCertificate>, Validity))> {
        let peer = stream.peer_addr().ok();
        match timeout_at(deadline, TlsAcceptor::from(config).accept(stream)).await {
            Ok(Ok(stream)) => {
                count("ok");
                // The chain is verified: a wrong one ends the handshake.
                let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
                let client = chain.first().and_then(|certificate| {
                    let left = self.shared.left_of(certificate)?;
                    Some((Some(ClientCertificate(client_name(certificate)?)), Validity::new(replaced, left)))
                });
                Some((Encrypted::new(stream), client.unwrap_or_default()))
            }
            Ok(Err(error)) => {
                self.failed(peer, "failed", &error);
                None
            }
            Err(_) => {
                self.failed(peer, "slow", &format!("the handshake was not complete within {} s", HANDSHAKE.as_secs()));
                None
            }
        }
    }

    fn failed(&self, peer: Option<SocketAddr>, outcome: &'static str, reason: &dyn fmt::Display) {
        count(outcome);
        let peer = peer.map(|peer| peer.to_string()).unwrap_or_default();
        let mut logged = self.shared.failure_logged.lock();
        // Throttled, because clients can cause it at any rate.
        if logged.is_some_and(|logged| logged.elapsed() < LOGGED_EVERY) {
            tracing::debug!(peer, "no TLS connection with a client: {reason}");
        } else {
            *logged = Some(Instant::now());
            tracing::warn!(peer, "no TLS connection with a client: {reason}");
        }
    }
}

impl Shared {
    /// A configuration in use, and what is cancelled when its authorities of clients are replaced.
    fn config(&self, of: fn(&Current) -> &Arc<ServerConfig>) -> (Arc<ServerConfig>, CancellationToken) {
        let current = self.current.read();
        (Arc::clone(of(&current)), current.replaced.clone())
    }

    /// Uses other files, and ends the connections of clients whose authority may be gone.
    fn replace(&self, mut current: Current) {
        let mut in_use = self.current.write();
        let replaced = (in_use.authorities != current.authorities).then(|| in_use.replaced.clone());
        if replaced.is_none() {
            current.replaced = in_use.replaced.clone();
        }
        *in_use = current;
        drop(in_use);
        if let Some(replaced) = replaced {
            replaced.cancel();
        }
    }

    /// How long a certificate is still valid. A resumed session may be older than its end.
    fn left_of(&self, certificate: &CertificateDer<'_>) -> Option<Duration> {
        let (_, end) = validity(certificate).ok()?;
        Some(Duration::from_nanos(end.saturating_sub(self.clock.now()).max(0).unsigned_abs()))
    }

    /// Logs what clients will object to, and sets the metric.
    fn report(&self, identity: &Identity) {
        gauge!("logboom_tls_certificate_expires_seconds").set(identity.expires() as f64);
        if let Some(warning) = identity.warning(self.clock.now()) {
            tracing::warn!("--tls-cert {}: {warning}; clients will refuse it", self.paths.certificate());
        }
    }
}

impl Current {
    fn new(
        identity: &Identity,
        authorities: Option<[u8; 32]>,
        previous: Option<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, String> {
        let streams = config(identity, provider)?;
        let mut http = streams.clone();
        http.alpn_protocols = HTTP.map(<[u8]>::to_vec).into();
        // A session of one must not be resumed with the other.
        http.session_storage = rustls::server::ServerSessionMemoryCache::new(SESSIONS);
        let (leaf, replaced) = (identity.leaf(), CancellationToken::new());
        Ok(Self { http: Arc::new(http), streams: Arc::new(streams), leaf, previous, authorities, replaced })
    }
}

/// What the contents mean, ready for use.
fn load(
    paths: &Paths,
    contents: &Contents,
    previous: Option<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<(Identity, Current), String> {
    let identity = paths.parse(contents, provider)?;
    let current = Current::new(&identity, contents.authorities(), previous, provider)?;
    Ok((identity, current))
}

fn config(identity: &Identity, provider: &Arc<CryptoProvider>) -> Result<ServerConfig, String> {
    let builder = ServerConfig::builder_with_provider(Arc::clone(provider));
    let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
    let builder = match &identity.clients {
        None => builder.with_no_client_auth(),
        Some(roots) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::clone(provider));
            // Keys, passwords and cookies are other ways to be known.
            let verifier = verifier.allow_unauthenticated().build();
            let verifier = verifier.map_err(|error| format!("--tls-client-ca: {error}"))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    Ok(builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&identity.certified)))))
}

fn count(outcome: &'static str) {
    counter!("logboom_tls_handshakes_total", "outcome" => outcome).increment(1);
}

/// Whether the first byte is one of TLS; `None` if the client sends nothing in time, as many probes do.
async fn begins_with_tls(stream: &TcpStream, deadline: Instant) -> Option<bool> {
    let mut first = [0];
    match timeout_at(deadline, stream.peek(&mut first)).await {
        Ok(Ok(1..)) => Some(first[0] == HANDSHAKE_RECORD),
        Ok(_) => None,
        Err(_) => {
            count("silent");
            None
        }
    }
}

/// Waits until the first bytes show HTTP/1 or HTTP/2; `false` at the end of the connection. hyper would wait forever.
async fn request_begins(stream: &mut Encrypted) -> bool {
    loop {
        match stream.read_ahead().await {
            Ok(Some(begin)) if begin.len() < PREFACE.len() && PREFACE.starts_with(begin) => {}
            Ok(Some(_)) => return true,
            Ok(None) | Err(_) => return false,
        }
    }
}

/// Answers a client that speaks HTTP without TLS.
async fn refuse_plain(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(SPEAKS_TLS).await?;
    stream.shutdown().await?;
    let (mut ignored, mut drained) = ([0; 4096], 0);
    while drained < DRAINED {
        match stream.read(&mut ignored).await? {
            0 => break,
            read => drained += read,
        }
    }
    Ok(())
}
