//! The tcp sink: records as lines of JSON over a connection, for Logstash, Vector, Fluent Bit and the like.
//!
//! `tcp://host:5170?fields=ecs`, `tcp+tls://host:5170?ca=/etc/ssl/own.pem`
//!
//! The protocol has no acknowledgement. A batch counts as delivered when the kernel has accepted all its bytes and the
//! receiver has not closed the connection by then. What this can lose: bytes that are still in the buffers of either
//! kernel, or in the memory of the receiver, when the receiver's program or machine ends. At most that is the batch on
//! its way and those before it that the receiver had not read, a few megabytes. A receiver that closes the connection
//! between two batches, such as a restarted Logstash, is noticed before the next batch is sent. After an error, the
//! whole batch is sent again over a new connection, so the receiver may get records twice.
//!
//! The receiver must keep its own direction open; what it sends is discarded.

mod connection;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, time::Duration};

use async_trait::async_trait;
use pipeline::{
    Error, Result,
    follow::{Outgoing, Sent, Sink},
};
use url::{Host, Url};

use self::connection::Connection;
use crate::{
    document::{self, Names},
    parameters::Parameters,
};

/// A buffer larger than this many bytes is not kept for the next batch.
const KEPT_BYTES: usize = 1 << 20;

/// The limits of the waits.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// For the connection to be established, with TLS.
    connect: Duration,
    /// For the receiver to accept the next [`connection::PIECE`] bytes.
    write: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), write: Duration::from_secs(30) }
    }
}

/// The receiver.
#[derive(Debug, Clone)]
struct Receiver {
    /// For errors: `tcp://host:5170`.
    name: String,
    host: String,
    port: u16,
    tls: Option<Tls>,
}

#[derive(Debug, Clone, Default)]
struct Tls {
    /// The file with the certificates to trust, as PEM; the system's if `None`.
    ca: Option<PathBuf>,
}

/// A sink that writes to a connection.
pub(crate) struct TcpSink {
    receiver: Receiver,
    names: &'static Names,
    limits: Limits,
    connection: Option<Connection>,
    /// The lines of the current batch.
    lines: Vec<u8>,
}

impl TcpSink {
    /// Reads the options. Connects to nothing yet.
    ///
    /// # Errors
    /// `Invalid` if the port is missing, or if a part of the URL cannot be used.
    pub(crate) fn new(url: &Url, parameters: &mut Parameters) -> Result<Self> {
        let Some(host) = url.host() else {
            return Err(Error::invalid("the host is missing, as in tcp://host:5170"));
        };
        let Some(port) = url.port() else {
            return Err(Error::invalid(format!("the port is missing, as in {}://{host}:5170", url.scheme())));
        };
        if !matches!(url.path(), "" | "/") {
            return Err(Error::invalid(format!("{}: a connection has no path; remove it", url.path())));
        }
        let tls = (url.scheme() == "tcp+tls").then(|| Tls { ca: parameters.take("ca").map(PathBuf::from) });
        let names = parameters.parse("fields", "plain or ecs", |text| match text {
            "plain" => Some(&document::PLAIN),
            "ecs" => Some(&document::ELASTIC),
            _ => None,
        })?;
        let name = format!("{}://{host}:{port}", url.scheme());
        let host = match host {
            Host::Ipv6(address) => address.to_string(),
            host => host.to_string(),
        };
        Ok(Self {
            receiver: Receiver { name, host, port, tls },
            names: names.unwrap_or(&document::PLAIN),
            limits: Limits::default(),
            connection: None,
            lines: Vec::new(),
        })
    }

    async fn connect(&self) -> Result<Connection> {
        let Receiver { name, .. } = &self.receiver;
        let connecting = tokio::time::timeout(self.limits.connect, Connection::open(&self.receiver));
        match connecting.await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Error::unavailable(format!("{name}: cannot connect: {error}"))),
            Err(_) => {
                let seconds = self.limits.connect.as_secs_f32();
                Err(Error::unavailable(format!("{name}: no connection within {seconds} s; check that it is reachable")))
            }
        }
    }

    /// Sends the lines over a connection, and keeps it if that succeeds.
    async fn write(&mut self, mut connection: Connection) -> Result<()> {
        match connection.write(&self.lines, self.limits.write).await {
            Ok(()) => {
                self.connection = Some(connection);
                Ok(())
            }
            Err(error) => Err(Error::unavailable(format!("{}: {error}", self.receiver.name))),
        }
    }
}

#[async_trait]
impl Sink for TcpSink {
    async fn open(&mut self, _mark: Option<&str>) -> Result<()> {
        if self.connection.is_none() {
            self.connection = Some(self.connect().await?);
        }
        Ok(())
    }

    async fn send(&mut self, batch: &Outgoing) -> Result<Sent> {
        self.lines.clear();
        self.lines.shrink_to(KEPT_BYTES);
        for records in batch.records.chunks(1000) {
            for stored in records {
                document::write(&stored.record, self.names, &mut self.lines);
                self.lines.push(b'\n');
            }
            tokio::task::yield_now().await;
        }
        // Taken, so that a caller that is dropped leaves no connection with a part of a batch.
        if let Some(mut connection) = self.connection.take()
            && connection.is_open().await
            && self.write(connection).await.is_ok()
        {
            return Ok(Sent::default());
        }
        // The receiver may have been restarted.
        let connection = self.connect().await?;
        self.write(connection).await?;
        Ok(Sent::default())
    }
}
