//! Tests of the listeners with TLS, over real sockets and files.

mod certificates;
mod connections;
mod redirects;

use std::{net::SocketAddr, sync::Arc};

use app::Secure;
use axum::{Router, extract::Request, routing::get};
use model::Nanos;
use pipeline::{Supervisor, clock::Clock};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::{Tls, stream::ClientCertificate};
use crate::{
    config::TlsOptions,
    gate::Gate,
    listen::{End, Listener},
};

/// A certificate and its key, in PEM.
struct Pair {
    certificate: String,
    key: String,
}

/// An authority that signs certificates.
struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pem: String,
}

impl Authority {
    fn new() -> Self {
        let mut own = rcgen::CertificateParams::new(vec![]).unwrap();
        own.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let pem = own.self_signed(&key).unwrap().pem();
        Self { issuer: rcgen::Issuer::new(own, key), pem }
    }

    fn sign(&self, change: impl FnOnce(&mut rcgen::CertificateParams)) -> Pair {
        let mut wanted = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        wanted.distinguished_name = rcgen::DistinguishedName::new();
        change(&mut wanted);
        let key = rcgen::KeyPair::generate().unwrap();
        Pair { certificate: wanted.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }
}

/// The files of a server, and the authority that signed its certificate.
struct Files {
    folder: TempDir,
    authority: Authority,
}

impl Files {
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap(), authority: Authority::new() };
        files.put(&files.authority.sign(|_| ()));
        files
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        // As tools do: others see the old file or the new one.
        let fresh = self.folder.path().join("fresh");
        std::fs::write(&fresh, content).unwrap();
        std::fs::rename(fresh, self.folder.path().join(name)).unwrap();
    }

    fn put(&self, pair: &Pair) {
        self.write("own.pem", &pair.certificate);
        self.write("own.key", &pair.key);
    }

    fn options(&self) -> TlsOptions {
        let path = |name: &str| Some(self.folder.path().join(name));
        TlsOptions { tls_cert: path("own.pem"), tls_key: path("own.key"), ..TlsOptions::default() }
    }

    fn with_clients_of(&self, authority: &Authority) -> TlsOptions {
        self.write("clients.pem", &authority.pem);
        TlsOptions { tls_client_ca: Some(self.folder.path().join("clients.pem")), ..self.options() }
    }

    /// A client that trusts the authority.
    fn client(&self, own: Option<&Pair>, protocols: &[&[u8]]) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        roots.add(der(&self.authority.pem)).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(own) => {
                let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
                builder.with_client_auth_cert(vec![der(&own.certificate)], key).unwrap()
            }
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }
}

fn der(pem: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
}

fn open(options: &TlsOptions) -> Tls {
    Tls::open_at(options, Clock::from_fn(|| Nanos::MAX / 4)).unwrap().unwrap()
}

/// A running listener whose answer is what it knows about the call.
struct Served {
    address: SocketAddr,
    end: End,
    /// Ends with its connections.
    task: tokio::task::JoinHandle<()>,
}

const CONNECTIONS: usize = 4;

async fn serve(tls: &Tls) -> Served {
    let router = Router::new().route("/", get(describe));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let listener = Listener::new(listener, router, Arc::default(), Arc::new(Gate::open()), CONNECTIONS);
    let listener = listener.with_tls(Some(tls));
    let (address, end) = (listener.address().unwrap(), End::default());
    let task = tokio::spawn(listener.serve("http".to_owned(), Supervisor::default(), end.clone()));
    Served { address, end, task }
}

impl Served {
    async fn stop(self) {
        self.end.accepting.cancel();
        self.end.serving.cancel();
        self.task.await.unwrap();
    }
}

async fn describe(request: Request) -> String {
    let extensions = request.extensions();
    let is_secure = extensions.get::<Secure>().is_some();
    let certificate = extensions.get::<ClientCertificate>().map(|certificate| certificate.0.as_str());
    format!("{:?}, secure: {is_secure}, certificate: {certificate:?}", request.version())
}

async fn connect(connector: &TlsConnector, address: SocketAddr) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    connector.connect(ServerName::try_from("localhost").unwrap(), stream).await
}

/// The certificate that the server has shown.
fn shown(stream: &TlsStream<TcpStream>) -> CertificateDer<'static> {
    stream.get_ref().1.peer_certificates().unwrap()[0].clone()
}

/// The body of one call over HTTP/1.1.
async fn call(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await?;
    let mut answer = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&answer).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() == length.parse::<usize>().unwrap() {
                return Ok(body.to_owned());
            }
        }
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// What the server sends on a connection without TLS, up to its end.
async fn answer_without_tls(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
