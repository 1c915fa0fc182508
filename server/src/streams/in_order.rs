//! Delivers the frames of one connection in the order in which they came.

use std::{collections::VecDeque, net::IpAddr};

use doors::stream::Frame;
use futures::future::BoxFuture;
use pipeline::{Sender, bodies::Room};
use tokio_util::sync::CancellationToken;

use super::Inlet;

/// The frames of a connection. One is in flight; the others wait until it is durable, and then go together.
pub(super) struct InOrder {
    inlet: Inlet,
    peer: IpAddr,
    sender: Sender,
    stop: CancellationToken,
    in_flight: Option<BoxFuture<'static, Option<Vec<u8>>>>,
    /// With their reservations.
    waiting: VecDeque<(Frame, Room)>,
}

impl InOrder {
    pub(super) fn new(inlet: Inlet, peer: IpAddr, sender: Sender, stop: CancellationToken) -> Self {
        Self { inlet, peer, sender, stop, in_flight: None, waiting: VecDeque::new() }
    }

    /// From the next frame on, the records have another sender.
    pub(super) fn send_as(&mut self, sender: Sender) {
        self.sender = sender;
    }

    /// Whether every frame is delivered.
    pub(super) fn is_empty(&self) -> bool {
        self.in_flight.is_none()
    }

    /// The number of frames behind the one in flight.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Delivers the frame once those before it are durable. The reservation is released when the frame is durable.
    pub(super) fn submit(&mut self, frame: Frame, room: Room) {
        self.inlet.refused(self.peer, &frame);
        if !frame.is_empty() {
            self.waiting.push_back((frame, room));
            if self.in_flight.is_none() {
                self.deliver_next();
            }
        }
    }

    /// Waits for the frame in flight, starts to deliver those behind it, and returns the answer. Waits forever if no
    /// frame is in flight. May be cancelled.
    pub(super) async fn delivered(&mut self) -> Vec<u8> {
        let Some(in_flight) = &mut self.in_flight else { return std::future::pending().await };
        let answer = in_flight.await;
        self.in_flight = None;
        if answer.is_none() {
            // The server stops, and the frames behind this one would be stored without it.
            self.waiting.clear();
        }
        self.deliver_next();
        answer.unwrap_or_default()
    }

    /// Starts to deliver the next frame, together with those behind it. A frame with a name is a batch of its own.
    fn deliver_next(&mut self) {
        let Some((mut frame, room)) = self.waiting.pop_front() else { return };
        let mut rooms = vec![room];
        while frame.name.is_none()
            && let Some((next, room)) = self.waiting.pop_front_if(|(next, _)| next.name.is_none())
        {
            frame.append(next);
            rooms.push(room);
        }
        let take = self.inlet.clone().take(frame, self.peer, self.sender.clone(), self.stop.clone());
        self.in_flight = Some(Box::pin(async move {
            let answer = take.await;
            drop(rooms);
            answer
        }));
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, sync::Arc};

    use pipeline::{
        Content, Error, Queue as _,
        admit::{Ingest, IngestOptions},
        normalise::RawRecord,
    };
    use testkit::{
        faulty::{FaultyQueue, Mode},
        memory::MemoryQueue,
    };

    use super::*;

    /// A full frame, which is published without waiting for others.
    fn frame(first: usize, name: Option<[u8; 32]>) -> Frame {
        let mut frame = Frame { name, answer: format!("{first} ").into_bytes(), ..Frame::default() };
        for number in first..first + Frame::RECORDS {
            frame.take(Ok(RawRecord { message: number.to_string(), ..RawRecord::default() }));
        }
        frame
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_stored_and_answered_in_order_though_the_queue_fails_meanwhile() {
        let memory = Arc::new(MemoryQueue::new());
        let faulty = FaultyQueue::new(memory.clone());
        faulty.publish.set(Mode::Fail(Error::unavailable("away")));
        let inlet = Inlet::new(Ingest::start(faulty.clone(), IngestOptions::default()), "test");
        let mut frames =
            InOrder::new(inlet.clone(), Ipv4Addr::LOCALHOST.into(), Sender::default(), CancellationToken::new());
        for (number, name) in [None, None, Some([1; 32]), Some([2; 32]), None, None].into_iter().enumerate() {
            frames.submit(frame(number * Frame::RECORDS, name), inlet.room());
        }
        assert_eq!(frames.waiting(), 5);
        let mut answers = Vec::new();
        let heal = async {
            faulty.publish.called(3).await;
            faulty.publish.set(Mode::Healthy);
        };
        let deliver = async {
            while !frames.is_empty() {
                answers.extend(frames.delivered().await);
            }
        };
        tokio::join!(deliver, heal);
        assert_eq!(String::from_utf8(answers).unwrap(), "0 1000 2000 3000 4000 5000 ");
        let mut stored = Vec::new();
        for delivery in memory.receive(usize::MAX).await.unwrap() {
            let Content::Batch(batch) = delivery.content else { panic!("undecodable") };
            stored.extend(batch.records.iter().map(|record| record.message.clone()));
        }
        assert_eq!(stored, (0..6 * Frame::RECORDS).map(|number| number.to_string()).collect::<Vec<_>>());
    }
}
