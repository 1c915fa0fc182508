//! Batches of matching records: from memory near the newest end, otherwise from the store.

use std::{collections::VecDeque, sync::Arc};

use model::{Position, Query, StoredRecord, TimeRange};
use tokio_util::task::AbortOnDropHandle;

use super::{BYTES, RECORDS};
use crate::{
    Block, Error, LogStore, ReadLimit, Result,
    live::{LiveHub, Read},
};

/// The limit of one read from the store. A read by position decodes whole pages of a part for the few of its records
/// that come next, so large reads decode each page fewer times.
const READ_AHEAD: ReadLimit = ReadLimit { records: 3 * RECORDS, bytes: 2 * BYTES };
/// The number of records examined between yields to other tasks.
const YIELD_EVERY: usize = 4096;

pub(super) struct Source {
    pub(super) store: Arc<dyn LogStore>,
    pub(super) live: Arc<LiveHub>,
    pub(super) query: Query,
    ahead: Ahead,
    /// The read after `ahead`, so that the sink does not wait for it.
    reading: Option<Reading>,
}

/// A read from the store in a task of its own.
struct Reading {
    after: Position,
    upto: Position,
    task: AbortOnDropHandle<Result<Vec<StoredRecord>>>,
}

/// Matching records that were read ahead and not yet returned.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    records: VecDeque<StoredRecord>,
    /// The position after which they follow.
    after: Position,
    /// Everything up to here was examined.
    upto: Position,
}

/// The matching records of a range of positions.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) records: Vec<StoredRecord>,
    bytes: usize,
    /// Everything up to here was examined.
    pub(crate) upto: Position,
}

impl Found {
    /// Nothing yet, examined up to `after`.
    pub(crate) fn after(after: Position) -> Self {
        Self { upto: after, ..Self::default() }
    }

    /// A batch that was read before.
    pub(crate) fn again(records: Vec<StoredRecord>, upto: Position) -> Self {
        Self { records, bytes: 0, upto }
    }

    /// Whether the batch has no room for more, so more records probably wait.
    pub(crate) fn is_full(&self) -> bool {
        self.records.len() >= RECORDS || self.bytes >= BYTES
    }

    fn add(&mut self, stored: StoredRecord) {
        self.bytes += stored.record.weight();
        self.records.push(stored);
    }
}

impl Source {
    pub(super) fn new(store: Arc<dyn LogStore>, live: Arc<LiveHub>, query: Query) -> Self {
        Self { store, live, query, ahead: Ahead::default(), reading: None }
    }

    /// Takes over what was read ahead, so that a task can read on while this one is borrowed.
    pub(super) fn take(&mut self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            live: Arc::clone(&self.live),
            query: self.query.clone(),
            ahead: std::mem::take(&mut self.ahead),
            reading: self.reading.take(),
        }
    }

    /// The matching records from `after` on; empty with `upto == after` if there is nothing new.
    pub(super) async fn next(&mut self, after: Position) -> Result<Found> {
        let mut found = Found::after(after);
        let newest = self.live.newest();
        self.ahead.start_after(after);
        while !found.is_full() {
            if self.ahead.add_to(&mut found) {
                continue;
            }
            if newest.is_none_or(|newest| newest <= found.upto) {
                break;
            }
            match self.live.read(found.upto) {
                Read::Blocks(blocks) if blocks.is_empty() => break,
                Read::Blocks(blocks) => self.examine(&blocks, &mut found).await,
                Read::Before(floor) => self.read_ahead(found.upto, floor).await?,
            }
        }
        Ok(found)
    }

    /// All matching records of `after..=upto`, which made one batch before.
    pub(super) async fn again(&mut self, after: Position, upto: Position) -> Result<Found> {
        let limit = ReadLimit::of_records(RECORDS);
        let records = self.store.read_after(after, upto, TimeRange::ALL, &self.query, limit).await?;
        Ok(Found::again(records, upto))
    }

    /// Reads from the store, and begins the read after that if there is more.
    async fn read_ahead(&mut self, after: Position, floor: Position) -> Result<()> {
        let reading = self.reading.take().filter(|reading| reading.after == after);
        let upto = reading.as_ref().map_or(floor, |reading| reading.upto);
        let (store, query) = (&self.store, &self.query);
        let read = |after, limit| async move {
            match reading {
                Some(Reading { task, .. }) => task.await.map_err(|error| Error::internal(error.to_string()))?,
                None => store.read_after(after, upto, TimeRange::ALL, query, limit).await,
            }
        };
        self.ahead.read(after, upto, read).await?;
        let after = self.ahead.upto;
        if after < upto {
            let (store, query) = (Arc::clone(store), query.clone());
            let read = async move { store.read_after(after, floor, TimeRange::ALL, &query, READ_AHEAD).await };
            let task = tokio::spawn(read);
            self.reading = Some(Reading { after, upto: floor, task: AbortOnDropHandle::new(task) });
        }
        Ok(())
    }

    async fn examine(&self, blocks: &[Block], found: &mut Found) {
        let mut examined = 0;
        for block in blocks {
            for (place, record) in block.batch.records.iter().enumerate() {
                let position = Position(block.first.0 + place as i64);
                if position <= found.upto {
                    continue;
                }
                if found.is_full() {
                    return;
                }
                examined += 1;
                if examined % YIELD_EVERY == 0 {
                    tokio::task::yield_now().await;
                }
                found.upto = position;
                if self.query.matches(record) {
                    found.add(StoredRecord { position, record: record.clone() });
                }
            }
        }
    }
}

impl Ahead {
    /// Forgets what does not follow `after`.
    pub(crate) fn start_after(&mut self, after: Position) {
        if self.after != after {
            *self = Self { after, upto: after, ..Self::default() };
        }
    }

    /// Moves records to the batch until it is full. Returns whether there was anything to move, or to skip.
    pub(crate) fn add_to(&mut self, found: &mut Found) -> bool {
        if found.upto >= self.upto {
            return false;
        }
        while !found.is_full()
            && let Some(stored) = self.records.pop_front()
        {
            found.upto = stored.position;
            found.add(stored);
        }
        if self.records.is_empty() {
            found.upto = self.upto;
        }
        self.after = found.upto;
        true
    }

    /// Reads records after `after` up to `upto` by `read`, which takes the position to start after and the limit.
    pub(crate) async fn read<F>(
        &mut self,
        after: Position,
        upto: Position,
        read: impl FnOnce(Position, ReadLimit) -> F,
    ) -> Result<()>
    where
        F: Future<Output = Result<Vec<StoredRecord>>>,
    {
        let records = read(after, READ_AHEAD).await?;
        let upto = match records.last() {
            Some(last) if READ_AHEAD.is_reached_by(&records) => last.position,
            _ => upto,
        };
        *self = Self { records: records.into(), after, upto };
        Ok(())
    }
}
