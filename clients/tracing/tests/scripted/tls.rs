//! Encrypted connections to the scripted server, behind a proxy that ends them.

use std::{net::SocketAddr, sync::Arc, thread, time::Duration};

use logboom_tracing::{Builder, Fallback};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
    server::WebPkiClientVerifier,
};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use tracing::{dispatcher::with_default, info};

use crate::{service::Scripted, subscriber};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for a name, and its private key, as PEM.
fn certificate(authority: &Authority, name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    (params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem())
}

fn der(authority: &Authority) -> CertificateDer<'static> {
    authority.der().clone()
}

/// Ends TLS in front of a server; runs as long as the process. With `clients`, it asks for a client
/// certificate of that authority.
fn proxy(authority: &Authority, name: &str, clients: Option<&Authority>, to: SocketAddr) -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    let chain = vec![params.signed_by(&key, authority).unwrap().der().clone()];
    let provider = Arc::new(ring::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => {
            let mut roots = RootCertStore::empty();
            roots.add(der(clients)).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
            builder.with_client_cert_verifier(verifier)
        }
    };
    let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = builder.with_single_cert(chain, private).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).unwrap();
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                tokio::spawn(async move {
                    // A client that does not trust the certificate ends the handshake.
                    let Ok(mut client) = acceptor.accept(client).await else { return };
                    let mut server = TcpStream::connect(to).await.unwrap();
                    let _ = copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
    });
    format!("https://localhost:{port}")
}

/// Sends one event. Returns why it is not acknowledged in time.
fn delivered(builder: Builder, patience: Duration) -> Result<(), String> {
    let builder = builder.service("tls").fallback(Fallback::Drop);
    let (subscriber, guard) = subscriber(builder.flush_timeout(patience));
    with_default(&subscriber, || info!("encrypted"));
    if guard.flush() {
        return Ok(());
    }
    Err(guard.stats().error.unwrap_or_else(|| format!("{:?}", guard.stats())))
}

/// Long enough for a machine that compiles at the same time.
const PATIENCE: Duration = Duration::from_secs(60);
/// For a connection that never succeeds.
const IN_VAIN: Duration = Duration::from_millis(500);

#[test]
fn a_server_is_trusted_by_its_authority_and_by_its_name() {
    let server = Scripted::start();
    let (ours, other) = (authority(), authority());
    let good = proxy(&ours, "localhost", None, server.address);
    let misnamed = proxy(&ours, "logs.example", None, server.address);
    let to = |endpoint: &str| logboom_tracing::builder(endpoint);
    assert_eq!(delivered(to(&good).ca_certificate(ours.pem()), PATIENCE), Ok(()));
    for (what, builder) in [
        ("another authority", to(&good).ca_certificate(other.pem())),
        ("another name", to(&misnamed).ca_certificate(ours.pem())),
        ("no encryption", to(&good.replace("https", "http"))),
    ] {
        assert!(delivered(builder, IN_VAIN).is_err(), "{what}");
    }
    server.with(|state| assert_eq!(state.messages, ["encrypted"]));
}

#[test]
fn a_client_certificate_is_shown_to_a_server_that_asks_for_one() {
    let server = Scripted::start();
    let (servers, clients) = (authority(), authority());
    let endpoint = proxy(&servers, "localhost", Some(&clients), server.address);
    let builder = || logboom_tracing::builder(endpoint.as_str()).ca_certificate(servers.pem());
    let (certificate, key) = certificate(&clients, "shop-1");
    assert_eq!(delivered(builder().client_certificate(certificate, key), PATIENCE), Ok(()));
    assert!(delivered(builder(), IN_VAIN).is_err(), "without a certificate");
}
