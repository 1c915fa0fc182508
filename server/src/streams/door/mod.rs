//! The kinds of stream doors, and their table.
//!
//! A door is one file here and one line of the table. The file has its options, which are the door itself, and
//! selects its decoder. Everything else is shared: listeners, connections, datagrams, and the submission to the
//! queue.

mod fluent;
mod gelf;
mod syslog;
mod tcp;

use std::{fmt::Debug, net::SocketAddr, path::Path, sync::Arc, time::Instant};

use chrono::FixedOffset;
use clap::Args;
use doors::{
    fluent::Challenge,
    stream::{Frame, Protocol},
};

use self::{fluent::Fluent, gelf::Gelf, syslog::Syslog, tcp::Tcp};
use crate::streams::address::StreamAddress;

/// How all doors decode messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decoding {
    /// The zone of times without one.
    pub(crate) assume_timezone: FixedOffset,
    /// Whether records of the door for JSON over TCP keep their packets as an attribute.
    pub(crate) keep_packets: bool,
}

/// A kind of door that receives messages over connections, and optionally over datagrams.
pub(crate) trait StreamDoor: Debug + Send + Sync {
    /// Its name in the log, in metrics and in the output at the start.
    fn name(&self) -> &'static str;

    /// Its listen addresses; without one it is off.
    fn addresses(&self) -> &[StreamAddress];

    /// The file with the secret that clients have to prove, if the protocol can do that.
    fn secret_file(&self) -> Option<&Path> {
        None
    }

    /// Creates the protocol of a new connection, which finds the ends of messages and decodes them to records. There is a
    /// challenge if the door has a secret.
    fn protocol(&self, decoding: Decoding, peer: SocketAddr, challenge: Option<Challenge>) -> Box<dyn Protocol>;

    /// Creates the reader of its datagrams; `None` for TCP only.
    fn datagrams(&self, _decoding: Decoding) -> Option<Box<dyn DatagramReader>> {
        None
    }
}

/// Decodes datagrams to records. Each is a message, or a part of one.
pub(crate) trait DatagramReader: Send {
    /// Adds the records that the datagram completes to the frame. `now` is the time of receipt.
    fn read(&mut self, datagram: &[u8], now: Instant, frame: &mut Frame);
}

macro_rules! stream_doors {
    ($($name:ident: $door:ty,)+) => {
        /// All stream doors, as their options.
        #[derive(Debug, Clone, Args)]
        pub(crate) struct StreamDoors {
            $(#[command(flatten)] $name: $door,)+
        }

        impl StreamDoors {
            /// Every door, in the order of the table.
            pub(super) fn all(&self) -> Vec<Arc<dyn StreamDoor>> {
                vec![$(Arc::new(self.$name.clone()),)+]
            }
        }
    };
}

// The table, in the order of `--help`.
stream_doors! {
    tcp: Tcp,
    syslog: Syslog,
    gelf: Gelf,
    fluent: Fluent,
}

impl StreamDoors {
    /// The listen addresses of all doors.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.all().iter().flat_map(|door| door.addresses().to_vec()).map(|listening| listening.address).collect()
    }

    /// The first address for JSON over TCP without TLS, which a distributor can announce.
    pub(crate) fn plain_tcp(&self) -> Option<SocketAddr> {
        self.tcp.addresses().iter().find(|listening| !listening.tls).map(|listening| listening.address)
    }

    /// The first address with TLS, and its door.
    pub(crate) fn secure_address(&self) -> Option<(&'static str, StreamAddress)> {
        let all = self.all();
        all.iter().find_map(|door| Some((door.name(), *door.addresses().iter().find(|listening| listening.tls)?)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Options {
        #[command(flatten)]
        doors: StreamDoors,
    }

    #[test]
    fn each_door_has_a_name_of_its_own_and_is_off_without_an_address() {
        let doors = Options::parse_from(["logboom"]).doors.all();
        let names: BTreeSet<&str> = doors.iter().map(|door| door.name()).collect();
        assert_eq!(names.len(), doors.len());
        assert!(doors.iter().all(|door| door.addresses().is_empty()));
    }

    #[test]
    fn a_door_listens_where_its_option_says() {
        let doors = Options::parse_from(["logboom", "--gelf-listen", "127.0.0.1:1,tls://127.0.0.1:2"]).doors;
        let gelf = doors.all().into_iter().find(|door| door.name() == "gelf").unwrap();
        let secure: StreamAddress = "tls://127.0.0.1:2".parse().unwrap();
        assert_eq!(gelf.addresses(), ["127.0.0.1:1".parse().unwrap(), secure]);
        let plain = ["127.0.0.1:1", "127.0.0.1:2"].map(|address| address.parse::<SocketAddr>().unwrap());
        assert_eq!(doors.addresses(), plain);
        assert_eq!(doors.secure_address(), Some(("gelf", secure)));
        assert_eq!(Options::parse_from(["logboom", "--tcp-listen", "127.0.0.1:1"]).doors.secure_address(), None);
    }
}
