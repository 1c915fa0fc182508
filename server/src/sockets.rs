//! The sockets on which the program listens. A single process binds them itself. With workers, the supervising process
//! binds each once, and the workers inherit it, so a socket stays open while workers come and go.

use std::{
    net::{SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket},
    os::fd::OwnedFd,
};

use anyhow::Context as _;
use parking_lot::Mutex;
use tokio::net::{TcpListener, UdpSocket};

/// The names of the listeners for HTTP and gRPC.
pub(crate) const HTTP: &str = "HTTP";
pub(crate) const GRPC: &str = "gRPC";
pub(crate) const OTLP: &str = "OTLP over HTTP";

/// A bound socket, under the name by which a worker finds it.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) name: String,
    pub(crate) descriptor: OwnedFd,
}

impl Socket {
    /// A listener that was bound to `asked`, whose port may be 0.
    pub(crate) fn tcp(protocol: &str, asked: SocketAddr, listener: TcpListener) -> anyhow::Result<Self> {
        Ok(Self { name: tcp_name(protocol, asked), descriptor: listener.into_std()?.into() })
    }

    /// As [`Socket::tcp`], for datagrams.
    pub(crate) fn udp(protocol: &str, asked: SocketAddr, socket: UdpSocket) -> anyhow::Result<Self> {
        Ok(Self { name: udp_name(protocol, asked), descriptor: socket.into_std()?.into() })
    }
}

fn tcp_name(protocol: &str, address: SocketAddr) -> String {
    format!("{protocol} {address}")
}

fn udp_name(protocol: &str, address: SocketAddr) -> String {
    format!("{protocol} udp {address}")
}

/// Where listeners get their sockets.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// Those that nobody has taken yet; `None` if this process binds its own.
    inherited: Option<Mutex<Vec<Socket>>>,
}

impl Sockets {
    /// The sockets of the supervising process.
    pub(crate) fn inherited(sockets: Vec<Socket>) -> Self {
        Self { inherited: Some(Mutex::new(sockets)) }
    }

    /// Whether a supervising process bound them, for several workers.
    pub(crate) fn are_inherited(&self) -> bool {
        self.inherited.is_some()
    }

    /// The listener of a protocol on an address.
    ///
    /// # Errors
    /// The address cannot be bound, or was not inherited.
    pub(crate) async fn tcp(&self, protocol: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
        let Some(inherited) = &self.inherited else {
            return TcpListener::bind(address).await.with_context(|| match address.port() {
                0 => format!("cannot listen on {address}"),
                port => {
                    format!("cannot listen on {address}: is something else on port {port}? choose another address")
                }
            });
        };
        let listener = StdTcpListener::from(take(inherited, &tcp_name(protocol, address))?);
        listener.set_nonblocking(true)?;
        Ok(TcpListener::from_std(listener)?)
    }

    /// The listener on a default address. It is a convenience, and its port may be another collector's: then the
    /// protocol answers on `main` alone, and this returns `None`.
    pub(crate) async fn default_tcp(
        &self,
        protocol: &str,
        address: SocketAddr,
        main: SocketAddr,
    ) -> Option<TcpListener> {
        match self.tcp(protocol, address).await {
            Ok(listener) => Some(listener),
            Err(error) => {
                // The supervising process has already logged it.
                if self.inherited.is_none() {
                    tracing::warn!("{error:#}; {protocol} answers on {main} alone");
                }
                None
            }
        }
    }

    /// As [`Sockets::tcp`], for datagrams.
    pub(crate) async fn udp(&self, protocol: &str, address: SocketAddr) -> anyhow::Result<UdpSocket> {
        let Some(inherited) = &self.inherited else {
            return UdpSocket::bind(address).await.with_context(|| format!("cannot listen on {address} for datagrams"));
        };
        let socket = StdUdpSocket::from(take(inherited, &udp_name(protocol, address))?);
        socket.set_nonblocking(true)?;
        Ok(UdpSocket::from_std(socket)?)
    }
}

/// Takes the first socket of that name: two listeners of one protocol on port 0 have the same.
fn take(inherited: &Mutex<Vec<Socket>>, name: &str) -> anyhow::Result<OwnedFd> {
    let mut inherited = inherited.lock();
    let place = inherited.iter().position(|socket| socket.name == name);
    let place = place.with_context(|| format!("the supervising process has no socket {name}"))?;
    Ok(inherited.remove(place).descriptor)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::net::TcpStream;

    use super::*;

    const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    #[tokio::test]
    async fn inherited_sockets_are_found_by_name_each_once() {
        let own = Sockets::default();
        let mut bound = Vec::new();
        let mut sockets = Vec::new();
        for _ in 0..2 {
            let listener = own.tcp(GRPC, ANY).await.unwrap();
            bound.push(listener.local_addr().unwrap());
            sockets.push(Socket::tcp(GRPC, ANY, listener).unwrap());
        }
        sockets.push(Socket::udp("syslog", ANY, own.udp("syslog", ANY).await.unwrap()).unwrap());
        let inherited = Sockets::inherited(sockets);
        for address in bound {
            let listener = inherited.tcp(GRPC, ANY).await.unwrap();
            assert_eq!(listener.local_addr().unwrap(), address);
            let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
            assert!(accepted.is_ok() && connected.is_ok());
        }
        assert!(inherited.default_tcp(GRPC, ANY, ANY).await.is_none());
        assert!(inherited.udp("gelf", ANY).await.is_err_and(|error| error.to_string().contains("no socket gelf udp")));
        assert!(inherited.udp("syslog", ANY).await.is_ok());
    }

    #[tokio::test]
    async fn an_address_in_use_is_refused_with_its_port() {
        let own = Sockets::default();
        let address = own.tcp(HTTP, ANY).await.unwrap();
        let address = address.local_addr().map(|at| (at, address)).unwrap();
        let error = own.tcp(HTTP, address.0).await.unwrap_err().to_string();
        assert!(error.contains(&format!("port {}", address.0.port())), "{error}");
    }
}
