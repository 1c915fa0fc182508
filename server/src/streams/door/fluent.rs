//! Fluentd's forward protocol.

use std::net::SocketAddr;

use clap::Args;
use doors::{fluent::Forward, stream::Protocol};

use super::{Decoding, StreamDoor};

/// The door for Fluentd's forward protocol.
#[derive(Debug, Clone, Args)]
pub(crate) struct Fluent {
    /// Fluentd's forward protocol, for fluentd, Fluent Bit and Docker's fluentd driver.
    #[arg(long, env = "LOGBOOM_FLUENT_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    fluent_listen: Vec<SocketAddr>,
}

impl StreamDoor for Fluent {
    fn name(&self) -> &'static str {
        "fluent"
    }

    fn addresses(&self) -> &[SocketAddr] {
        &self.fluent_listen
    }

    fn protocol(&self, _decoding: Decoding, _peer: SocketAddr) -> Box<dyn Protocol> {
        Box::new(Forward::default())
    }
}
