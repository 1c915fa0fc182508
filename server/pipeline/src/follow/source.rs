//! Batches of matching records: from memory near the newest end, otherwise from the store.

use std::sync::Arc;

use model::{Position, Query, StoredRecord};

use super::{BYTES, RECORDS};
use crate::{
    Block, LogStore, Result,
    live::{LiveHub, Read},
};

/// The assumed weight of a record before any was read.
const FIRST_WEIGHT: usize = 4096;
/// A read from the store asks for at least this many records.
const FEWEST: usize = 16;
/// The number of records examined between yields to other tasks.
const YIELD_EVERY: usize = 4096;

pub(super) struct Source {
    pub(super) store: Arc<dyn LogStore>,
    pub(super) live: Arc<LiveHub>,
    pub(super) query: Query,
    /// The average weight of the records read last. It bounds the bytes of a read from the store.
    weight: usize,
}

/// The matching records of a range of positions.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) records: Vec<StoredRecord>,
    bytes: usize,
    /// Everything up to here was examined.
    pub(super) upto: Position,
}

impl Found {
    fn is_full(&self) -> bool {
        self.records.len() >= RECORDS || self.bytes >= BYTES
    }

    fn add(&mut self, stored: StoredRecord) {
        self.bytes += stored.record.weight();
        self.records.push(stored);
    }
}

impl Source {
    pub(super) fn new(store: Arc<dyn LogStore>, live: Arc<LiveHub>, query: Query) -> Self {
        Self { store, live, query, weight: FIRST_WEIGHT }
    }

    /// The matching records from `after` on; empty with `upto == after` if there is nothing new.
    pub(super) async fn next(&mut self, after: Position) -> Result<Found> {
        let mut found = Found { upto: after, ..Found::default() };
        let newest = self.live.newest();
        while !found.is_full() && newest.is_some_and(|newest| found.upto < newest) {
            match self.live.read(found.upto) {
                Read::Blocks(blocks) if blocks.is_empty() => break,
                Read::Blocks(blocks) => self.take(&blocks, &mut found).await,
                Read::Before(floor) => {
                    self.read_store(floor, &mut found).await?;
                    // A read from the store has its own limit, so it is a batch of its own if it found anything.
                    if !found.records.is_empty() {
                        break;
                    }
                }
            }
        }
        self.learn(&found);
        Ok(found)
    }

    /// All matching records of `after..=upto`, which made one batch before.
    pub(super) async fn again(&mut self, after: Position, upto: Position) -> Result<Found> {
        let records = self.store.read_after(after, upto, &self.query, RECORDS).await?;
        Ok(Found { bytes: 0, records, upto })
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

    async fn read_store(&self, upto: Position, found: &mut Found) -> Result<()> {
        let limit = (BYTES / self.weight.max(1)).clamp(FEWEST, RECORDS);
        let records = self.store.read_after(found.upto, upto, &self.query, limit).await?;
        let is_all = records.len() < limit;
        let last = records.last().map(|stored| stored.position);
        records.into_iter().for_each(|stored| found.add(stored));
        found.upto = if is_all { upto } else { last.unwrap_or(upto) };
        Ok(())
    }

    fn learn(&mut self, found: &Found) {
        if let Some(weight) = found.bytes.checked_div(found.records.len()) {
            self.weight = weight;
        }
    }
}
