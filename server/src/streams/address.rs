//! The listen address of a stream door: with TLS or without.

use std::{fmt, net::SocketAddr, str::FromStr};

/// What an address with TLS begins with.
const TLS: &str = "tls://";

/// An address of the command line, such as `127.0.0.1:5514` or `tls://0.0.0.0:6514`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamAddress {
    /// Connections are encrypted, and datagrams are not received.
    pub(crate) tls: bool,
    pub(crate) address: SocketAddr,
}

impl fmt::Display for StreamAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { TLS } else { "" };
        write!(f, "{scheme}{}", self.address)
    }
}

impl FromStr for StreamAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (tls, address) = match text.strip_prefix(TLS) {
            Some(address) => (true, address),
            None => (false, text),
        };
        let address = address.parse().map_err(|_| {
            format!("{text:?} is not an address; write it as 127.0.0.1:5514, or as tls://0.0.0.0:6514 for TLS")
        })?;
        Ok(Self { tls, address })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for (text, tls) in [("127.0.0.1:5514", false), ("tls://0.0.0.0:6514", true), ("tls://[::1]:6514", true)] {
            let address: StreamAddress = text.parse().unwrap();
            assert_eq!((address.tls, address.to_string()), (tls, text.to_owned()));
        }
        for wrong in ["6514", "tls://", "tls://host:6514", "tcp://127.0.0.1:6514", "TLS 127.0.0.1:6514"] {
            let error = wrong.parse::<StreamAddress>().unwrap_err();
            assert!(error.contains("tls://0.0.0.0:6514"), "{error}");
        }
    }
}
