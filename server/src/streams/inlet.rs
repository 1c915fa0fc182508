//! Submits frames of streams to the queue.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use compact_str::format_compact;
use doors::stream::Frame;
use metrics::{Counter, counter};
use parking_lot::Mutex;
use pipeline::{
    BatchId, ErrorClass, Sender,
    admit::{Ingest, Submission},
    bodies::Room,
};
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

/// How long a frame in flight may take after the server stops.
pub(super) const LAST: Duration = Duration::from_secs(5);
/// The minimum interval between log lines about refused messages; all are counted.
const LOGGED_EVERY: Duration = Duration::from_secs(10);

/// The submission path of one kind of door.
#[derive(Clone)]
pub(super) struct Inlet {
    ingest: Ingest,
    door: &'static str,
    refused: Counter,
    logged: Arc<Mutex<Option<Instant>>>,
}

impl Inlet {
    pub(super) fn new(ingest: Ingest, door: &'static str) -> Self {
        let refused = counter!("logboom_messages_refused_total", "door" => door);
        Self { ingest, door, refused, logged: Arc::default() }
    }

    pub(super) fn door(&self) -> &'static str {
        self.door
    }

    /// A reservation for bytes and frames that are not submitted yet.
    pub(super) fn room(&self) -> Room {
        self.ingest.bodies().room()
    }

    /// Counts refused messages and logs the first reason, because no client receives it.
    pub(super) fn refused(&self, peer: IpAddr, frame: &Frame) {
        self.ingest.undecoded(frame.refused);
        if let Some(reason) = frame.reasons.first() {
            // A reason may quote what it is about.
            self.log_refused(peer, frame.refused, &self.ingest.redacted(reason));
        }
    }

    fn log_refused(&self, peer: IpAddr, refused: usize, reason: &str) {
        self.refused.increment(refused as u64);
        let mut logged = self.logged.lock();
        // Throttled, because clients can cause it at any rate.
        if logged.is_some_and(|logged| logged.elapsed() < LOGGED_EVERY) {
            tracing::debug!(door = self.door, %peer, refused, reason, "messages were refused");
        } else {
            *logged = Some(Instant::now());
            tracing::warn!(door = self.door, %peer, refused, reason, "messages were refused");
        }
    }

    /// Makes the records of a frame durable, retrying until then, and returns the answer. Meanwhile the connection is
    /// not read beyond its window, which throttles the client. `None` if the server stops first.
    ///
    /// A frame with a name that is beyond the limits of its sender gets no acknowledgement, so its client sends it
    /// again. The records of other frames are rejected then, because their clients would not.
    pub(super) async fn take(
        self,
        frame: Frame,
        peer: IpAddr,
        sender: Sender,
        stop: CancellationToken,
    ) -> Option<Vec<u8>> {
        if frame.records.is_empty() {
            return Some(frame.answer);
        }
        let batch_id = frame.name.map(|name| batch_id_of(peer, &sender, &name));
        let has_name = batch_id.is_some();
        let (producer, count) = (format_compact!("{} {peer}", self.door), frame.records.len());
        let deliver = self.ingest.deliver(Submission { batch_id, producer, records: frame.records, sender });
        let last = async {
            stop.cancelled().await;
            tokio::time::sleep(LAST).await;
        };
        let delivered = tokio::select! {
            biased;
            delivered = deliver => delivered,
            () = last => return None,
        };
        match delivered {
            Ok(accepted) => {
                if let Some(rejection) = accepted.rejected.first() {
                    self.log_refused(peer, accepted.rejected.len(), &rejection.reason);
                }
                Some(frame.answer)
            }
            Err(error) if has_name && matches!(error.class, ErrorClass::Overloaded | ErrorClass::Invalid) => {
                self.log_refused(peer, count, &error.message);
                Some(Vec::new())
            }
            // Only on shutdown; otherwise it is retried.
            Err(error) if error.is_retryable() => None,
            Err(error) => {
                self.refused.increment(count as u64);
                tracing::warn!(door = self.door, %peer, %error, records = count, "records could not be stored");
                Some(Vec::new())
            }
        }
    }
}

/// The batch id for a client's idempotency key. Keys are scoped to one client: its address, and its name if it has one.
fn batch_id_of(peer: IpAddr, sender: &Sender, name: &[u8]) -> BatchId {
    let mut digest = Sha256::new_with_prefix(peer.to_canonical().to_string()).chain_update([0u8]);
    if let Some(sender) = sender.name() {
        digest = digest.chain_update(sender).chain_update([0u8]);
    }
    BatchId::of_digest(digest.chain_update(name))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use pipeline::{Content, Error, Queue as _, Terms, admit::IngestOptions, clock::Clock, normalise::RawRecord};
    use testkit::{
        faulty::{FaultyQueue, Mode},
        memory::MemoryQueue,
    };

    use super::*;

    const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn frame(messages: &[&str], name: Option<[u8; 32]>) -> Frame {
        let mut frame = Frame { name, ..Frame::default() };
        for message in messages {
            frame.take(Ok(RawRecord { message: (*message).into(), ..RawRecord::default() }));
        }
        frame
    }

    /// The batches that a store would keep, one per id, and the number of deliveries.
    async fn stored(queue: &MemoryQueue) -> (Vec<Vec<String>>, usize) {
        let deliveries = queue.receive(usize::MAX).await.unwrap();
        let (mut known, came) = (std::collections::HashSet::new(), deliveries.len());
        let batches = deliveries.into_iter().filter_map(|delivery| match delivery.content {
            Content::Batch(batch) => {
                known.insert(batch.id).then(|| batch.records.iter().map(|record| record.message.clone()).collect())
            }
            Content::Undecodable { reason, .. } => panic!("{reason}"),
        });
        (batches.collect(), came)
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_whose_answer_was_lost_is_stored_once() {
        for name in [None, Some([7; 32])] {
            let memory = Arc::new(MemoryQueue::new());
            let faulty = FaultyQueue::new(memory.clone());
            faulty.publish.set(Mode::LoseAnswer(Error::unavailable("it may still become durable")));
            let inlet = Inlet::new(Ingest::start(faulty.clone(), IngestOptions::default()), "test");
            let taken =
                tokio::spawn(inlet.take(frame(&["a", "b"], name), PEER, Sender::default(), CancellationToken::new()));
            faulty.publish.called(3).await;
            assert!(!taken.is_finished());
            faulty.publish.set(Mode::Healthy);
            assert_eq!(taken.await.unwrap(), Some(Vec::new()));
            let (batches, came) = stored(&memory).await;
            assert!(came >= 3, "each try was done");
            assert_eq!(batches, [["a", "b"]]);
        }
    }

    #[tokio::test]
    async fn a_frame_with_a_name_is_one_batch_of_its_sender_however_often_it_comes() {
        let memory = Arc::new(MemoryQueue::new());
        let inlet = Inlet::new(Ingest::start(memory.clone(), IngestOptions::default()), "test");
        let other = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
        let same = "::ffff:127.0.0.1".parse().unwrap();
        for (peer, message, name) in
            [(PEER, "a", 1), (PEER, "a", 1), (same, "a", 1), (PEER, "b", 2), (other, "c", 1), (PEER, "b", 2)]
        {
            let frame = frame(&[message], Some([name; 32]));
            let answer = inlet.clone().take(frame, peer, Sender::default(), CancellationToken::new()).await;
            assert_eq!(answer, Some(Vec::new()));
        }
        assert_eq!(stored(&memory).await, (vec![vec!["a".into()], vec!["b".into()], vec!["c".into()]], 6));
    }

    #[tokio::test]
    async fn a_frame_larger_than_the_bounds_is_split_and_none_of_it_is_lost() {
        let messages: Vec<String> = (0..25_000).map(|number| number.to_string()).collect();
        let frame = |name| frame(&messages.iter().map(String::as_str).collect::<Vec<_>>(), name);
        for (most, name, batches) in
            [(200_000, None, 3), (200_000, Some([1; 32]), 3), (6_000, None, 5), (6_000, Some([1; 32]), 5)]
        {
            let memory = Arc::new(MemoryQueue::new());
            let options = IngestOptions { in_flight_records: most, ..IngestOptions::default() };
            let inlet = Inlet::new(Ingest::start(memory.clone(), options), "test");
            for _ in 0..2 {
                assert!(
                    inlet.clone().take(frame(name), PEER, Sender::default(), CancellationToken::new()).await.is_some()
                );
            }
            let (stored, came) = stored(&memory).await;
            let again = if name.is_some() { 1 } else { 2 };
            assert_eq!((stored.len(), came), (batches * again, batches * 2), "{most} {name:?}");
            assert_eq!(stored[..batches].concat(), messages);
        }
    }

    #[tokio::test]
    async fn a_frame_beyond_the_limits_of_its_sender_is_acknowledged_only_if_nobody_sends_it_again() {
        let sender = Sender::with_terms(Terms { name: "key a".into(), bytes_per_day: Some(4), ..Terms::default() });
        let other = Sender::with_terms(Terms { name: "key b".into(), ..Terms::default() });
        let queue = Arc::new(MemoryQueue::new());
        let options = IngestOptions { clock: Clock::from_fn(|| 1_000_000_000_000), ..IngestOptions::default() };
        let inlet = Inlet::new(Ingest::start(queue.clone(), options), "test");
        let take = async |message: &str, name: Option<[u8; 32]>, sender: &Sender| {
            let frame = Frame { answer: b"ack".to_vec(), ..frame(&[message], name) };
            inlet.clone().take(frame, PEER, sender.clone(), CancellationToken::new()).await
        };
        assert_eq!(take("one", Some([1; 32]), &sender).await, Some(b"ack".to_vec()));
        // First more than is left of the day, then more than a day has.
        for message in ["two", "three"] {
            assert_eq!(take(message, Some([2; 32]), &sender).await, Some(Vec::new()), "{message}");
            assert_eq!(take(message, None, &sender).await, Some(b"ack".to_vec()), "{message}");
        }
        assert_eq!(take("four", Some([1; 32]), &other).await, Some(b"ack".to_vec()));
        // The same name of another sender is another batch.
        assert_eq!(stored(&queue).await, (vec![vec!["one".into()], vec!["four".into()]], 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_frame_that_cannot_be_stored_does_not_hold_up_the_end() {
        let faulty = FaultyQueue::new(Arc::new(MemoryQueue::new()));
        faulty.publish.set(Mode::Fail(Error::unavailable("away")));
        let inlet = Inlet::new(Ingest::start(faulty.clone(), IngestOptions::default()), "test");
        let stop = CancellationToken::new();
        let taken = tokio::spawn(inlet.take(frame(&["a"], None), PEER, Sender::default(), stop.clone()));
        faulty.publish.called(2).await;
        stop.cancel();
        assert_eq!(taken.await.unwrap(), None);
    }
}
