//! Listeners for streams of messages.

use std::{net::SocketAddr, sync::Arc};

use chrono::FixedOffset;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Inlet, connection, door::StreamDoor};
use crate::listen::Port;

/// A port for one kind of door.
pub(super) struct Streams {
    port: Port,
    door: Arc<dyn StreamDoor>,
    assume_timezone: FixedOffset,
    inlet: Inlet,
}

impl Streams {
    pub(super) async fn bind(
        address: SocketAddr,
        door: Arc<dyn StreamDoor>,
        assume_timezone: FixedOffset,
        inlet: Inlet,
        max_connections: usize,
    ) -> anyhow::Result<Self> {
        Ok(Self { port: Port::bind(address, max_connections).await?, door, assume_timezone, inlet })
    }

    pub(super) fn name(&self) -> &'static str {
        self.door.name()
    }

    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.port.address()
    }

    /// Serves until `stop`, and then what has been read.
    pub(super) async fn serve(self, stop: CancellationToken) {
        let mut connections = JoinSet::new();
        while let Some((stream, peer, place)) = self.port.accept(&stop).await {
            let protocol = self.door.protocol(self.assume_timezone);
            let connection = connection::serve(stream, peer.ip(), protocol, self.inlet.clone(), stop.clone());
            connections.spawn(async move {
                connection.await;
                drop(place);
            });
            while connections.try_join_next().is_some() {}
        }
        drop(self.port);
        while connections.join_next().await.is_some() {}
    }
}
