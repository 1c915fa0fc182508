//! JSON over TCP, as lines or packets.

use std::net::SocketAddr;

use clap::Args;
use doors::{fluent::Challenge, packets::Packets, stream::Protocol};

use super::{Decoding, StreamAddress, StreamDoor};

/// The door for JSON over TCP.
#[derive(Debug, Clone, Args)]
pub(crate) struct Tcp {
    /// JSON over TCP: objects that end with a newline, or packets that end with ¶. An address that begins with tls:// is
    /// encrypted.
    #[arg(long, env = "LOGBOOM_TCP_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    tcp_listen: Vec<StreamAddress>,
}

impl StreamDoor for Tcp {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn addresses(&self) -> &[StreamAddress] {
        &self.tcp_listen
    }

    fn protocol(&self, decoding: Decoding, peer: SocketAddr, _challenge: Option<Challenge>) -> Box<dyn Protocol> {
        Box::new(Packets::of_client(peer, decoding.keep_packets))
    }
}
