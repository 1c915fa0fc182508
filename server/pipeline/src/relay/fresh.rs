//! The fresh lane: while old batches wait, new ones get a third of the bandwidth
//! ([`Options::fresh`](super::Options::fresh)).
//!
//! The lane begins at the newest delivery and continues from there. The old lane continues from the oldest one. When it
//! reaches the beginning of the fresh lane, everything up to the end of the fresh lane is settled, and there is one
//! lane again.

use std::{collections::VecDeque, sync::Arc};

use futures::future::BoxFuture;
use model::Nanos;
use tokio::time::Instant;

use super::group::{self, Group};
use crate::{
    Content, Delivery, Receipt, Result,
    follow::{
        RECORDS,
        attempts::{ENOUGH, GATHER},
    },
};

/// The lane begins when the oldest record has waited this long, in nanoseconds.
const BEHIND: Nanos = 2 * 1_000_000_000;
/// The old lane gets this many bytes for each byte of the fresh one.
const OLD_SHARE: usize = 2;

/// Reads the deliveries after this one that are there now, without delivering them: about so many records.
pub type ReadFresh = Arc<dyn Fn(Receipt, usize) -> BoxFuture<'static, Result<Vec<Delivery>>> + Send + Sync>;

/// How the fresh lane reads the queue.
#[derive(Clone)]
pub struct FreshShare {
    /// The newest durable delivery.
    pub last: Arc<dyn Fn() -> Receipt + Send + Sync>,
    pub read: ReadFresh,
}

pub(super) struct Lane {
    share: FreshShare,
    /// Read and not settled, oldest first.
    pending: VecDeque<Delivery>,
    /// The bytes that each lane has sent since the fresh one began.
    old: usize,
    fresh: usize,
    /// Until then, small batches gather.
    gather_until: Option<Instant>,
    /// The newest delivery when the last attempt began.
    noted: Option<Receipt>,
    /// The attempts of the last group.
    attempts: usize,
}

impl Lane {
    pub(super) fn new(share: FreshShare) -> Self {
        Self { share, pending: VecDeque::new(), old: 0, fresh: 0, gather_until: None, noted: None, attempts: 0 }
    }

    /// Starts the lane. Returns the delivery after which it begins: the newest when the last attempt began. A record that
    /// came while a destination was answering again is fresh.
    pub(super) fn begin(&mut self) -> Receipt {
        self.clear();
        self.noted.take().unwrap_or_else(|| (self.share.last)())
    }

    /// Whether the lane begins, if the oldest record has waited so long: also after an outage, so that what comes from
    /// then on does not wait for the backlog to grow old.
    pub(super) fn is_due(&self, waited: Nanos) -> bool {
        waited >= BEHIND || self.attempts > 1
    }

    /// A group is sent next.
    pub(super) fn next_group(&mut self) {
        self.attempts = 0;
    }

    /// An attempt begins.
    pub(super) fn note_newest(&mut self) {
        self.noted = Some((self.share.last)());
        self.attempts += 1;
    }

    /// The old lane has caught up.
    pub(super) fn clear(&mut self) {
        self.pending.clear();
        (self.old, self.fresh, self.gather_until, self.attempts) = (0, 0, None, 0);
    }

    /// The old lane has sent so many bytes.
    pub(super) fn old_sent(&mut self, bytes: usize) {
        self.old += bytes;
    }

    /// The next group after `upto`; `None` if it is the old lane's turn or nothing is new. `sending` is the last
    /// delivery of a group that may have been sent, which is due in any case.
    pub(super) async fn next(&mut self, upto: Receipt, sending: Option<Receipt>) -> Result<Option<Group>> {
        if sending.is_none() && self.fresh.saturating_mul(OLD_SHARE) > self.old {
            return Ok(None);
        }
        self.pending.retain(|delivery| delivery.receipt > upto);
        let has_enough = |pending: &VecDeque<Delivery>| match sending {
            Some(last) => pending.back().is_some_and(|newest| newest.receipt >= last),
            None => !pending.is_empty(),
        };
        while !has_enough(&self.pending) {
            let after = self.pending.back().map_or(upto, |newest| newest.receipt);
            let more = (self.share.read)(after, RECORDS).await?;
            if more.is_empty() {
                break;
            }
            self.pending.extend(more);
        }
        let records: usize = self.pending.iter().map(records_of).sum();
        if sending.is_none() && records < ENOUGH && self.gather_until.is_some_and(|until| Instant::now() < until) {
            return Ok(None);
        }
        Ok(group::next(&self.pending, sending, None))
    }

    /// The first deliveries are settled.
    pub(super) fn settle(&mut self, deliveries: usize) -> Vec<Delivery> {
        let settled: Vec<Delivery> = self.pending.drain(..deliveries).collect();
        self.fresh += settled.iter().map(weight_of).sum::<usize>();
        self.gather_until = Some(Instant::now() + GATHER);
        settled
    }
}

pub(super) fn records_of(delivery: &Delivery) -> usize {
    if let Content::Batch(batch) = &delivery.content { batch.records.len() } else { 0 }
}

pub(super) fn weight_of(delivery: &Delivery) -> usize {
    if let Content::Batch(batch) = &delivery.content { batch.weight() } else { 0 }
}
