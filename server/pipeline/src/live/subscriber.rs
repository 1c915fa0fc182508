//! One subscriber: its query, its position, and its queued events.

use std::{sync::Arc, time::Duration};

use model::{Position, Query, StoredRecord, TimeRange};
use tokio::sync::{Semaphore, mpsc, watch};

use super::{LiveEvent, Shared, ring::Read};
use crate::{Block, ReadLimit, backoff::Backoff, events::FollowFailed};

/// The page size in records of reads from the store.
const PAGE: usize = 500;

/// The number of records examined between yields to other tasks.
const YIELD_EVERY: usize = 1024;

/// The subscription was dropped.
struct ReaderGone;

pub(super) struct Subscriber {
    shared: Arc<Shared>,
    query: Query,
    newest: watch::Receiver<Option<Position>>,
    /// The requested start.
    after: Option<Position>,
    /// The newest position at the start of the subscription. Records up to it were requested and are always sent; later
    /// ones are skipped if there is no room.
    backlog_end: Position,
    outbox: Outbox,
}

/// The queue of events for the reader, bounded in number and in bytes.
struct Outbox {
    events: mpsc::Sender<LiveEvent>,
    /// A permit per byte.
    room: Arc<Semaphore>,
    most_bytes: usize,
    skipped: u64,
    /// The position of the last skipped record.
    skipped_at: Position,
}

/// The permits of a queued event. An event beyond the limit takes all of them.
pub(super) fn cost(event: &LiveEvent, most_bytes: usize) -> usize {
    match event {
        LiveEvent::Record(stored) => stored.record.weight().min(most_bytes),
        LiveEvent::Skipped { .. } => 0,
    }
}

impl Subscriber {
    pub(super) fn new(
        shared: Arc<Shared>,
        query: Query,
        after: Option<Position>,
        events: mpsc::Sender<LiveEvent>,
        room: Arc<Semaphore>,
    ) -> Self {
        shared.meters.subscribed();
        let newest = shared.newest.subscribe();
        // Without `after`, it starts now: the next stored record is sent.
        let after = after.or(*newest.borrow());
        let most_bytes = shared.options.event_bytes;
        let outbox = Outbox { events, room, most_bytes, skipped: 0, skipped_at: Position(0) };
        Self { shared, query, newest, after, backlog_end: Position(i64::MIN), outbox }
    }

    /// Runs until the subscription is dropped.
    pub(super) async fn run(mut self) {
        // It ends only when the reader is gone.
        let Err(ReaderGone) = self.send_all().await;
    }

    async fn send_all(&mut self) -> Result<std::convert::Infallible, ReaderGone> {
        let mut at = self.begin().await?;
        let mut backoff = Backoff::of_stage();
        loop {
            let read = self.shared.ring.lock().after(at);
            at = match read {
                Read::Blocks(blocks) if blocks.is_empty() => {
                    self.wait_for_more(at).await?;
                    at
                }
                Read::Blocks(blocks) => self.send_blocks(at, blocks).await?,
                Read::Before(floor) => match self.read_page(at, floor).await? {
                    Ok(page) => {
                        backoff.reset();
                        self.send_page(floor, page).await?
                    }
                    Err(error) => {
                        let wait = backoff.next();
                        FollowFailed { error: &error, wait }.emit();
                        self.pause(wait).await?;
                        at
                    }
                },
            };
        }
    }

    /// The start position, once the hub knows the newest one.
    async fn begin(&mut self) -> Result<Position, ReaderGone> {
        let newest = loop {
            let newest = *self.newest.borrow_and_update();
            match newest {
                Some(newest) => break newest,
                None => self.wait_for_newest().await?,
            }
        };
        self.backlog_end = newest;
        let mut at = self.after.unwrap_or(newest);
        if at > newest {
            // Either this node has not seen the position yet, or the store never assigned it: after a change of stores,
            // a position of the old store would hide all new records.
            if let Ok(truth) = self.shared.store.newest().await {
                at = at.min(truth.max(newest));
            }
        }
        Ok(at)
    }

    async fn send_blocks(&mut self, at: Position, blocks: Vec<Block>) -> Result<Position, ReaderGone> {
        let mut examined = 0_usize;
        let mut reached = at;
        for block in blocks {
            let passed = usize::try_from(at.0.saturating_sub(block.first.0).saturating_add(1)).unwrap_or(0);
            for (place, record) in block.batch.records.iter().enumerate().skip(passed) {
                if self.query.matches(record) {
                    let position = Position(block.first.0 + place as i64);
                    self.send_record(position, || StoredRecord { position, record: record.clone() }, record.weight())
                        .await?;
                }
                examined += 1;
                if examined.is_multiple_of(YIELD_EVERY) {
                    tokio::task::yield_now().await;
                    self.outbox.check()?;
                }
            }
            reached = reached.max(block.last());
        }
        self.outbox.check()?;
        Ok(reached)
    }

    /// Reads a page of records older than the ring; ends early if the reader is gone.
    async fn read_page(&self, at: Position, floor: Position) -> Result<crate::Result<Vec<StoredRecord>>, ReaderGone> {
        let limit = ReadLimit::of_records(PAGE);
        tokio::select! {
            page = self.shared.store.read_after(at, floor, TimeRange::ALL, &self.query, limit) => Ok(page),
            () = self.outbox.events.closed() => Err(ReaderGone),
        }
    }

    async fn send_page(&mut self, floor: Position, page: Vec<StoredRecord>) -> Result<Position, ReaderGone> {
        let reached = match page.last() {
            Some(last) if page.len() >= PAGE => last.position,
            _ => floor,
        };
        for stored in page {
            let weight = stored.record.weight();
            self.send_record(stored.position, || stored, weight).await?;
        }
        // Otherwise a tail without matches would read on without a reader.
        self.outbox.check()?;
        Ok(reached)
    }

    /// Sends one record. It is copied only if there is room for it.
    async fn send_record(
        &mut self,
        position: Position,
        record: impl FnOnce() -> StoredRecord,
        weight: usize,
    ) -> Result<(), ReaderGone> {
        if position <= self.backlog_end {
            return self.outbox.send(record()).await;
        }
        let skipped = self.outbox.skipped;
        if self.outbox.try_send(position, record, weight) && skipped > 0 {
            self.shared.meters.skipped(skipped);
        }
        Ok(())
    }

    /// At the newest end: waits for a new block. Reports skipped records as soon as there is room, since the next
    /// record may come late.
    async fn wait_for_more(&mut self, at: Position) -> Result<(), ReaderGone> {
        let events = self.outbox.events.clone();
        loop {
            if self.newest.borrow_and_update().is_some_and(|newest| newest > at) {
                return Ok(());
            }
            tokio::select! {
                permit = events.reserve(), if self.outbox.skipped > 0 => {
                    self.shared.meters.skipped(self.outbox.skipped);
                    permit.map_err(|_| ReaderGone)?.send(self.outbox.take_skipped());
                }
                changed = self.newest.changed() => changed.map_err(|_| ReaderGone)?,
                () = events.closed() => return Err(ReaderGone),
            }
        }
    }

    async fn wait_for_newest(&mut self) -> Result<(), ReaderGone> {
        tokio::select! {
            changed = self.newest.changed() => changed.map_err(|_| ReaderGone),
            () = self.outbox.events.closed() => Err(ReaderGone),
        }
    }

    async fn pause(&self, time: Duration) -> Result<(), ReaderGone> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.outbox.events.closed() => Err(ReaderGone),
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.shared.meters.unsubscribed();
    }
}

impl Outbox {
    fn check(&self) -> Result<(), ReaderGone> {
        if self.events.is_closed() { Err(ReaderGone) } else { Ok(()) }
    }

    /// Sends a record; waits for the reader without a time limit.
    async fn send(&mut self, stored: StoredRecord) -> Result<(), ReaderGone> {
        let event = LiveEvent::Record(stored);
        let cost = cost(&event, self.most_bytes) as u32;
        let bytes = tokio::select! {
            bytes = self.room.acquire_many(cost) => bytes.map_err(|_| ReaderGone)?,
            () = self.events.closed() => return Err(ReaderGone),
        };
        let place = self.events.reserve().await.map_err(|_| ReaderGone)?;
        // Returned by `Subscription::next`.
        bytes.forget();
        place.send(event);
        Ok(())
    }

    /// Sends a record if there is room, preceded by the count of those skipped; otherwise skips it. Returns whether it
    /// was sent.
    fn try_send(&mut self, position: Position, record: impl FnOnce() -> StoredRecord, weight: usize) -> bool {
        let places = 1 + usize::from(self.skipped > 0);
        let bytes = self.room.try_acquire_many(weight.min(self.most_bytes) as u32);
        let (Ok(mut places), Ok(bytes)) = (self.events.try_reserve_many(places), bytes) else {
            self.skipped += 1;
            self.skipped_at = position;
            return false;
        };
        bytes.forget();
        if self.skipped > 0
            && let Some(place) = places.next()
        {
            let count = std::mem::take(&mut self.skipped);
            place.send(LiveEvent::Skipped { count, position: self.skipped_at });
        }
        if let Some(place) = places.next() {
            place.send(LiveEvent::Record(record()));
        }
        true
    }

    fn take_skipped(&mut self) -> LiveEvent {
        LiveEvent::Skipped { count: std::mem::take(&mut self.skipped), position: self.skipped_at }
    }
}
