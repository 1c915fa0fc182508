//! The loop: receive, form a group, send it, settle it.

use std::{
    collections::VecDeque,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use model::Nanos;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Backlog, Options, Progress, Waiting, WhenFull,
    destinations::Destinations,
    fresh::{Lane, records_of, weight_of},
    group::{self, Group, Sendable},
    progress::{Counts, Fresh},
    refused::RefusedFile,
    status::Shared,
};
use crate::{
    Content, Delivery, Queue as _, Receipt, Result,
    backoff::Backoff,
    clock::Clock,
    events::{OldestDropped, RecordsRefused, RelayFailed},
    follow::{
        RECORDS,
        attempts::{ENOUGH, GATHER, LAST_STORE, Refusal},
    },
};

/// The interval between checks of the disk space while no destination has answered.
const LOOK: Duration = Duration::from_millis(100);
/// How long an attempt may go on while the disk space is used up.
const GRACE: Duration = Duration::from_secs(2);
/// The time limit for receiving the rest of a group that may have been sent. The queue has it on disk, so it comes at
/// once.
const REST_OF_GROUP: Duration = Duration::from_secs(10);

pub(super) struct Stage {
    queue: Arc<Waiting>,
    /// `None` once counted. Nothing is sent before that, because settled deliveries may be deleted.
    backlog: Option<Backlog>,
    progress: Progress,
    destinations: Destinations,
    drops_oldest: bool,
    refused: RefusedFile,
    clock: Clock,
    shared: Arc<Shared>,
    /// `None`: strictly oldest first.
    fresh: Option<Lane>,
    /// Received and not settled, oldest first.
    pending: VecDeque<Delivery>,
    /// Settled, and to be acknowledged to the queue once the progress is stored.
    settled: Vec<Receipt>,
    /// Until then, small batches gather.
    gather_until: Option<Instant>,
}

impl Stage {
    pub(super) fn new(options: Options, shared: &Arc<Shared>) -> Self {
        let Options { queue, backlog, progress, destinations, when_full, fresh, refused, clock, .. } = options;
        Self {
            queue,
            backlog: Some(backlog),
            progress,
            destinations: Destinations::new(destinations, shared, clock.clone()),
            drops_oldest: when_full == WhenFull::DropOldest,
            refused: RefusedFile::new(refused),
            clock,
            shared: Arc::clone(shared),
            fresh: fresh.map(Lane::new),
            pending: VecDeque::new(),
            settled: Vec::new(),
            gather_until: None,
        }
    }

    /// Runs until `stop`. After a panic it continues with the first delivery that is not settled.
    pub(super) async fn run(&mut self, stop: &CancellationToken) {
        let mut backoff = Backoff::of_stage();
        while let Some(done) = stop.run_until_cancelled(self.step()).await {
            match done {
                Ok(()) => {
                    backoff.reset();
                    self.shared.set_trouble(None);
                }
                Err(error) => {
                    self.shared.set_trouble(Some(&error));
                    let wait = backoff.next();
                    RelayFailed { error: &error, wait }.emit();
                    let _ = stop.run_until_cancelled(sleep(wait)).await;
                }
            }
        }
        // Otherwise what was acknowledged last would be sent again.
        if self.has_unstored() && timeout(LAST_STORE, self.store_at_last()).await.is_err() {
            tracing::warn!("the progress cannot be stored; what was sent last is sent again");
        }
    }

    /// One turn: receives, or sends one group.
    async fn step(&mut self) -> Result<()> {
        if let Some(count) = &self.backlog {
            let (records, bytes) = count().await?;
            self.queue.add_backlog(records, bytes);
            self.backlog = None;
        }
        let sending = self.progress.sending();
        let is_whole = sending.is_none_or(|last| self.pending.back().is_some_and(|newest| newest.receipt >= last));
        if !is_whole {
            let received = timeout(REST_OF_GROUP, self.receive()).await;
            if received.is_err() {
                tracing::warn!("the queue no longer has all of the batch that was sent last; it may be sent twice");
                self.progress.set_sending(None);
            }
            return received.unwrap_or(Ok(()));
        }
        if self.join_lanes() || self.send_fresh().await? {
            return Ok(());
        }
        let most = self.progress.fresh().map(Fresh::from);
        let Some(Group { last, deliveries, content }) = group::next(&self.pending, sending, most) else {
            return self.wait_for_more().await;
        };
        if sending != Some(last) {
            self.progress.set_sending(Some(last));
            self.store().await?;
        }
        if let Some(lane) = &mut self.fresh {
            lane.old_sent(self.pending.iter().take(deliveries).map(weight_of).sum());
        }
        let (begun, records) = (Instant::now(), content.records());
        let Some(counts) = self.deliver(content).await? else { return Ok(()) };
        self.settle(deliveries, counts);
        if let Some(records) = records {
            self.gather_until = (records < ENOUGH).then_some(begun + GATHER);
        }
        Ok(())
    }

    /// Sends a group until it is acknowledged, or keeps what no destination can get. Returns `None` if the oldest
    /// deliveries were dropped instead.
    async fn deliver(&mut self, content: Sendable) -> Result<Option<Counts>> {
        let batch = match content {
            Sendable::Batch(batch) => batch,
            Sendable::Undecodable { bytes, reason } => {
                self.refused.append_bytes(&bytes, &reason, self.clock.now()).await?;
                // How many records it was is unknown; at least one.
                RecordsRefused { records: 1, reason: &reason }.emit();
                return Ok(Some(Counts { refused: 1, ..Counts::default() }));
            }
        };
        let (records, settled) = (batch.records.len() as u64, self.progress.settled());
        let lane = &mut self.fresh;
        lane.iter_mut().for_each(Lane::next_group);
        let mut begins = || lane.iter_mut().for_each(Lane::note_newest);
        let refused = tokio::select! {
            refused = self.destinations.deliver(batch, &mut self.progress, &mut begins) => refused,
            crowded = until_crowded(&self.queue, &self.shared, settled), if self.drops_oldest => {
                // A group of the old lane is dropped as a whole, because the rest would get another id.
                let last = self.progress.sending().map_or(crowded, |sending| crowded.max(sending));
                self.drop_oldest(last).await?;
                return Ok(None);
            }
        };
        self.write_refused(&refused).await;
        let lost = refused.len() as u64;
        Ok(Some(Counts { delivered: records - lost, refused: lost, dropped: 0 }))
    }

    /// Ends the fresh lane once the old one has reached it. Returns whether it has.
    fn join_lanes(&mut self) -> bool {
        let (Some(lane), Some(fresh)) = (&mut self.fresh, self.progress.fresh()) else { return false };
        let is_reached = self.pending.front().is_some_and(|oldest| oldest.receipt > fresh.from());
        if !is_reached || fresh.sending().is_some() || self.progress.sending().is_some() {
            return false;
        }
        lane.clear();
        self.progress.join_fresh();
        // Counted when they were delivered.
        while let Some(delivery) = self.pending.pop_front_if(|oldest| fresh.contains(oldest.receipt)) {
            self.settled.push(delivery.receipt);
        }
        self.show_oldest();
        true
    }

    /// Sends the next group of the fresh lane, if it is its turn. Returns whether it was.
    async fn send_fresh(&mut self) -> Result<bool> {
        let Some(lane) = &mut self.fresh else { return Ok(false) };
        if self.progress.fresh().is_none() {
            let oldest = self.pending.front().and_then(observed);
            if oldest.is_none_or(|oldest| !lane.is_due(self.clock.now() - oldest)) {
                return Ok(false);
            }
            let settled = self.progress.settled();
            let sent = self.progress.sending().map_or(settled, |last| last.max(settled));
            self.progress.begin_fresh(lane.begin().max(sent));
        }
        let Some(fresh) = self.progress.fresh() else { return Ok(false) };
        let Some(Group { last, deliveries, content }) = lane.next(fresh.upto(), fresh.sending()).await? else {
            if fresh.sending().is_some() {
                tracing::warn!("the queue no longer has the batch that was sent last; it may be sent twice");
                self.progress.set_fresh_sending(None);
            }
            return Ok(fresh.sending().is_some());
        };
        if fresh.sending() != Some(last) {
            self.progress.set_fresh_sending(Some(last));
            self.store().await?;
        }
        let Some(counts) = self.deliver(content).await? else { return Ok(true) };
        if let Some(lane) = &mut self.fresh {
            for delivery in lane.settle(deliveries) {
                self.queue.settled(records_of(&delivery), weight_of(&delivery));
            }
        }
        self.progress.settle_fresh(last, counts);
        self.shared.settled(&self.progress, counts);
        Ok(true)
    }

    /// Writes refused records to their file. Repeats that alone until it works, so that the others are not sent again.
    async fn write_refused(&mut self, refused: &[Refusal]) {
        let Some((_, reason)) = refused.first() else { return };
        RecordsRefused { records: refused.len(), reason }.emit();
        let mut backoff = Backoff::of_stage();
        while let Err(error) = self.refused.append(refused, self.clock.now()).await {
            self.shared.set_trouble(Some(&error));
            let wait = backoff.next();
            RelayFailed { error: &error, wait }.emit();
            sleep(wait).await;
        }
    }

    /// Stores the progress and waits for deliveries.
    async fn wait_for_more(&mut self) -> Result<()> {
        if self.has_unstored() {
            self.store().await?;
        }
        if let Some(until) = self.gather_until.take() {
            sleep_until(until).await;
        }
        self.receive().await
    }

    /// Receives deliveries; those that are settled already, before a crash, are acknowledged.
    async fn receive(&mut self) -> Result<()> {
        for delivery in self.queue.receive(RECORDS).await? {
            if delivery.receipt <= self.progress.settled() {
                self.settled.push(delivery.receipt);
            } else {
                self.pending.push_back(delivery);
            }
        }
        self.show_oldest();
        Ok(())
    }

    /// The first deliveries are settled.
    fn settle(&mut self, deliveries: usize, counts: Counts) {
        let fresh = self.progress.fresh();
        for delivery in self.pending.drain(..deliveries) {
            // What the fresh lane has delivered was counted then.
            if fresh.is_none_or(|fresh| !fresh.contains(delivery.receipt)) {
                self.queue.settled(records_of(&delivery), weight_of(&delivery));
            }
            self.progress.settle(delivery.receipt, Counts::default());
            self.settled.push(delivery.receipt);
        }
        self.progress.settle(self.progress.settled(), counts);
        self.shared.settled(&self.progress, counts);
        self.show_oldest();
    }

    fn show_oldest(&self) {
        self.shared.set_oldest(self.pending.front().and_then(observed));
    }

    /// Stores the progress. The step that the stop signal ended may still be writing the same file.
    async fn store_at_last(&mut self) {
        let mut backoff = Backoff::of_stage();
        while let Err(error) = self.store().await {
            tracing::debug!("cannot store the progress: {error}");
            sleep(backoff.next()).await;
        }
    }

    fn has_unstored(&self) -> bool {
        !self.progress.is_stored() || !self.settled.is_empty()
    }

    /// Stores the progress, then acknowledges what is settled to the queue.
    async fn store(&mut self) -> Result<()> {
        self.progress.store().await?;
        self.queue.acknowledge(&self.settled).await?;
        self.settled.clear();
        Ok(())
    }

    /// Drops everything up to `last`.
    async fn drop_oldest(&mut self, last: Receipt) -> Result<()> {
        let (mut batches, mut records) = (0, 0);
        let fresh = self.progress.fresh();
        let is_delivered = |receipt: Receipt| fresh.is_some_and(|fresh| fresh.contains(receipt));
        loop {
            let old = self.pending.iter().take_while(|delivery| delivery.receipt <= last);
            let (mut deliveries, mut dropped) = (0, 0);
            for delivery in old {
                deliveries += 1;
                dropped += if is_delivered(delivery.receipt) { 0 } else { records_of(delivery) };
            }
            self.settle(deliveries, Counts { dropped: dropped as u64, ..Counts::default() });
            self.store().await?;
            (batches, records) = (batches + deliveries, records + dropped);
            if !self.pending.is_empty() || self.progress.settled() >= last {
                break;
            }
            // The rest is durable, so it comes at once.
            if timeout(REST_OF_GROUP, self.receive()).await.is_err() {
                break;
            }
        }
        if fresh.is_some_and(|fresh| self.progress.settled() > fresh.from()) {
            // Also of a group that may have been sent, nothing is left.
            self.progress.join_fresh();
            self.fresh.iter_mut().for_each(Lane::clear);
        }
        OldestDropped { batches, records }.emit();
        Ok(())
    }
}

fn observed(delivery: &Delivery) -> Option<Nanos> {
    match &delivery.content {
        Content::Batch(batch) => Some(batch.observed_time),
        Content::Undecodable { .. } => None,
    }
}

/// Waits until the disk space is used up. Returns the delivery up to which it must become free. An attempt under way
/// gets some more time. What is settled already becomes free soon.
async fn until_crowded(queue: &Waiting, shared: &Shared, settled: Receipt) -> Receipt {
    let mut since = None;
    loop {
        sleep(LOOK).await;
        let Some(upto) = queue.status().space.and_then(|space| space.crowded).filter(|upto| *upto > settled) else {
            since = None;
            continue;
        };
        let begun = *since.get_or_insert_with(Instant::now);
        if !shared.in_attempt.load(Relaxed) || begun.elapsed() >= GRACE {
            return upto;
        }
    }
}
