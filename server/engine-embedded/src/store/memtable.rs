//! The memtable: recent records, from frames that are in no part yet.

use std::sync::Arc;

use parking_lot::RwLock;
use pipeline::{BatchId, Block};

/// A block with the bounds used for pruning.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) block: Block,
    /// The smallest and largest time of its records.
    pub(crate) time: (i64, i64),
}

impl Entry {
    pub(crate) fn new(block: Block) -> Self {
        let times = || block.batch.records.iter().map(|record| record.time);
        let time = (times().min().unwrap_or(i64::MAX), times().max().unwrap_or(i64::MIN));
        Self { block, time }
    }
}

/// Blocks in position order. Append-only, so a length defines a snapshot.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    entries: RwLock<Vec<Arc<Entry>>>,
}

impl Memtable {
    /// Appends a block and returns the new length.
    pub(crate) fn push(&self, block: Block) -> usize {
        let entry = Arc::new(Entry::new(block));
        let mut entries = self.entries.write();
        entries.push(entry);
        entries.len()
    }
}

/// A snapshot of a memtable.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) table: Arc<Memtable>,
    length: usize,
    pub(crate) records: u64,
}

impl View {
    pub(crate) fn empty(table: Arc<Memtable>) -> Self {
        Self { table, length: 0, records: 0 }
    }

    /// The same memtable with `length` entries.
    pub(crate) fn grown(&self, length: usize, records: u64) -> Self {
        Self { table: self.table.clone(), length, records }
    }

    /// The visible entries, in position order.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.table.entries.read().iter().take(self.length).cloned().collect()
    }

    /// The entries with records after the position, at most `limit`.
    pub(crate) fn entries_after(&self, position: i64, limit: usize) -> Vec<Arc<Entry>> {
        let entries = self.table.entries.read();
        let shown = entries.get(..self.length).unwrap_or_default();
        let from = shown.partition_point(|entry| entry.block.last().0 <= position);
        shown.iter().skip(from).take(limit).cloned().collect()
    }

    /// The position of the first record.
    pub(crate) fn first_position(&self) -> Option<i64> {
        (self.length > 0).then(|| self.table.entries.read().first().map(|entry| entry.block.first.0)).flatten()
    }
}

/// A memtable that accepts no more blocks and waits for its flush.
#[derive(Debug, Clone)]
pub(crate) struct Frozen {
    pub(crate) view: View,
    /// Batch ids for the ledger, with their day.
    pub(crate) ids: Arc<Vec<(i64, BatchId)>>,
    /// The last frame it covers.
    pub(crate) frame: u64,
    /// Whether it was frozen because it was full, and not because of its age. Full ones come in series and are merged
    /// soon.
    pub(crate) full: bool,
}
