//! One subscriber: its query, its place, and what waits for it.

use std::{sync::Arc, time::Duration};

use model::{Position, Query, StoredRecord};
use tokio::sync::{Semaphore, mpsc, watch};

use super::{LiveEvent, Shared, ring::Read};
use crate::{Block, backoff::Backoff, events::FollowFailed};

/// The records of one page from the store.
const PAGE: usize = 500;

/// So many records are looked at before other tasks get a turn.
const STRETCH: usize = 1024;

/// The subscription was dropped.
struct Gone;

pub(super) struct Subscriber {
    shared: Arc<Shared>,
    query: Query,
    newest: watch::Receiver<Option<Position>>,
    /// Where it asked to begin.
    after: Option<Position>,
    /// Up to here, the newest position when it began, it is waited for: it has asked
    /// for the past. What comes later is skipped where there is no room.
    owed: Position,
    outbox: Outbox,
}

/// The events that wait for the reader, bounded in number and in bytes.
struct Outbox {
    events: mpsc::Sender<LiveEvent>,
    /// A permit per byte.
    room: Arc<Semaphore>,
    most_bytes: usize,
    skipped: u64,
    /// The last record that was skipped.
    skipped_at: Position,
}

/// The permits that an event takes while it waits; one that is larger than all waits alone.
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
        // Without `after`, from this moment on: what is stored next is seen.
        let after = after.or(*newest.borrow());
        let most_bytes = shared.options.event_bytes;
        let outbox = Outbox { events, room, most_bytes, skipped: 0, skipped_at: Position(0) };
        Self { shared, query, newest, after, owed: Position(i64::MIN), outbox }
    }

    /// Goes on until the subscription is dropped.
    pub(super) async fn run(mut self) {
        // The only way out of it is that the reader has gone, and then nobody is to be told.
        let Err(Gone) = self.give_all().await;
    }

    async fn give_all(&mut self) -> Result<std::convert::Infallible, Gone> {
        let mut at = self.begin().await?;
        let mut backoff = Backoff::of_stage();
        loop {
            let read = self.shared.ring.lock().after(at);
            at = match read {
                Read::Blocks(blocks) if blocks.is_empty() => {
                    self.wait_for_more(at).await?;
                    at
                }
                Read::Blocks(blocks) => self.give_blocks(at, blocks).await?,
                Read::Before(floor) => match self.read_page(at, floor).await? {
                    Ok(page) => {
                        backoff.reset();
                        self.give_page(floor, page).await?
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

    /// Where to begin, once the hub knows where the store is.
    async fn begin(&mut self) -> Result<Position, Gone> {
        let newest = loop {
            let newest = *self.newest.borrow_and_update();
            match newest {
                Some(newest) => break newest,
                None => self.wait_for_news().await?,
            }
        };
        self.owed = newest;
        let mut at = self.after.unwrap_or(newest);
        if at > newest {
            // A position that this node has not seen yet, or that no store has given
            // out: after a change of stores the old one's would hide all that is new.
            if let Ok(truth) = self.shared.store.newest().await {
                at = at.min(truth.max(newest));
            }
        }
        Ok(at)
    }

    async fn give_blocks(&mut self, at: Position, blocks: Vec<Block>) -> Result<Position, Gone> {
        let mut looked_at = 0_usize;
        let mut reached = at;
        for block in blocks {
            let passed = usize::try_from(at.0.saturating_sub(block.first.0).saturating_add(1)).unwrap_or(0);
            for (place, record) in block.batch.records.iter().enumerate().skip(passed) {
                if self.query.matches(record) {
                    let position = Position(block.first.0 + place as i64);
                    self.give(position, || StoredRecord { position, record: record.clone() }, record.weight()).await?;
                }
                looked_at += 1;
                if looked_at.is_multiple_of(STRETCH) {
                    tokio::task::yield_now().await;
                    self.outbox.check()?;
                }
            }
            reached = reached.max(block.last());
        }
        self.outbox.check()?;
        Ok(reached)
    }

    /// Reads what the ring does not hold any more; a reader that goes ends the reading.
    async fn read_page(&self, at: Position, floor: Position) -> Result<crate::Result<Vec<StoredRecord>>, Gone> {
        tokio::select! {
            page = self.shared.store.read_after(at, floor, &self.query, PAGE) => Ok(page),
            () = self.outbox.events.closed() => Err(Gone),
        }
    }

    async fn give_page(&mut self, floor: Position, page: Vec<StoredRecord>) -> Result<Position, Gone> {
        let reached = match page.last() {
            Some(last) if page.len() >= PAGE => last.position,
            _ => floor,
        };
        for stored in page {
            let weight = stored.record.weight();
            self.give(stored.position, || stored, weight).await?;
        }
        // A tail that matches nothing would otherwise read on and on for nobody.
        self.outbox.check()?;
        Ok(reached)
    }

    /// Gives out one record; it is only made where there is room for it.
    async fn give(
        &mut self,
        position: Position,
        record: impl FnOnce() -> StoredRecord,
        weight: usize,
    ) -> Result<(), Gone> {
        if position <= self.owed {
            return self.outbox.send(record()).await;
        }
        let skipped = self.outbox.skipped;
        if self.outbox.offer(position, record, weight) && skipped > 0 {
            self.shared.meters.skipped(skipped);
        }
        Ok(())
    }

    /// At the newest end: waits for a new block. What was skipped is told as soon as
    /// there is room, for the next record may be long in coming.
    async fn wait_for_more(&mut self, at: Position) -> Result<(), Gone> {
        let events = self.outbox.events.clone();
        loop {
            if self.newest.borrow_and_update().is_some_and(|newest| newest > at) {
                return Ok(());
            }
            tokio::select! {
                permit = events.reserve(), if self.outbox.skipped > 0 => {
                    self.shared.meters.skipped(self.outbox.skipped);
                    permit.map_err(|_| Gone)?.send(self.outbox.take_skipped());
                }
                changed = self.newest.changed() => changed.map_err(|_| Gone)?,
                () = events.closed() => return Err(Gone),
            }
        }
    }

    async fn wait_for_news(&mut self) -> Result<(), Gone> {
        tokio::select! {
            changed = self.newest.changed() => changed.map_err(|_| Gone),
            () = self.outbox.events.closed() => Err(Gone),
        }
    }

    async fn pause(&self, time: Duration) -> Result<(), Gone> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            () = self.outbox.events.closed() => Err(Gone),
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.shared.meters.unsubscribed();
    }
}

impl Outbox {
    fn check(&self) -> Result<(), Gone> {
        if self.events.is_closed() { Err(Gone) } else { Ok(()) }
    }

    /// Hands over a record, however long its reader takes.
    async fn send(&mut self, stored: StoredRecord) -> Result<(), Gone> {
        let event = LiveEvent::Record(stored);
        let cost = cost(&event, self.most_bytes) as u32;
        let bytes = tokio::select! {
            bytes = self.room.acquire_many(cost) => bytes.map_err(|_| Gone)?,
            () = self.events.closed() => return Err(Gone),
        };
        let place = self.events.reserve().await.map_err(|_| Gone)?;
        // Returned by the reader.
        bytes.forget();
        place.send(event);
        Ok(())
    }

    /// Hands over a record if there is room for it, and before it the word about those
    /// that found none; otherwise counts it. Whether it was handed over.
    fn offer(&mut self, position: Position, record: impl FnOnce() -> StoredRecord, weight: usize) -> bool {
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
