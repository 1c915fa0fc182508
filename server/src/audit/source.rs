//! From where a call came.

use std::net::{IpAddr, Ipv6Addr};

/// The addresses of a caller. The default is this machine without a network: the admin socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Source {
    /// The other end of the connection.
    pub(crate) address: Option<IpAddr>,
    /// The client that a proxy has named. Nobody is trusted by it: callers of the same network can write it themselves.
    pub(crate) forwarded: Option<IpAddr>,
}

impl Source {
    /// `named`: the address that a proxy names, or that of the peer itself.
    pub(crate) fn new(peer: IpAddr, named: IpAddr) -> Self {
        let peer = peer.to_canonical();
        Self { address: Some(peer), forwarded: Some(named).filter(|named| *named != peer) }
    }

    /// The network by which refusals of a caller are told from those of others.
    pub(super) fn network(self) -> Option<IpAddr> {
        self.forwarded.or(self.address).map(network_of)
    }
}

impl From<IpAddr> for Source {
    fn from(peer: IpAddr) -> Self {
        Self { address: Some(peer.to_canonical()), forwarded: None }
    }
}

/// A peer has all addresses of a network /64 of IPv6.
pub(crate) fn network_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(peer) => Ipv6Addr::from_bits(peer.to_bits() & (u128::MAX << 64)).into(),
        peer => peer,
    }
}
