//! Whether an address is this server's own.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::{TcpListener, lookup_host};

/// Whether one of this server's listeners has the address. A name that cannot be resolved now is not one.
pub(crate) async fn is_own(host: &str, port: u16, listeners: &[SocketAddr]) -> bool {
    let with_port: Vec<IpAddr> = listeners
        .iter()
        .filter(|listener| listener.port() == port)
        .map(|listener| listener.ip().to_canonical())
        .collect();
    if with_port.is_empty() {
        return false;
    }
    let Ok(resolved) = lookup_host((host, port)).await else { return false };
    for address in resolved {
        let address = reached(address.ip());
        let is_listening = with_port.iter().any(|listener| *listener == address || listener.is_unspecified());
        // Only an address of this machine can be bound.
        if is_listening && (address.is_loopback() || TcpListener::bind((address, 0)).await.is_ok()) {
            return true;
        }
    }
    false
}

/// The address that a connection to `address` reaches: the system connects to itself for `0.0.0.0` and `[::]`, and by
/// IPv4 for `[::ffff:127.0.0.1]`.
fn reached(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) if address.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(address) if address.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_of_this_machine_with_a_port_of_a_listener_is_own() {
        let listeners: Vec<SocketAddr> =
            ["0.0.0.0:3000", "127.0.0.1:9040", "[::1]:9041"].map(|text| text.parse().unwrap()).to_vec();
        for (host, port, own) in [
            ("127.0.0.1", 3000, true),
            ("localhost", 3000, true),
            ("localhost", 9040, true),
            ("127.0.0.1", 3001, false),
            ("192.0.2.1", 3000, false),
            ("127.0.0.2", 9040, false),
            ("no-such-host.invalid", 3000, false),
            ("0.0.0.0", 3000, true),
            ("0.0.0.0", 9040, true),
            ("0.0.0.0", 9041, false),
            ("0.0.0.0", 3001, false),
            ("::", 9041, true),
            ("::", 9040, false),
            ("::ffff:127.0.0.1", 9040, true),
            ("::ffff:0.0.0.0", 9040, true),
        ] {
            assert_eq!(is_own(host, port, &listeners).await, own, "{host}:{port}");
        }
    }
}
