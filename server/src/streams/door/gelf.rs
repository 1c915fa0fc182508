//! GELF over TCP and UDP.

use std::{net::SocketAddr, time::Instant};

use clap::Args;
use doors::{
    fluent::Challenge,
    gelf::{Chunks, Stream},
    stream::{Frame, Protocol},
};

use super::{DatagramReader, Decoding, StreamAddress, StreamDoor};

/// The door for GELF.
#[derive(Debug, Clone, Args)]
pub(crate) struct Gelf {
    /// GELF over TCP and UDP on the same port, for Docker's gelf driver and others. An address that begins with tls://
    /// is encrypted, and has no UDP.
    #[arg(long, env = "LOGBOOM_GELF_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    gelf_listen: Vec<StreamAddress>,
}

impl StreamDoor for Gelf {
    fn name(&self) -> &'static str {
        "gelf"
    }

    fn addresses(&self) -> &[StreamAddress] {
        &self.gelf_listen
    }

    fn protocol(&self, _decoding: Decoding, _peer: SocketAddr, _challenge: Option<Challenge>) -> Box<dyn Protocol> {
        Box::new(Stream::default())
    }

    fn datagrams(&self, _decoding: Decoding) -> Option<Box<dyn DatagramReader>> {
        Some(Box::new(Chunks::default()))
    }
}

impl DatagramReader for Chunks {
    fn read(&mut self, datagram: &[u8], now: Instant, frame: &mut Frame) {
        Chunks::read(self, datagram, now).into_iter().for_each(|read| frame.take(read));
    }
}
