//! The doors that are no HTTP: packets, syslog, GELF and Fluentd's forward protocol, over
//! TCP and UDP. What does not answer cannot promise durability; what is read is handed on
//! until the queue has it.

mod connection;
mod datagrams;
mod distributor;
mod inlet;
mod listener;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;

use chrono::FixedOffset;
use doors::{fluent, gelf, packets, stream::Protocol, syslog};
use pipeline::{Supervisor, admit::Ingest, clock::Clock};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use datagrams::Datagrams;
pub(crate) use distributor::{Distributor, register};
use inlet::Inlet;
use listener::Streams;

use crate::config::StreamOptions;

/// What one kind of door speaks.
#[derive(Debug, Clone)]
enum Speech {
    Packets,
    Syslog(syslog::Reader),
    Gelf,
    Forward,
}

impl Speech {
    fn name(&self) -> &'static str {
        match self {
            Self::Packets => "tcp",
            Self::Syslog(_) => "syslog",
            Self::Gelf => "gelf",
            Self::Forward => "fluent",
        }
    }

    /// The protocol at the beginning of a connection.
    fn begin(&self) -> Box<dyn Protocol> {
        match self {
            Self::Packets => Box::new(packets::Packets::default()),
            Self::Syslog(reader) => Box::new(syslog::Stream::new(reader.clone())),
            Self::Gelf => Box::new(gelf::Stream::default()),
            Self::Forward => Box::new(fluent::Forward::default()),
        }
    }

    /// What reads its datagrams, where it has some.
    fn datagrams(&self) -> Option<datagrams::Reader> {
        match self {
            Self::Syslog(reader) => Some(datagrams::Reader::Syslog(reader.clone())),
            Self::Gelf => Some(datagrams::Reader::Gelf(gelf::Chunks::default())),
            Self::Packets | Self::Forward => None,
        }
    }
}

/// All listeners of these doors, bound and not yet served.
pub(crate) struct Doors {
    streams: Vec<Streams>,
    datagrams: Vec<Datagrams>,
}

impl Doors {
    /// Binds what was asked for.
    ///
    /// # Errors
    /// An address cannot be listened on.
    pub(crate) async fn bind(
        options: &StreamOptions,
        assume_timezone: FixedOffset,
        max_connections: usize,
        ingest: &Ingest,
    ) -> anyhow::Result<Self> {
        let reader = syslog::Reader { clock: Clock::system(), assume_timezone };
        let mut doors = Self { streams: Vec::new(), datagrams: Vec::new() };
        for (speech, addresses) in [
            (Speech::Packets, &options.tcp_listen),
            (Speech::Syslog(reader), &options.syslog_listen),
            (Speech::Gelf, &options.gelf_listen),
            (Speech::Forward, &options.fluent_listen),
        ] {
            for address in addresses {
                let inlet = Inlet::new(ingest.clone(), speech.name());
                let streams = Streams::bind(*address, speech.clone(), inlet.clone(), max_connections).await?;
                if let Some(reader) = speech.datagrams() {
                    // The same port, also where the system has chosen it.
                    doors.datagrams.push(Datagrams::bind(streams.address()?, reader, inlet).await?);
                }
                doors.streams.push(streams);
            }
        }
        Ok(doors)
    }

    /// What listens where, in the order of the options.
    pub(crate) fn addresses(&self) -> std::io::Result<Vec<(&'static str, SocketAddr)>> {
        self.streams.iter().map(|streams| Ok((streams.name(), streams.address()?))).collect()
    }

    /// Serves until `stop`, and then what has been read.
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
