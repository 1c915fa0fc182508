//! One connection of a stream door: reads, submits and answers.

use std::{net::IpAddr, time::Duration};

use access::Principal;
use bytes::BytesMut;
use doors::stream::{Frame, Proof, Protocol};
use pipeline::bodies::Room;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Inlet, in_order::InOrder, inlet::LAST};
use crate::tls::Validity;

/// The maximum number of frames per connection that wait behind the one in flight.
const WINDOW: usize = 8;
/// The timeout for receiving a complete message, and for sending an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The timeout for closing the connection, with TLS by a message of its own.
const CLOSING: Duration = Duration::from_secs(1);
/// The bounds of the read size in bytes; idle connections use the smallest.
const LEAST_READ: usize = 4 << 10;
const MOST_READ: usize = 256 << 10;

/// On whose behalf a connection sends.
pub(super) struct Entrants {
    /// The peer by its address or certificate; `None` if it has to prove a secret.
    pub(super) peer: Option<Principal>,
    /// Who has the secret of the door; `None` without a secret.
    pub(super) secret: Option<Principal>,
    /// How long the certificate of the peer counts.
    pub(super) validity: Validity,
}

/// Serves the connection until either side closes it.
///
/// # Errors
/// Why the client was not let in: it has not proven the secret.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    entrants: Entrants,
    protocol: Box<dyn Protocol>,
    inlet: Inlet,
    stop: CancellationToken,
) -> Result<(), String> {
    let (door, room) = (inlet.door(), inlet.room());
    // Until a secret is proven, a peer that needs one cannot send.
    let principal = entrants.peer.unwrap_or_else(Principal::nobody);
    let frames = InOrder::new(inlet.clone(), peer, principal.sender().clone(), stop.clone());
    let mut connection = Connection {
        stream,
        peer,
        principal,
        secret: entrants.secret,
        validity: entrants.validity,
        protocol,
        inlet,
        stop,
        buffer: BytesMut::new(),
        room,
        read_bytes: LEAST_READ,
        frames,
        waiting_since: None,
    };
    let Err(reason) = connection.run().await else { return Ok(()) };
    if connection.protocol.proof() == Proof::Awaited {
        return Err(reason);
    }
    tracing::debug!(door, %peer, reason, "connection ended");
    Ok(())
}

/// The side that ended a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Client,
    Server,
}

struct Connection<S> {
    stream: S,
    peer: IpAddr,
    principal: Principal,
    /// Who sends once the secret is proven.
    secret: Option<Principal>,
    validity: Validity,
    protocol: Box<dyn Protocol>,
    inlet: Inlet,
    stop: CancellationToken,
    buffer: BytesMut,
    /// The reservation for buffered bytes beyond those of an idle connection.
    room: Room,
    read_bytes: usize,
    frames: InOrder,
    /// Since when the buffer starts with an incomplete message.
    waiting_since: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn run(&mut self) -> Result<(), String> {
        let ended = self.read_to_end().await;
        // If the server ends the connection, the rest of a message may still be on its way.
        if matches!(ended, Ok(End::Client)) && self.protocol.proof() != Proof::Awaited {
            let mut frame = Frame::default();
            self.protocol.end(&mut self.buffer, &mut frame);
            let room = self.room.take();
            self.frames.submit(frame, room);
        }
        // Messages that were read are stored, even if the connection failed.
        let stop = self.stop.clone();
        let last = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        tokio::select! {
            () = self.deliver_rest() => {}
            () = last => {}
        }
        // The client may be gone already.
        let _ = tokio::time::timeout(CLOSING, self.stream.shutdown()).await;
        ended.map(drop)
    }

    async fn deliver_rest(&mut self) {
        while !self.frames.is_empty() {
            let answer = self.frames.delivered().await;
            let _ = self.answer(answer).await;
        }
    }

    async fn read_to_end(&mut self) -> Result<End, String> {
        let greeting = self.protocol.greeting();
        self.answer(greeting).await?;
        if self.protocol.proof() == Proof::Awaited {
            self.waiting_since = Some(Instant::now());
        }
        loop {
            self.take_messages().await?;
            if let Some(end) = self.read_more().await? {
                return Ok(end);
            }
        }
    }

    /// Submits all complete messages of the buffer.
    async fn take_messages(&mut self) -> Result<(), String> {
        loop {
            let before = self.buffer.len();
            let mut frame = Frame::default();
            let read = self.protocol.read(&mut self.buffer, &mut frame);
            if self.protocol.proof() == Proof::Given
                && let Some(principal) = self.secret.take()
            {
                self.frames.send_as(principal.sender().clone());
                self.principal = principal;
            }
            let (full, some) = (frame.is_full(), self.buffer.len() < before);
            let mut room = self.room.split(before - self.buffer.len());
            let answered = self.grow(&mut room, frame.weight).await;
            self.frames.submit(frame, room);
            answered?;
            if let Err(reason) = read {
                if self.protocol.proof() == Proof::Awaited {
                    return Err(reason);
                }
                let broken = Frame { refused: 1, reasons: vec![reason.clone()], ..Frame::default() };
                self.inlet.refused(self.peer, &broken);
                return Err(reason);
            }
            while self.frames.waiting() >= WINDOW {
                let answer = self.frames.delivered().await;
                self.answer(answer).await?;
            }
            self.room.shrink_to(self.buffer.len());
            // After the wait, for which the client is not responsible.
            let is_awaited = self.protocol.proof() == Proof::Awaited;
            if self.buffer.is_empty() && !is_awaited {
                self.waiting_since = None;
            } else if some || self.waiting_since.is_none() {
                self.waiting_since = Some(Instant::now());
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// Waits until a reservation has grown. Sends answers meanwhile, because frames in flight release theirs.
    async fn grow(&mut self, room: &mut Room, bytes: usize) -> Result<(), String> {
        while !room.try_grow_to(bytes) {
            tokio::select! {
                () = room.wait_for(bytes) => return Ok(()),
                answer = self.frames.delivered() => self.answer(answer).await?,
                () = self.stop.cancelled() => return Ok(()),
            }
        }
        Ok(())
    }

    /// Reads until there is more data or the end; sends answers meanwhile.
    async fn read_more(&mut self) -> Result<Option<End>, String> {
        loop {
            if self.buffer.is_empty() && self.read_bytes == LEAST_READ {
                // An idle connection keeps no buffer.
                self.buffer = BytesMut::new();
                self.room.shrink_to(0);
            } else {
                let mut room = self.room.take();
                let wanted = self.buffer.len() + self.read_bytes;
                let waited = !room.try_grow_to(wanted);
                if waited {
                    self.grow(&mut room, wanted).await?;
                }
                self.room = room;
                if waited && self.waiting_since.is_some() {
                    // The client is not responsible for the wait.
                    self.waiting_since = Some(Instant::now());
                }
            }
            self.buffer.reserve(self.read_bytes);
            let deadline = self.waiting_since.map(|since| since + PATIENCE);
            let overdue = async {
                match deadline {
                    Some(deadline) => tokio::time::sleep_until(deadline).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                read = self.stream.read_buf(&mut self.buffer) => {
                    let read = read.map_err(|error| error.to_string())?;
                    // The last read size predicts the next.
                    self.read_bytes = (if read >= self.read_bytes { read * 2 } else { read }).clamp(LEAST_READ, MOST_READ);
                    return Ok((read == 0).then_some(End::Client));
                }
                answer = self.frames.delivered() => self.answer(answer).await?,
                () = overdue => {
                    return Err(format!("a message was not complete within {} s", PATIENCE.as_secs()));
                }
                () = self.principal.revoked().cancelled() => {
                    return Err("the credentials of the client are no longer valid".to_owned());
                }
                () = self.validity.ended() => {
                    return Err("the certificate of the client no longer counts".to_owned());
                }
                () = self.stop.cancelled() => return Ok(Some(End::Server)),
            }
        }
    }

    async fn answer(&mut self, answer: Vec<u8>) -> Result<(), String> {
        if answer.is_empty() {
            return Ok(());
        }
        let write = async {
            self.stream.write_all(&answer).await?;
            self.stream.flush().await
        };
        match tokio::time::timeout(PATIENCE, write).await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(_) => Err(format!("an answer could not be sent within {} s", PATIENCE.as_secs())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use doors::{
        fluent::{Challenge, Forward},
        packets::Packets,
    };
    use pipeline::admit::{Ingest, IngestOptions};
    use testkit::memory::MemoryQueue;
    use tokio::{io::DuplexStream, task::JoinHandle};

    use super::*;

    struct Served {
        client: DuplexStream,
        task: JoinHandle<Result<(), String>>,
        stop: CancellationToken,
        queue: Arc<MemoryQueue>,
    }

    fn served(protocol: impl Protocol + 'static) -> Served {
        served_to(
            protocol,
            Entrants { peer: Some(Principal::everybody()), secret: None, validity: Validity::default() },
        )
    }

    fn served_to(protocol: impl Protocol + 'static, entrants: Entrants) -> Served {
        let queue = Arc::new(MemoryQueue::new());
        let inlet = Inlet::new(Ingest::start(queue.clone(), IngestOptions::default()), "test");
        let (client, server) = tokio::io::duplex(1 << 16);
        let stop = CancellationToken::new();
        let peer = Ipv4Addr::LOCALHOST.into();
        let task = tokio::spawn(serve(server, peer, entrants, Box::new(protocol), inlet, stop.clone()));
        Served { client, task, stop, queue }
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_message_and_silence_end_the_connection() {
        let Served { mut client, task, queue, .. } = served(Packets::default());
        client.write_all(b"{\"message\":\"whole\"}\n{\"message\":").await.unwrap();
        let begun = Instant::now();
        task.await.unwrap().unwrap();
        assert!((PATIENCE..PATIENCE * 2).contains(&begun.elapsed()), "after {:?}", begun.elapsed());
        assert_eq!(queue.depth(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_says_nothing_for_long_may_go_on() {
        let Served { mut client, task, queue, .. } = served(Packets::default());
        for _ in 0..3 {
            client.write_all(b"{\"message\":\"m\"}\n").await.unwrap();
            tokio::time::sleep(PATIENCE * 100).await;
        }
        assert!(!task.is_finished());
        drop(client);
        task.await.unwrap().unwrap();
        assert_eq!(queue.depth(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_message_counts_where_the_client_ends_and_not_where_the_server_does() {
        for (by_client, depth) in [(true, 1), (false, 0)] {
            let Served { mut client, task, stop, queue } = served(Packets::default());
            client.write_all(b"{\"message\":\"without an end\"}").await.unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            if by_client {
                client.shutdown().await.unwrap();
            } else {
                stop.cancel();
            }
            task.await.unwrap().unwrap();
            assert_eq!(queue.depth(), depth, "ended by the client: {by_client}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_acknowledgement_comes_when_the_records_are_durable() {
        let Served { mut client, queue, .. } = served(Forward::default());
        // ["t", 0, {"log": "m"}, {"chunk": "c"}]
        client.write_all(b"\x94\xa1t\x00\x81\xa3log\xa1m\x81\xa5chunk\xa1c").await.unwrap();
        let mut answer = [0; 7];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!((&answer, queue.depth()), (b"\x81\xa3ack\xa1c", 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_prove_the_secret_is_told_so_and_stores_nothing() {
        // ["PING", "c", "s", "wrong", "", ""], and a message.
        let wrong = &b"\x96\xa4PING\xa1c\xa1s\xa5wrong\xa0\xa0\x93\xa1t\x00\x81\xa3log\xa1m"[..];
        for (sent, answer) in [(wrong, "PONG"), (&wrong[18..], ""), (&[][..], "")] {
            let challenge = Challenge { key: "secret".into(), nonce: "nonce".to_owned() };
            let secret = Some(Principal::everybody());
            let entrants = Entrants { peer: None, secret, validity: Validity::default() };
            let Served { mut client, task, queue, .. } = served_to(Forward::guarded(challenge), entrants);
            client.write_all(sent).await.unwrap();
            let mut answers = Vec::new();
            client.read_to_end(&mut answers).await.unwrap();
            let answers = String::from_utf8_lossy(&answers).into_owned();
            assert!(answers.contains("HELO") && answers.contains(answer), "{answers}");
            assert!(task.await.unwrap().is_err());
            assert_eq!(queue.depth(), 0);
        }
    }
}
