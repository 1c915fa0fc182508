//! Fluentd's forward protocol.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use doors::{
    fluent::{Challenge, Forward},
    stream::Protocol,
};

use super::{Decoding, StreamAddress, StreamDoor};

/// The door for Fluentd's forward protocol.
#[derive(Debug, Clone, Args)]
pub(crate) struct Fluent {
    /// Fluentd's forward protocol, for fluentd, Fluent Bit and Docker's fluentd driver. An address that begins with
    /// tls:// is encrypted.
    #[arg(long, env = "LOGBOOM_FLUENT_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    fluent_listen: Vec<StreamAddress>,

    /// A file with the shared key of the forward protocol, which fluentd and Fluent Bit call shared_key. Clients that
    /// prove it may send from everywhere, and nobody else may. If it is a key of this server (lb_…), its terms hold for them.
    /// Without this option, clients of other machines need --anonymous or a certificate.
    #[arg(long, env = "LOGBOOM_FLUENT_SHARED_KEY_FILE", value_name = "FILE", requires = "fluent_listen")]
    fluent_shared_key_file: Option<PathBuf>,
}

impl StreamDoor for Fluent {
    fn name(&self) -> &'static str {
        "fluent"
    }

    fn addresses(&self) -> &[StreamAddress] {
        &self.fluent_listen
    }

    fn secret_file(&self) -> Option<&Path> {
        self.fluent_shared_key_file.as_deref()
    }

    fn protocol(&self, _decoding: Decoding, _peer: SocketAddr, challenge: Option<Challenge>) -> Box<dyn Protocol> {
        Box::new(challenge.map_or_else(Forward::default, Forward::guarded))
    }
}
