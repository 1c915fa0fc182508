//! TCP listeners for streams of messages.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use access::{Refusal, RefusalClass};
use doors::fluent::Challenge;

use pipeline::Supervisor;
use tokio::{sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{
    Inlet,
    connection::{self, Entrants},
    door::{Decoding, StreamDoor},
};
use crate::{
    gate::{self, entrance::Entrance},
    listen::Port,
    tls::{Opened, Tls},
};

/// A task name: the protocol of the port, and its address.
pub(super) fn task_name(protocol: &str, address: Option<SocketAddr>) -> String {
    address.map_or_else(|| protocol.to_owned(), |address| format!("{protocol} {address}"))
}

/// How peers come in.
#[derive(Clone)]
pub(super) struct WayIn {
    pub(super) entrance: Entrance,
    /// What a peer has to prove, instead of having an address or a certificate that is let in.
    pub(super) secret: Option<Arc<str>>,
}

impl WayIn {
    /// Decides about a connection.
    fn admit(&self, peer: IpAddr, opened: &Opened) -> Result<Entrants, Refusal> {
        let certificate = opened.certificate.as_ref().map(|certificate| certificate.0.as_str());
        let validity = opened.validity.clone();
        match self.secret.as_deref().filter(|_| !self.entrance.is_closed()) {
            None => Ok(Entrants { peer: Some(self.entrance.admit(peer, certificate)?), secret: None, validity }),
            // Everybody has to prove it: a client that does not expect the handshake would not understand its greeting.
            Some(secret) => {
                Ok(Entrants { peer: None, secret: Some(self.entrance.admit_with(peer, secret)?), validity })
            }
        }
    }

    fn challenge(&self, entrants: &Entrants) -> Option<Challenge> {
        let nonce = || format!("{:032x}", rand::random::<u128>());
        let key = self.secret.clone().filter(|_| entrants.secret.is_some())?;
        Some(Challenge { key, nonce: nonce() })
    }
}

/// A port of one kind of door.
pub(super) struct Streams {
    port: Port,
    door: Arc<dyn StreamDoor>,
    decoding: Decoding,
    inlet: Inlet,
    way_in: WayIn,
    tls: Option<Tls>,
    connections: JoinSet<()>,
}

impl Streams {
    pub(super) fn new(port: Port, door: Arc<dyn StreamDoor>, decoding: Decoding, inlet: Inlet, way_in: WayIn) -> Self {
        Self { port, door, decoding, inlet, way_in, tls: None, connections: JoinSet::new() }
    }

    /// Speaks TLS alone, if there is a certificate.
    pub(super) fn with_tls(mut self, tls: Option<&Tls>) -> Self {
        self.tls = tls.cloned();
        self
    }

    /// Whether clients have to prove a secret.
    pub(super) fn has_secret(&self) -> bool {
        self.way_in.secret.is_some()
    }

    pub(super) fn has_tls(&self) -> bool {
        self.tls.is_some()
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
            let source = gate::source(peer.ip(), stream.local_addr().ok());
            let (door, decoding, way_in) = (Arc::clone(&self.door), self.decoding, self.way_in.clone());
            let (inlet, tls, stop) = (self.inlet.clone(), self.tls.clone(), stop.clone());
            self.connections.spawn(async move {
                let opened = match tls {
                    None => Some(Opened::plain(stream)),
                    // The handshake is bounded, and nothing was received before its end.
                    Some(tls) => stop.run_until_cancelled(tls.open_stream(stream)).await.flatten(),
                };
                if let Some(opened) = opened {
                    let served = match way_in.admit(source, &opened) {
                        Ok(entrants) => {
                            let protocol = door.protocol(decoding, peer, way_in.challenge(&entrants));
                            let served = connection::serve(opened.stream, peer.ip(), entrants, protocol, inlet, stop);
                            served.await.map_err(unproven)
                        }
                        Err(refusal) => Err(refusal),
                    };
                    if let Err(refusal) = served {
                        way_in.entrance.refuse(source, &refusal);
                    }
                }
                drop(slot);
            });
            while self.connections.try_join_next().is_some() {}
        }
    }
}

/// A client that has not proven the secret of the door.
fn unproven(message: String) -> Refusal {
    Refusal { class: RefusalClass::Unknown, message, retry_after: None }
}
