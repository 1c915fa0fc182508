//! JSON over TCP, as lines or packets.

use std::net::SocketAddr;

use clap::Args;
use doors::{packets::Packets, stream::Protocol};

use super::{Decoding, StreamDoor};

/// The door for JSON over TCP.
#[derive(Debug, Clone, Args)]
pub(crate) struct Tcp {
    /// JSON over TCP: objects that end with a newline, or packets that end with ¶.
    #[arg(long, env = "LOGBOOM_TCP_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    tcp_listen: Vec<SocketAddr>,
}

impl StreamDoor for Tcp {
    fn name(&self) -> &'static str {
        "tcp"
    }

    fn addresses(&self) -> &[SocketAddr] {
        &self.tcp_listen
    }

    fn protocol(&self, decoding: Decoding, peer: SocketAddr) -> Box<dyn Protocol> {
        Box::new(Packets::of_client(peer, decoding.keep_packets))
    }
}
