//! The sockets on which the program listens. A single process binds them itself. With workers, the supervising process
//! binds them, and the workers inherit them, so a socket stays open while workers come and go.
//!
//! All workers share a TCP socket. A UDP port has one socket per worker, because a message may come in several
//! datagrams, as in GELF: the kernel puts all datagrams of one sender into the same socket of the port.

use std::{
    net::{SocketAddr, TcpListener as StdTcpListener, UdpSocket as StdUdpSocket},
    os::fd::OwnedFd,
};

use anyhow::Context as _;
use parking_lot::Mutex;
use rustix::{
    io::FdFlags,
    net::{AddressFamily, SocketType, sockopt},
};
use tokio::net::{TcpListener, UdpSocket};

/// The names of the listeners for HTTP and gRPC.
pub(crate) const HTTP: &str = "HTTP";
pub(crate) const GRPC: &str = "gRPC";
pub(crate) const OTLP: &str = "OTLP over HTTP";
/// The name of the listener that sends browsers to https.
pub(crate) const REDIRECT: &str = "redirect";

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
}

/// What the supervising process binds for its workers.
#[derive(Debug)]
pub(crate) struct Bound {
    /// Sockets that all workers share.
    pub(crate) shared: Vec<Socket>,
    /// Sockets of one worker and its replacements, by slot.
    pub(crate) by_slot: Vec<Vec<Socket>>,
}

impl Bound {
    /// Nothing yet, for so many workers.
    pub(crate) fn new(workers: u32) -> Self {
        Self { shared: Vec::new(), by_slot: (0..workers).map(|_| Vec::new()).collect() }
    }

    /// Binds one UDP socket per worker to the same address (`SO_REUSEPORT`). The kernel chooses the socket of a
    /// datagram by a hash of the sender's address and port (socket(7)). A socket that joins or leaves changes that
    /// choice, so the group is complete before the first worker starts, and stays open until the end.
    ///
    /// # Errors
    /// The address cannot be bound, for example because another program uses the port.
    pub(crate) fn bind_udp(&mut self, protocol: &str, address: SocketAddr) -> anyhow::Result<()> {
        // Bound without SO_REUSEPORT, so that the kernel refuses a port in use, also by the group of another Logboom.
        let first = StdUdpSocket::bind(address).with_context(|| udp_refused(address))?;
        sockopt::set_socket_reuseport(&first, true)?;
        // The same port, also if the system chose it.
        let chosen = first.local_addr()?;
        let mut first = Some(OwnedFd::from(first));
        for sockets in &mut self.by_slot {
            let descriptor = match first.take() {
                Some(descriptor) => descriptor,
                None => join_group(chosen).with_context(|| udp_refused(chosen))?,
            };
            sockets.push(Socket { name: udp_name(protocol, address), descriptor });
        }
        Ok(())
    }
}

/// Binds one more UDP socket to an address whose sockets have `SO_REUSEPORT`.
fn join_group(address: SocketAddr) -> rustix::io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket(family, SocketType::DGRAM, None)?;
    // Workers get only what is sent to them.
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    rustix::net::bind(&socket, &address)?;
    Ok(socket)
}

fn udp_refused(address: SocketAddr) -> String {
    refused(address, " for datagrams", "UDP port")
}

/// The error for an address that cannot be bound. Port 0 is never in use.
fn refused(address: SocketAddr, purpose: &str, port_name: &str) -> String {
    match address.port() {
        0 => format!("cannot listen on {address}{purpose}"),
        port => format!(
            "cannot listen on {address}{purpose}: is something else on {port_name} {port}? choose another address"
        ),
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
            return TcpListener::bind(address).await.with_context(|| refused(address, "", "port"));
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
            return UdpSocket::bind(address).await.with_context(|| udp_refused(address));
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
    use std::{
        collections::BTreeSet,
        net::Ipv4Addr,
        time::{Duration, Instant},
    };

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
        let mut group = Bound::new(1);
        group.bind_udp("syslog", ANY).unwrap();
        sockets.extend(group.by_slot.into_iter().flatten());
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
    async fn datagrams_of_one_sender_reach_one_socket_of_the_group() {
        const SENDERS: usize = 30;
        const CHUNKS: usize = 5;
        let mut group = Bound::new(3);
        group.bind_udp("gelf", ANY).unwrap();
        let mut sockets = Vec::new();
        for slot in group.by_slot {
            sockets.push(Sockets::inherited(slot).udp("gelf", ANY).await.unwrap().into_std().unwrap());
        }
        let address = sockets[0].local_addr().unwrap();
        assert!(sockets.iter().all(|socket| socket.local_addr().unwrap() == address), "{sockets:?}");
        let senders: Vec<StdUdpSocket> = (0..SENDERS).map(|_| StdUdpSocket::bind(ANY).unwrap()).collect();
        for _ in 0..CHUNKS {
            for sender in &senders {
                sender.send_to(b"chunk", address).unwrap();
            }
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        let (mut pairs, mut received) = (BTreeSet::new(), 0);
        while received < SENDERS * CHUNKS {
            assert!(Instant::now() < deadline, "{received} datagrams");
            for (place, socket) in sockets.iter().enumerate() {
                while let Ok((_, sender)) = socket.recv_from(&mut [0; 16]) {
                    pairs.insert((sender, place));
                    received += 1;
                }
            }
        }
        assert_eq!(pairs.len(), SENDERS, "{pairs:?}");
        let used: BTreeSet<usize> = pairs.iter().map(|(_, place)| *place).collect();
        assert!(used.len() > 1, "{used:?}");
    }

    #[tokio::test]
    async fn a_group_shares_its_port_with_nobody() {
        let mut group = Bound::new(2);
        group.bind_udp("gelf", ANY).unwrap();
        let address = rustix::net::getsockname(&group.by_slot[0][0].descriptor).unwrap();
        let address = SocketAddr::try_from(address).unwrap();
        let alone = Sockets::default().udp("gelf", address).await.unwrap_err();
        let several = Bound::new(2).bind_udp("gelf", address).unwrap_err();
        for error in [alone, several] {
            let error = error.to_string();
            assert!(error.contains(&format!("UDP port {}? choose another", address.port())), "{error}");
        }
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
