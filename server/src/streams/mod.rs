//! Doors other than HTTP and gRPC: packets, syslog, GELF and Fluentd's forward protocol, over TCP and UDP. Without a
//! response, a door cannot confirm durability; it retries until the queue accepts the records.

mod address;
mod connection;
mod datagrams;
mod distributor;
mod door;
mod in_order;
mod inlet;
mod listener;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use access::Access;
use chrono::FixedOffset;
use pipeline::{Supervisor, admit::Ingest};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use address::StreamAddress;
use datagrams::Datagrams;
pub(crate) use distributor::{Distributor, register};
pub(crate) use door::{Decoding, StreamDoors};
use inlet::Inlet;
use listener::{Streams, WayIn};

use crate::{
    audit::Audit,
    config::read_secret,
    gate::entrance::Entrance,
    listen::Port,
    sockets::{Bound, Socket, Sockets},
    tls::Tls,
};

/// Binds the configured addresses, for workers to inherit: a TCP socket for all of them, and a UDP socket for each.
///
/// # Errors
/// An address cannot be bound.
pub(crate) async fn bind(table: &StreamDoors, assume_timezone: FixedOffset, bound: &mut Bound) -> anyhow::Result<()> {
    let decoding = Decoding { assume_timezone, keep_packets: false };
    let own = Sockets::default();
    for door in table.all() {
        for asked in door.addresses() {
            let listener = own.tcp(door.name(), asked.address).await?;
            // The same port, also if the system chose it.
            let address = listener.local_addr()?;
            bound.shared.push(Socket::tcp(door.name(), asked.address, listener)?);
            if !asked.tls && door.datagrams(decoding).is_some() {
                bound.bind_udp(door.name(), address)?;
            }
        }
    }
    Ok(())
}

/// All listeners of these doors, bound but not yet served.
pub(crate) struct Doors {
    streams: Vec<Streams>,
    datagrams: Vec<Datagrams>,
}

impl Doors {
    /// Binds the configured addresses, or takes the inherited sockets.
    ///
    /// # Errors
    /// An address cannot be bound, or was not inherited; the secret of a door cannot be read.
    pub(crate) async fn bind(
        table: &StreamDoors,
        sockets: &Sockets,
        decoding: Decoding,
        max_connections: usize,
        ingest: &Ingest,
        (access, audit): (&Access, &Audit),
        tls: Option<&Tls>,
    ) -> anyhow::Result<Self> {
        let mut doors = Self { streams: Vec::new(), datagrams: Vec::new() };
        for door in table.all() {
            let entrance = Entrance::new(access.clone(), audit.clone(), door.name());
            let secret =
                door.secret_file().map(|path| read_secret(&format!("--{}-shared-key-file", door.name()), path));
            let secret: Option<Arc<str>> = secret.transpose()?.map(Into::into);
            for asked in door.addresses() {
                let inlet = Inlet::new(ingest.clone(), door.name());
                let port = Port::new(sockets.tcp(door.name(), asked.address).await?, max_connections);
                // `ReceiveOptions::check` has refused an address with TLS without a certificate.
                let way_in = WayIn { entrance: entrance.clone(), secret: secret.clone() };
                let streams = Streams::new(port, Arc::clone(&door), decoding, inlet.clone(), way_in);
                let streams = streams.with_tls(tls.filter(|_| asked.tls));
                if !asked.tls
                    && let Some(reader) = door.datagrams(decoding)
                {
                    // The same port, also if the system chose it.
                    let socket = sockets.udp(door.name(), streams.address()?).await?;
                    doors.datagrams.push(Datagrams::new(socket, reader, inlet, entrance.clone()));
                }
                doors.streams.push(streams);
            }
        }
        Ok(doors)
    }

    /// The names of the doors whose clients have to prove a secret.
    pub(crate) fn with_secret(&self) -> Vec<&'static str> {
        self.streams.iter().filter(|streams| streams.has_secret()).map(Streams::name).collect()
    }

    /// The doors and their addresses, in the order of the options.
    pub(crate) fn addresses(&self) -> std::io::Result<Vec<(&'static str, StreamAddress)>> {
        let mut addresses = Vec::new();
        for streams in &self.streams {
            let address = StreamAddress { tls: streams.has_tls(), address: streams.address()? };
            addresses.push((streams.name(), address));
        }
        Ok(addresses)
    }

    /// Serves until `stop`, then completes what was read.
    pub(crate) fn serve(self, servers: &mut JoinSet<()>, supervisor: &Supervisor, stop: &CancellationToken) {
        for streams in self.streams {
            let name = streams.task_name();
            servers.spawn(streams.serve(name, supervisor.clone(), stop.clone()));
        }
        for datagrams in self.datagrams {
            let name = datagrams.task_name();
            servers.spawn(datagrams.serve(name, supervisor.clone(), stop.clone()));
        }
    }
}
