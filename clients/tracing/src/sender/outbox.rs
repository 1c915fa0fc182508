//! The unacknowledged batches, across connections.
//!
//! A batch leaves in one of three ways: acknowledged, refused by the server, or given up when the sender stops. After
//! a lost connection or a retryable failure it stays here and is resent under its id; the server stores it once.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use tonic::Code;
use wire::v1::{Failure, PushResponse, StreamResponse, stream_response::Event};

use super::denial::is_denial;
use crate::{
    batch::Batch,
    shared::{Cause, Shared},
};

/// The maximum delay that the server may request.
const LONGEST_HOLD: Duration = Duration::from_secs(30);
/// The pause after a batch that the key may not send: another key needs a person.
const DENIED_HOLD: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// By sequence number, which is the number of their first entry.
    batches: BTreeMap<u64, PendingBatch>,
}

#[derive(Debug)]
struct PendingBatch {
    batch: Batch,
    /// Sent on the current stream and not answered.
    on_stream: bool,
    /// Sent at least once, so that the server may have stored it.
    tried: bool,
}

impl Outbox {
    pub(super) fn add(&mut self, sequence: u64, batch: Batch) {
        self.batches.insert(sequence, PendingBatch { batch, on_stream: false, tried: false });
    }

    /// The number of batches on the current stream, which the server's window limits.
    pub(super) fn on_stream(&self) -> usize {
        self.batches.values().filter(|kept| kept.on_stream).count()
    }

    /// Marks the oldest unsent batch as sent and returns it.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        let kept = self.batches.values_mut().find(|kept| !kept.on_stream)?;
        (kept.on_stream, kept.tried) = (true, true);
        Some(kept.batch.encoded())
    }

    /// Marks all batches as unsent, because the stream is lost.
    pub(super) fn stream_lost(&mut self) {
        self.batches.values_mut().for_each(|kept| kept.on_stream = false);
    }

    /// Processes a response. Returns how long the server requests to pause.
    pub(super) fn answered(&mut self, shared: &Shared, answer: StreamResponse) -> Option<Duration> {
        match answer.event? {
            // Sent once, at the start, and processed there.
            Event::Window(_) => None,
            Event::Acknowledged(answer) => {
                self.acknowledged(shared, &answer);
                None
            }
            Event::Failed(failure) => self.failed(shared, &failure),
        }
    }

    fn acknowledged(&mut self, shared: &Shared, answer: &PushResponse) {
        let Some(PendingBatch { batch, .. }) = self.batches.remove(&answer.sequence) else { return };
        let records = if answer.rejected.is_empty() { Vec::new() } else { batch.decoded() };
        let refused: Vec<_> = answer
            .rejected
            .iter()
            .filter_map(|rejection| Some((records.get(rejection.index as usize)?, rejection.reason.as_str())))
            .collect();
        shared.acknowledged(batch.records.saturating_sub(refused.len()));
        if !refused.is_empty() {
            shared.give_up(Cause::Refusal, refused);
        }
        self.settle(shared, &batch);
    }

    fn failed(&mut self, shared: &Shared, failure: &Failure) -> Option<Duration> {
        let denied = is_denial(Code::from(failure.code.cast_signed()));
        if denied {
            shared.denied(&failure.reason);
        }
        let delay = failure.retry_after_ms.map(|delay| Duration::from_millis(delay.into()));
        if let Some(delay) = delay.or(denied.then_some(DENIED_HOLD)) {
            if let Some(kept) = self.batches.get_mut(&failure.sequence) {
                kept.on_stream = false;
            }
            return Some(delay.min(LONGEST_HOLD));
        }
        let PendingBatch { batch, .. } = self.batches.remove(&failure.sequence)?;
        let records = batch.decoded();
        shared.give_up(Cause::Refusal, records.iter().map(|record| (record, failure.reason.as_str())));
        self.settle(shared, &batch);
        None
    }

    /// Releases the space of a settled batch, and updates the settled number.
    fn settle(&self, shared: &Shared, batch: &Batch) {
        shared.buffer.release(batch.records, batch.weight);
        let oldest = self.batches.keys().next().copied();
        shared.settled_below(oldest.unwrap_or_else(|| shared.buffer.first()));
    }

    /// Writes all batches to the fallback.
    pub(super) fn give_up_all(&mut self, shared: &Shared) {
        for (_, PendingBatch { batch, tried, .. }) in std::mem::take(&mut self.batches) {
            let reason = if tried {
                "not acknowledged before the end, though the server may have stored it"
            } else {
                "not sent before the end"
            };
            let records = batch.decoded();
            shared.give_up(Cause::End, records.iter().map(|record| (record, reason)));
            shared.buffer.release(batch.records, batch.weight);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, sync::Arc, time::Instant};

    use wire::v1::{Rejection, Window};

    use super::*;
    use crate::{
        batch::Producer,
        buffer::{Bounds, Next},
        entry::{Entry, Origin},
        fallback::Sink,
        fields::Fields,
    };

    /// Three batches of two records, of which the first two are sent.
    fn outbox() -> (Arc<Shared>, Outbox) {
        let producer = Producer { service: "shop".into(), node: "a1".into() };
        let bounds = Bounds { records: 100, bytes: 1 << 20, batch_records: 2, batch_delay: Duration::ZERO };
        let shared = Shared::new(producer, bounds, Sink::Drop);
        for _ in 0..6 {
            let place = Origin { target: Cow::Borrowed("t"), file: None, line: None };
            let (level, message) = (tracing::Level::INFO, "m".to_owned());
            shared.take(Entry { time: 1, level, place, message, fields: Fields::default(), spans: Vec::new() });
        }
        let mut outbox = Outbox::default();
        while let Next::Batch(run) = shared.buffer.take(Instant::now()) {
            outbox.add(run.first, Batch::new(&shared.producer, run.first, run.entries, run.weight));
        }
        assert!(outbox.next().is_some() && outbox.next().is_some());
        (shared, outbox)
    }

    fn process(outbox: &mut Outbox, shared: &Shared, event: Event) -> Option<Duration> {
        outbox.answered(shared, StreamResponse { event: Some(event) })
    }

    fn acknowledged(sequence: u64, rejected: &[u32]) -> Event {
        let rejected = rejected.iter().map(|index| Rejection { index: *index, reason: "bad".into() }).collect();
        Event::Acknowledged(PushResponse { accepted: 0, rejected, sequence })
    }

    fn failed(sequence: u64, retry_after_ms: Option<u32>) -> Event {
        Event::Failed(Failure { sequence, code: 8, reason: "no room".into(), retry_after_ms })
    }

    /// Acknowledged, buffered, refused.
    fn figures(shared: &Shared) -> (u64, u64, u64) {
        let stats = shared.stats();
        (stats.acknowledged, stats.buffered, stats.refused)
    }

    async fn is_settled(shared: &Shared, number: u64) -> bool {
        tokio::time::timeout(Duration::ZERO, shared.settled(number)).await.is_ok()
    }

    #[tokio::test]
    async fn answers_may_come_in_any_order_and_what_is_done_is_done_up_to_the_first_gap() {
        let (shared, mut outbox) = outbox();
        assert_eq!(process(&mut outbox, &shared, acknowledged(2, &[])), None);
        assert_eq!(figures(&shared), (2, 4, 0));
        assert!(is_settled(&shared, 0).await && !is_settled(&shared, 1).await);
        process(&mut outbox, &shared, acknowledged(0, &[]));
        assert!(is_settled(&shared, 4).await && !is_settled(&shared, 5).await);
        // Duplicate, unknown and empty responses are ignored.
        process(&mut outbox, &shared, acknowledged(0, &[]));
        process(&mut outbox, &shared, acknowledged(77, &[0]));
        process(&mut outbox, &shared, Event::Window(Window { batches: 1 }));
        assert_eq!(outbox.answered(&shared, StreamResponse { event: None }), None);
        assert_eq!(figures(&shared), (4, 2, 0));
        assert!(outbox.next().is_some() && outbox.next().is_none());
        process(&mut outbox, &shared, acknowledged(4, &[]));
        assert!(is_settled(&shared, 6).await);
        assert_eq!(shared.stats().buffered_bytes, 0);
    }

    #[test]
    fn a_batch_for_later_and_those_of_a_lost_stream_are_sent_again_as_they_were() {
        let (shared, mut outbox) = outbox();
        let first = outbox.batches[&0].batch.encoded();
        assert_eq!(process(&mut outbox, &shared, failed(0, Some(250))), Some(Duration::from_millis(250)));
        assert_eq!(process(&mut outbox, &shared, failed(2, Some(u32::MAX))), Some(LONGEST_HOLD));
        assert_eq!((outbox.on_stream(), figures(&shared)), (0, (0, 6, 0)));
        assert_eq!(outbox.next(), Some(first.clone()));
        outbox.stream_lost();
        assert_eq!(outbox.next(), Some(first));
        assert_eq!(outbox.on_stream(), 1);
    }

    #[test]
    fn a_batch_that_the_key_may_not_send_is_kept() {
        let (shared, mut outbox) = outbox();
        for (code, sequence) in [(7, 0), (16, 2)] {
            let failure = Failure { sequence, code, reason: "the key may read only".into(), retry_after_ms: None };
            assert_eq!(process(&mut outbox, &shared, Event::Failed(failure)), Some(DENIED_HOLD));
        }
        assert_eq!((outbox.on_stream(), figures(&shared)), (0, (0, 6, 0)));
        assert_eq!(shared.stats().denied.as_deref(), Some("the key may read only"));
        assert!(outbox.next().is_some() && outbox.next().is_some());
        process(&mut outbox, &shared, acknowledged(0, &[]));
        assert_eq!(shared.stats().denied, None);
    }

    #[test]
    fn what_the_server_refuses_goes_to_the_fallback() {
        let (shared, mut outbox) = outbox();
        process(&mut outbox, &shared, acknowledged(0, &[1, 9]));
        assert_eq!(figures(&shared), (1, 4, 1));
        process(&mut outbox, &shared, failed(2, None));
        assert_eq!(figures(&shared), (1, 2, 3));
        outbox.give_up_all(&shared);
        let stats = shared.stats();
        assert_eq!((stats.buffered, stats.buffered_bytes, stats.abandoned, stats.lost), (0, 0, 2, 5));
    }
}
