//! TCP listeners for streams of messages.

use std::{net::SocketAddr, sync::Arc};

use pipeline::Supervisor;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Inlet, connection,
    door::{Decoding, StreamDoor},
};
use crate::listen::Port;

/// A task name: the protocol of the port, and its address.
pub(super) fn task_name(protocol: &str, address: Option<SocketAddr>) -> String {
    address.map_or_else(|| protocol.to_owned(), |address| format!("{protocol} {address}"))
}

/// A port of one kind of door.
pub(super) struct Streams {
    port: Port,
    door: Arc<dyn StreamDoor>,
    decoding: Decoding,
    inlet: Inlet,
    connections: JoinSet<()>,
}

impl Streams {
    pub(super) fn new(port: Port, door: Arc<dyn StreamDoor>, decoding: Decoding, inlet: Inlet) -> Self {
        Self { port, door, decoding, inlet, connections: JoinSet::new() }
    }

    pub(super) fn name(&self) -> &'static str {
        self.door.name()
    }

    /// The task name of the accept loop.
    pub(super) fn task_name(&self) -> String {
        task_name(self.name(), self.address().ok())
    }

    pub(super) fn address(&self) -> std::io::Result<SocketAddr> {
        self.port.address()
    }

    /// Serves until `stop`, then completes what was read. Port and connections survive a panic of the accept loop.
    pub(super) async fn serve(self, name: String, supervisor: Supervisor, stop: CancellationToken) {
        let streams = Mutex::new(self);
        supervisor.run(name, &stop, || async { streams.lock().await.accept(&stop).await }).await;
        let Self { port, mut connections, .. } = streams.into_inner();
        drop(port);
        while connections.join_next().await.is_some() {}
    }

    async fn accept(&mut self, stop: &CancellationToken) {
        while let Some((stream, peer, slot)) = self.port.accept(stop).await {
            let protocol = self.door.protocol(self.decoding, peer);
            let connection = connection::serve(stream, peer.ip(), protocol, self.inlet.clone(), stop.clone());
            self.connections.spawn(async move {
                connection.await;
                drop(slot);
            });
            while self.connections.try_join_next().is_some() {}
        }
    }
}
