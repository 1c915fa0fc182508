//! A bound port: accepts a limited number of connections.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use metrics::gauge;
use rustix::net::sockopt;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::CancellationToken;

/// TCP keep-alive: the idle time before the first probe, the number of probes, and their interval.
const ALIVE_AFTER: Duration = Duration::from_secs(60);
const ALIVE_EVERY: Duration = Duration::from_secs(15);
const ALIVE_TIMES: u32 = 4;

/// A bound port with a connection limit.
pub(crate) struct Port {
    listener: TcpListener,
    most: usize,
    connections: Arc<Semaphore>,
}

impl Port {
    /// Serves at most `max_connections` at once; others wait.
    pub(crate) fn new(listener: TcpListener, max_connections: usize) -> Self {
        Self { listener, most: max_connections, connections: Arc::new(Semaphore::new(max_connections)) }
    }

    /// The bound address, with the port chosen by the system for port 0.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The number of open connections.
    pub(super) fn open(&self) -> usize {
        self.most - self.connections.available_permits()
    }

    /// The next connection, with its slot; `None` once `stop` is cancelled.
    pub(crate) async fn accept(&self, stop: &CancellationToken) -> Option<(TcpStream, SocketAddr, ConnectionSlot)> {
        // The slot is taken first: beyond the limit, connections wait in the system's backlog and cost this process
        // nothing.
        let permit = tokio::select! {
            permit = Arc::clone(&self.connections).acquire_owned() => permit.ok()?,
            () = stop.cancelled() => return None,
        };
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = stop.cancelled() => return None,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let _ = stream.set_nodelay(true);
                    keep_alive(&stream);
                    return Some((stream, peer, ConnectionSlot::new(permit)));
                }
                Err(error) => {
                    // Probably out of file descriptors: waiting frees some.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

/// Enables TCP keep-alive. If that fails, a dead peer keeps its slot for longer.
fn keep_alive(stream: &TcpStream) {
    let _ = sockopt::set_socket_keepalive(stream, true)
        .and_then(|()| sockopt::set_tcp_keepidle(stream, ALIVE_AFTER))
        .and_then(|()| sockopt::set_tcp_keepintvl(stream, ALIVE_EVERY))
        .and_then(|()| sockopt::set_tcp_keepcnt(stream, ALIVE_TIMES));
}

/// The slot of a connection, released on drop.
pub(crate) struct ConnectionSlot {
    _permit: OwnedSemaphorePermit,
}

impl ConnectionSlot {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        gauge!("logboom_connections").increment(1.0);
        Self { _permit: permit }
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        gauge!("logboom_connections").decrement(1.0);
    }
}
