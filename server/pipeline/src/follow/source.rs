//! Batches of matching records: from memory near the newest end, otherwise from the store.

use std::sync::Arc;

use model::{Position, Query, StoredRecord};

use super::{BYTES, RECORDS};
use crate::{
    Block, LogStore, Result,
    live::{LiveHub, Read},
};

/// The assumed weight of a record before any was read.
const FIRST_WEIGHT: usize = 64 << 10;
/// The number of records of one read from the store, at least and at most. The upper limit bounds the memory if the
/// records are heavier than those before them.
const PAGE: (usize, usize) = (16, 4096);
/// The number of records examined between yields to other tasks.
const YIELD_EVERY: usize = 4096;

#[derive(Clone)]
pub(super) struct Source {
    pub(super) store: Arc<dyn LogStore>,
    pub(super) live: Arc<LiveHub>,
    pub(super) query: Query,
    pages: Pages,
}

/// Reads of the store, bounded in bytes by the average weight of the records read last.
#[derive(Clone)]
pub(crate) struct Pages {
    weight: usize,
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
        Self { store, live, query, pages: Pages::default() }
    }

    /// The matching records from `after` on; empty with `upto == after` if there is nothing new.
    pub(super) async fn next(&mut self, after: Position) -> Result<Found> {
        let mut found = Found::after(after);
        let newest = self.live.newest();
        while !found.is_full() && newest.is_some_and(|newest| found.upto < newest) {
            match self.live.read(found.upto) {
                Read::Blocks(blocks) if blocks.is_empty() => break,
                Read::Blocks(blocks) => self.take(&blocks, &mut found).await,
                Read::Before(floor) => {
                    let (store, query) = (&self.store, &self.query);
                    let page = |after, limit| store.read_after(after, floor, query, limit);
                    self.pages.read(floor, &mut found, page).await?;
                }
            }
        }
        Ok(found)
    }

    /// All matching records of `after..=upto`, which made one batch before.
    pub(super) async fn again(&mut self, after: Position, upto: Position) -> Result<Found> {
        let records = self.store.read_after(after, upto, &self.query, RECORDS).await?;
        Ok(Found::again(records, upto))
    }

    async fn take(&self, blocks: &[Block], found: &mut Found) {
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

impl Default for Pages {
    fn default() -> Self {
        Self { weight: FIRST_WEIGHT }
    }
}

impl Pages {
    /// Reads one page by `page`, which takes the position to start after and the number of records. Records beyond the
    /// limits of the batch are dropped, and read again for the next one.
    pub(crate) async fn read<F>(
        &mut self,
        upto: Position,
        found: &mut Found,
        page: impl FnOnce(Position, usize) -> F,
    ) -> Result<()>
    where
        F: Future<Output = Result<Vec<StoredRecord>>>,
    {
        let room = BYTES.saturating_sub(found.bytes) / self.weight.max(1);
        let limit = room.clamp(PAGE.0, PAGE.1).min(RECORDS - found.records.len());
        let records = page(found.upto, limit).await?;
        let (read, before) = (records.len(), found.bytes);
        let mut records = records.into_iter();
        while !found.is_full()
            && let Some(stored) = records.next()
        {
            found.upto = stored.position;
            found.add(stored);
        }
        let kept = read - records.len();
        if let Some(weight) = (found.bytes - before).checked_div(kept) {
            self.weight = weight;
        }
        if kept == read && read < limit {
            found.upto = upto;
        }
        Ok(())
    }
}
