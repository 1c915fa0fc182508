//! One connection of a stream door: reads, submits and answers.

use std::{net::IpAddr, time::Duration};

use bytes::BytesMut;
use doors::stream::{Frame, Protocol};
use futures::{StreamExt as _, future::BoxFuture, stream::FuturesUnordered};
use pipeline::bodies::Room;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::Inlet;

/// The maximum number of frames in flight per connection.
const WINDOW: usize = 8;
/// The timeout for receiving a complete message, and for sending an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The bounds of the read size in bytes; idle connections use the smallest.
const LEAST_READ: usize = 4 << 10;
const MOST_READ: usize = 256 << 10;

/// Serves the connection until either side closes it.
pub(super) async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: IpAddr,
    protocol: Box<dyn Protocol>,
    inlet: Inlet,
    stop: CancellationToken,
) {
    let (door, room) = (inlet.door(), inlet.room());
    let connection = Connection {
        stream,
        peer,
        protocol,
        inlet,
        stop,
        buffer: BytesMut::new(),
        room,
        read_bytes: LEAST_READ,
        in_flight: FuturesUnordered::new(),
        waiting_since: None,
    };
    if let Err(reason) = connection.run().await {
        tracing::debug!(door, %peer, reason, "connection ended");
    }
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
    protocol: Box<dyn Protocol>,
    inlet: Inlet,
    stop: CancellationToken,
    buffer: BytesMut,
    /// The reservation for buffered bytes beyond those of an idle connection.
    room: Room,
    read_bytes: usize,
    in_flight: FuturesUnordered<BoxFuture<'static, Option<Vec<u8>>>>,
    /// Since when the buffer starts with an incomplete message.
    waiting_since: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<S> {
    async fn run(mut self) -> Result<(), String> {
        let ended = self.read_to_end().await;
        // If the server ends the connection, the rest of a message may still be on its way.
        if matches!(ended, Ok(End::Client)) {
            let mut frame = Frame::default();
            self.protocol.end(&mut self.buffer, &mut frame);
            let room = self.room.take();
            self.submit(frame, room);
        }
        // Messages that were read are stored, even if the connection failed.
        while let Some(answer) = self.in_flight.next().await {
            let _ = self.answer(answer.unwrap_or_default()).await;
        }
        ended.map(drop)
    }

    async fn read_to_end(&mut self) -> Result<End, String> {
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
            let (full, some) = (frame.is_full(), self.buffer.len() < before);
            let mut room = self.room.split(before - self.buffer.len());
            let answered = self.grow(&mut room, frame.weight).await;
            self.submit(frame, room);
            answered?;
            if let Err(reason) = read {
                let broken = Frame { refused: 1, reasons: vec![reason.clone()], ..Frame::default() };
                self.inlet.refused(self.peer, &broken);
                return Err(reason);
            }
            while self.in_flight.len() >= WINDOW {
                let answer = self.in_flight.next().await.flatten();
                self.answer(answer.unwrap_or_default()).await?;
            }
            self.room.shrink_to(self.buffer.len());
            // After the wait, for which the client is not responsible.
            if self.buffer.is_empty() {
                self.waiting_since = None;
            } else if some || self.waiting_since.is_none() {
                self.waiting_since = Some(Instant::now());
            }
            if !full {
                return Ok(());
            }
        }
    }

    /// The reservation is released when the frame is durable.
    fn submit(&mut self, frame: Frame, room: Room) {
        self.inlet.refused(self.peer, &frame);
        if !frame.is_empty() {
            let take = self.inlet.clone().take(frame, self.peer, self.stop.clone());
            self.in_flight.push(Box::pin(async move {
                let answer = take.await;
                drop(room);
                answer
            }));
        }
    }

    /// Waits until a reservation has grown. Sends answers meanwhile, because frames in flight release theirs.
    async fn grow(&mut self, room: &mut Room, bytes: usize) -> Result<(), String> {
        while !room.try_grow_to(bytes) {
            tokio::select! {
                () = room.wait_for(bytes) => return Ok(()),
                Some(answer) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    self.answer(answer.unwrap_or_default()).await?;
                }
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
                Some(answer) = self.in_flight.next(), if !self.in_flight.is_empty() => {
                    self.answer(answer.unwrap_or_default()).await?;
                }
                () = overdue => {
                    return Err(format!("a message was not complete within {} s", PATIENCE.as_secs()));
                }
                () = self.stop.cancelled() => return Ok(Some(End::Server)),
            }
        }
    }

    async fn answer(&mut self, answer: Vec<u8>) -> Result<(), String> {
        if answer.is_empty() {
            return Ok(());
        }
        match tokio::time::timeout(PATIENCE, self.stream.write_all(&answer)).await {
            Ok(written) => written.map_err(|error| error.to_string()),
            Err(_) => Err(format!("an answer could not be sent within {} s", PATIENCE.as_secs())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use doors::{fluent::Forward, packets::Packets};
    use pipeline::admit::{Ingest, IngestOptions};
    use testkit::memory::MemoryQueue;
    use tokio::{io::DuplexStream, task::JoinHandle};

    use super::*;

    struct Served {
        client: DuplexStream,
        task: JoinHandle<()>,
        stop: CancellationToken,
        queue: Arc<MemoryQueue>,
    }

    fn served(protocol: impl Protocol + 'static) -> Served {
        let queue = Arc::new(MemoryQueue::new());
        let inlet = Inlet::new(Ingest::start(queue.clone(), IngestOptions::default()), "test");
        let (client, server) = tokio::io::duplex(1 << 16);
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(server, Ipv4Addr::LOCALHOST.into(), Box::new(protocol), inlet, stop.clone()));
        Served { client, task, stop, queue }
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_message_and_silence_end_the_connection() {
        let Served { mut client, task, queue, .. } = served(Packets::default());
        client.write_all(b"{\"message\":\"whole\"}\n{\"message\":").await.unwrap();
        let begun = Instant::now();
        task.await.unwrap();
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
        task.await.unwrap();
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
            task.await.unwrap();
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
}
