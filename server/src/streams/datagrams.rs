//! UDP listeners; each datagram is a message.

use std::{
    net::{IpAddr, SocketAddr},
    time::{Duration, Instant},
};

use doors::stream::Frame;
use pipeline::{Sender, Supervisor};
use rustix::net::sockopt;
use tokio::{net::UdpSocket, sync::Mutex, task::JoinSet};
use tokio_util::sync::CancellationToken;

use super::{Inlet, door::DatagramReader, listener::task_name};
use crate::gate::{self, entrance::Entrance};

/// The maximum size of a datagram.
const LONGEST: usize = 65_535;
/// The requested receive buffer, for bursts; the system may limit it.
const RECEIVE_BYTES: usize = 8 << 20;
/// The maximum number of frames in flight. Past it, datagrams wait in the receive buffer, and the system drops those
/// that do not fit.
const WINDOW: usize = 16;

/// A UDP port of one kind of door.
pub(super) struct Datagrams {
    socket: UdpSocket,
    /// The address of the socket.
    own: Option<SocketAddr>,
    reader: Box<dyn DatagramReader>,
    inlet: Inlet,
    entrance: Entrance,
    /// Frames in flight to the queue.
    in_flight: JoinSet<()>,
}

impl Datagrams {
    pub(super) fn new(socket: UdpSocket, reader: Box<dyn DatagramReader>, inlet: Inlet, entrance: Entrance) -> Self {
        // A smaller buffer is not an error; bursts lose more.
        let _ = sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BYTES);
        let own = socket.local_addr().ok();
        Self { socket, own, reader, inlet, entrance, in_flight: JoinSet::new() }
    }

    /// The task name of the receive loop.
    pub(super) fn task_name(&self) -> String {
        task_name(&format!("{} udp", self.inlet.door()), self.socket.local_addr().ok())
    }

    /// Serves until `stop`, then completes frames in flight. The socket and these frames survive a panic of the
    /// receive loop.
    pub(super) async fn serve(self, name: String, supervisor: Supervisor, stop: CancellationToken) {
        let datagrams = Mutex::new(self);
        supervisor.run(name, &stop, || async { datagrams.lock().await.receive(&stop).await }).await;
        let mut in_flight = datagrams.into_inner().in_flight;
        while in_flight.join_next().await.is_some() {}
    }

    async fn receive(&mut self, stop: &CancellationToken) {
        let mut buffer = vec![0; LONGEST];
        loop {
            let received = tokio::select! {
                received = self.socket.recv_from(&mut buffer) => received,
                () = stop.cancelled() => return,
            };
            let mut frame = Frame::default();
            let (peer, sender) = match received {
                Ok((length, peer)) => {
                    let Some(sender) = self.read(&buffer[..length], peer.ip(), &mut frame) else { continue };
                    (peer.ip(), sender)
                }
                Err(error) => {
                    tracing::warn!(door = self.inlet.door(), %error, "cannot receive datagrams");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            self.drain(&mut buffer, &mut frame, peer);
            self.inlet.refused(peer, &frame);
            if !frame.records.is_empty() {
                while self.in_flight.len() >= WINDOW {
                    self.in_flight.join_next().await;
                }
                let mut room = self.inlet.room();
                tokio::select! {
                    () = room.wait_for(frame.weight) => {}
                    () = stop.cancelled() => {}
                }
                let take = self.inlet.clone().take(frame, peer, sender, stop.clone());
                self.in_flight.spawn(async move {
                    take.await;
                    drop(room);
                });
            }
            while self.in_flight.try_join_next().is_some() {}
        }
    }

    /// Decodes a datagram, and returns the terms of its sender; `None` if the sender may not write.
    fn read(&mut self, datagram: &[u8], peer: IpAddr, frame: &mut Frame) -> Option<Sender> {
        let now = Instant::now();
        let source = source(peer, self.own);
        let principal = self.entrance.admit_datagram(source, now)?;
        self.reader.read(datagram, now, frame);
        Some(principal.sender().clone())
    }

    /// Reads further datagrams of the same sender, because a frame has one producer. Senders of datagrams are known by
    /// their address alone, and have no terms of their own.
    fn drain(&mut self, buffer: &mut [u8], frame: &mut Frame, peer: IpAddr) {
        while !frame.is_full() {
            match self.socket.try_recv_from(buffer) {
                Ok((length, from)) => {
                    self.read(&buffer[..length], from.ip(), frame);
                    if from.ip() != peer {
                        return;
                    }
                }
                // No datagram, or an error that the next wait reports again.
                Err(_) => return,
            }
        }
    }
}

/// The address by which a sender is decided. A program of this machine is known by its own address of IPv4 only: the
/// system drops datagrams of others that claim it, and passes those with a forged address of IPv6.
fn source(peer: IpAddr, own: Option<SocketAddr>) -> IpAddr {
    let peer = peer.to_canonical();
    if peer.is_ipv4() { gate::source(peer, own) } else { peer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_with_the_own_address_is_this_machine_only_where_nobody_can_forge_it() {
        for (peer, own, decided) in [
            ("10.0.0.5", "10.0.0.5:514", "127.0.0.1"),
            ("::ffff:10.0.0.5", "10.0.0.5:514", "127.0.0.1"),
            ("10.0.0.6", "10.0.0.5:514", "10.0.0.6"),
            ("2001:db8::5", "[2001:db8::5]:514", "2001:db8::5"),
            ("::1", "[::1]:514", "::1"),
        ] {
            assert_eq!(source(peer.parse().unwrap(), own.parse().ok()).to_string(), decided, "{peer} to {own}");
        }
    }
}
