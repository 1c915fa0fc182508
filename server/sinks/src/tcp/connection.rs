//! One connection to a receiver.

use std::{
    fmt, io,
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rustix::net::{RecvFlags, Shutdown, recv, shutdown, sockopt};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{Receiver, Tls};

/// The number of bytes that are written at once.
pub(super) const PIECE: usize = 256 << 10;
/// How long received bytes may take to reach the program after they are in the kernel.
const ARRIVING: Duration = Duration::from_millis(50);
/// How often received bytes are discarded before a batch. A receiver that sends without an end is not waited for.
const DISCARDS: usize = 64;
/// An idle connection is probed this often, and ended after three probes without an answer.
const KEEPALIVE: Duration = Duration::from_secs(30);

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

/// An error text with its cause.
pub(super) struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

pub(super) struct Connection {
    stream: Box<dyn Stream>,
    /// The same socket. It answers whether the receiver has closed, without waiting for the runtime to notice.
    socket: OwnedFd,
}

impl Connection {
    pub(super) async fn open(receiver: &Receiver) -> Result<Self, Failure> {
        let stream = TcpStream::connect((receiver.host.as_str(), receiver.port)).await?;
        stream.set_nodelay(true)?;
        keep_alive(&stream)?;
        let socket = stream.as_fd().try_clone_to_owned()?;
        let stream: Box<dyn Stream> = match &receiver.tls {
            None => Box::new(stream),
            Some(tls) => {
                let name = ServerName::try_from(receiver.host.clone())
                    .map_err(|_| Failure(format!("{} is not a name that a certificate can have", receiver.host)))?;
                let config = tls.clone();
                let config = tokio::task::spawn_blocking(move || config.load()).await.map_err(io::Error::other)??;
                let connector = TlsConnector::from(Arc::new(config));
                Box::new(connector.connect(name, stream).await?)
            }
        };
        Ok(Self { stream, socket })
    }

    /// Whether the receiver has not closed the connection. Discards what it has sent.
    pub(super) async fn is_open(&mut self) -> bool {
        let mut received = [0; 4096];
        for _ in 0..DISCARDS {
            match self.peek() {
                Peeked::Closed => return false,
                Peeked::Nothing => return true,
                Peeked::Bytes => {}
            }
            // A timeout: the bytes belonged to TLS, and none are for the program.
            if let Ok(Ok(0) | Err(_)) = timeout(ARRIVING, self.stream.read(&mut received)).await {
                return false;
            }
        }
        true
    }

    fn peek(&self) -> Peeked {
        match recv(&self.socket, &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Peeked::Closed,
            Ok(_) => Peeked::Bytes,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Peeked::Nothing,
            Err(_) => Peeked::Closed,
        }
    }

    /// Writes all bytes to the kernel. Each piece has a time limit.
    pub(super) async fn write(&mut self, bytes: &[u8], limit: Duration) -> Result<(), Failure> {
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        let write = async {
            for piece in bytes.chunks(PIECE) {
                written(timeout(limit, writer.write_all(piece)).await, limit)?;
            }
            written(timeout(limit, writer.flush()).await, limit)
        };
        let closed = async {
            let mut received = [0; 4096];
            loop {
                match reader.read(&mut received).await {
                    Ok(0) => return Failure("the receiver closed the connection".into()),
                    Ok(_) => {}
                    Err(error) => return error.into(),
                }
            }
        };
        tokio::select! {
            biased;
            failure = closed => return Err(failure),
            written = write => written?,
        }
        match self.peek() {
            Peeked::Closed => Err(Failure("the receiver closed the connection".into())),
            Peeked::Nothing | Peeked::Bytes => Ok(()),
        }
    }
}

impl Drop for Connection {
    /// Closes so that the receiver still gets what is on its way. With received bytes unread, the kernel would reset
    /// the connection instead.
    fn drop(&mut self) {
        let mut received = [0; 4096];
        for _ in 0..DISCARDS {
            if !matches!(recv(&self.socket, &mut received, RecvFlags::DONTWAIT), Ok((_, 1..))) {
                break;
            }
        }
        let _ = shutdown(&self.socket, Shutdown::Write);
    }
}

/// What the kernel has received.
enum Peeked {
    Nothing,
    Bytes,
    /// The end, or an error.
    Closed,
}

fn written(outcome: Result<io::Result<()>, tokio::time::error::Elapsed>, limit: Duration) -> Result<(), Failure> {
    match outcome {
        Ok(written) => Ok(written?),
        Err(_) => {
            let seconds = limit.as_secs_f32();
            Err(Failure(format!("the receiver accepted nothing for {seconds} s; check whether it is overloaded")))
        }
    }
}

fn keep_alive(stream: &TcpStream) -> io::Result<()> {
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE / 3)?;
    sockopt::set_tcp_keepcnt(stream, 3)?;
    Ok(())
}

impl Tls {
    /// Reads the certificates to trust. Done for each connection, so that a renewed file counts.
    fn load(&self) -> Result<ClientConfig, Failure> {
        let mut roots = RootCertStore::empty();
        match &self.ca {
            Some(path) => {
                for certificate in read_certificates(path)? {
                    let added = roots.add(certificate);
                    added.map_err(|error| Failure(format!("ca={}: {error}", path.display())))?;
                }
            }
            None => {
                let found = rustls_native_certs::load_native_certs();
                roots.add_parsable_certificates(found.certs);
                if roots.is_empty() {
                    return Err(Failure("this system has no certificates to trust; add ca=PATH".into()));
                }
            }
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let versions = versions.map_err(|error| Failure(error.to_string()))?;
        Ok(versions.with_root_certificates(roots).with_no_client_auth())
    }
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let failure = |reason: &dyn fmt::Display| Failure(format!("ca={}: {reason}", path.display()));
    let certificates = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(failure(&"no certificate in PEM form in this file")),
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(failure(&error)),
    }
}
