//! Recent records: those of the journal's frames that are in no part yet.

use std::sync::Arc;

use parking_lot::RwLock;
use pipeline::{BatchId, Block};

/// A block with what a scan prunes by.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) block: Block,
    /// The least and greatest time of its records.
    pub(crate) time: (i64, i64),
}

impl Entry {
    pub(crate) fn new(block: Block) -> Self {
        let times = || block.batch.records.iter().map(|record| record.time);
        let time = (times().min().unwrap_or(i64::MAX), times().max().unwrap_or(i64::MIN));
        Self { block, time }
    }
}

/// Blocks in the order of their positions. Only ever grows at its end, so that a
/// length is enough to fix what a reader sees of it.
#[derive(Debug, Default)]
pub(crate) struct Memtable {
    entries: RwLock<Vec<Arc<Entry>>>,
}

impl Memtable {
    /// Adds a block behind the others and returns the new length.
    pub(crate) fn push(&self, block: Block) -> usize {
        let entry = Arc::new(Entry::new(block));
        let mut entries = self.entries.write();
        entries.push(entry);
        entries.len()
    }
}

/// A memtable as it was at some moment.
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

    /// The same table with `length` entries.
    pub(crate) fn grown(&self, length: usize, records: u64) -> Self {
        Self { table: self.table.clone(), length, records }
    }

    /// What the view shows, in the order of positions.
    pub(crate) fn entries(&self) -> Vec<Arc<Entry>> {
        self.table.entries.read().iter().take(self.length).cloned().collect()
    }

    /// The entries that reach beyond the position, at most `limit` of them.
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

/// A memtable that takes no more blocks and waits to be written.
#[derive(Debug, Clone)]
pub(crate) struct Frozen {
    pub(crate) view: View,
    /// Batch ids for the ledger, with their day.
    pub(crate) ids: Arc<Vec<(i64, BatchId)>>,
    /// The last frame it accounts for.
    pub(crate) frame: u64,
    /// Whether it is written because it is full, and not because of its age: then others
    /// will be soon, and all of them be merged.
    pub(crate) full: bool,
}
