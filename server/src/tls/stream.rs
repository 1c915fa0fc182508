//! A connection with TLS or without, and what is known about its client.

use std::{
    io::{self, IoSlice},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use app::Secure;
use axum::http::Extensions;
use bytes::BytesMut;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, sleep_until},
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

/// The name in the verified certificate of the client: the common name of its subject, else its first DNS name. It is
/// in the extensions of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCertificate(pub String);

/// How long the certificate of a client counts. The default, for a client without one, has no end.
#[derive(Debug, Clone, Default)]
pub(crate) struct Validity(Option<Until>);

#[derive(Debug, Clone)]
struct Until {
    /// Cancelled when other authorities are loaded.
    replaced: CancellationToken,
    expires: Instant,
}

impl Validity {
    /// `left`: the time until the certificate expires.
    pub(super) fn new(replaced: CancellationToken, left: Duration) -> Self {
        Self(Some(Until { replaced, expires: Instant::now() + left }))
    }

    /// Waits until the certificate no longer counts.
    pub(crate) async fn ended(&self) {
        let Some(Until { replaced, expires }) = &self.0 else { return std::future::pending().await };
        tokio::select! {
            () = replaced.cancelled() => {}
            () = sleep_until(*expires) => {}
        }
    }
}

/// An accepted connection, after the handshake if there is one.
pub(crate) struct Opened {
    pub(crate) stream: Stream,
    pub(crate) certificate: Option<ClientCertificate>,
    /// The connection ends with it, because its client is let in only once.
    pub(crate) validity: Validity,
}

/// The bytes of a connection.
pub(crate) enum Stream {
    Plain(TcpStream),
    Secure(Box<Encrypted>),
}

/// The bytes of a connection with TLS.
pub(crate) struct Encrypted {
    stream: TlsStream<TcpStream>,
    /// What was read to see how the client begins. Readers get it first.
    ahead: BytesMut,
}

impl Opened {
    /// A connection without TLS.
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self { stream: Stream::Plain(stream), certificate: None, validity: Validity::default() }
    }

    pub(super) fn secure(stream: Encrypted, (certificate, validity): (Option<ClientCertificate>, Validity)) -> Self {
        Self { stream: Stream::Secure(Box::new(stream)), certificate, validity }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match &self.stream {
            Stream::Plain(stream) => stream.local_addr(),
            Stream::Secure(encrypted) => encrypted.stream.get_ref().0.local_addr(),
        }
    }

    pub(crate) fn is_secure(&self) -> bool {
        matches!(self.stream, Stream::Secure(_))
    }

    /// What each request of this connection gets.
    pub(crate) fn marks(&self) -> Marks {
        Marks { is_secure: self.is_secure(), certificate: self.certificate.clone() }
    }
}

/// Marks the requests of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    is_secure: bool,
    certificate: Option<ClientCertificate>,
}

impl Marks {
    /// Adds [`Secure`] for a connection with TLS, and [`ClientCertificate`] for a client that showed one.
    pub(crate) fn insert(&self, extensions: &mut Extensions) {
        if self.is_secure {
            extensions.insert(Secure);
        }
        if let Some(certificate) = &self.certificate {
            extensions.insert(certificate.clone());
        }
    }
}

impl Encrypted {
    pub(super) fn new(stream: TlsStream<TcpStream>) -> Self {
        Self { stream, ahead: BytesMut::new() }
    }

    /// Reads more of the beginning, and returns all of it; `None` at the end of the connection.
    pub(super) async fn read_ahead(&mut self) -> io::Result<Option<&[u8]>> {
        let read = self.stream.read_buf(&mut self.ahead).await?;
        Ok((read > 0).then_some(&*self.ahead))
    }
}

impl AsyncRead for Encrypted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Pin::new(&mut self.stream).poll_read(context, buffer);
        }
        let length = self.ahead.len().min(buffer.remaining());
        buffer.put_slice(&self.ahead.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Secure(encrypted) => Pin::new(&mut **encrypted).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Secure(encrypted) => Pin::new(&mut encrypted.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, buffers),
            Self::Secure(encrypted) => Pin::new(&mut encrypted.stream).poll_write_vectored(context, buffers),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Secure(encrypted) => encrypted.stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Secure(encrypted) => Pin::new(&mut encrypted.stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Secure(encrypted) => Pin::new(&mut encrypted.stream).poll_shutdown(context),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_certificate_counts_until_it_expires_or_its_authority_goes() {
        let (begun, authority) = (Instant::now(), CancellationToken::new());
        Validity::new(authority.clone(), Duration::from_secs(60)).ended().await;
        assert_eq!(begun.elapsed().as_secs(), 60);
        authority.cancel();
        Validity::new(authority, Duration::from_secs(60)).ended().await;
        assert_eq!(begun.elapsed().as_secs(), 60);
    }
}
