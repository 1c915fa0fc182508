//! Syslog over TCP and UDP.

use std::{net::SocketAddr, time::Instant};

use chrono::FixedOffset;
use clap::Args;
use doors::{
    fluent::Challenge,
    stream::{Frame, Protocol},
    syslog::{Reader, Stream},
};
use pipeline::clock::Clock;

use super::{DatagramReader, Decoding, StreamAddress, StreamDoor};

/// The door for syslog.
#[derive(Debug, Clone, Args)]
pub(crate) struct Syslog {
    /// Syslog, RFC 5424 and 3164, over TCP and UDP on the same port. An address that begins with tls:// is encrypted
    /// (RFC 5425), and has no UDP.
    #[arg(long, env = "LOGBOOM_SYSLOG_LISTEN", value_name = "ADDR", value_delimiter = ',')]
    syslog_listen: Vec<StreamAddress>,
}

impl StreamDoor for Syslog {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn addresses(&self) -> &[StreamAddress] {
        &self.syslog_listen
    }

    fn protocol(&self, decoding: Decoding, _peer: SocketAddr, _challenge: Option<Challenge>) -> Box<dyn Protocol> {
        Box::new(Stream::new(reader(decoding.assume_timezone)))
    }

    fn datagrams(&self, decoding: Decoding) -> Option<Box<dyn DatagramReader>> {
        Some(Box::new(reader(decoding.assume_timezone)))
    }
}

fn reader(assume_timezone: FixedOffset) -> Reader {
    Reader { clock: Clock::system(), assume_timezone }
}

impl DatagramReader for Reader {
    fn read(&mut self, datagram: &[u8], _now: Instant, frame: &mut Frame) {
        if !datagram.trim_ascii().is_empty() {
            frame.take(Ok(self.record(datagram)));
        }
    }
}
