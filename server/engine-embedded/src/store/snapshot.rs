//! A snapshot of the store: one immutable set of memtables and parts.

use std::sync::Arc;

use model::Position;
use parking_lot::RwLock;
use parts::reader::Part;

use super::memtable::View;

/// The whole store at one moment. Each record is in exactly one memtable or part.
#[derive(Clone)]
pub(crate) struct Snapshot {
    /// Oldest first; the last one is active and may have newer blocks that are not visible here.
    pub(crate) tables: Vec<View>,
    /// Newest time first.
    pub(crate) parts: Arc<Vec<Arc<Part>>>,
    pub(crate) newest: Position,
}

impl Snapshot {
    pub(crate) fn records(&self) -> u64 {
        let memory: u64 = self.tables.iter().map(|view| view.records).sum();
        memory + self.parts.iter().map(|part| part.info.rows).sum::<u64>()
    }

    pub(crate) fn part_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.info.bytes).sum()
    }
}

/// The current snapshot. It is replaced atomically, so that no reader sees a record both in memory and in a part, or in
/// neither.
pub(crate) struct Snapshots(RwLock<Arc<Snapshot>>);

impl Snapshots {
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        Self(RwLock::new(Arc::new(snapshot)))
    }

    pub(crate) fn load(&self) -> Arc<Snapshot> {
        self.0.read().clone()
    }

    /// Replaces the current snapshot by a modified copy.
    pub(crate) fn update(&self, change: impl FnOnce(&mut Snapshot)) {
        let mut current = self.0.write();
        let mut next = Snapshot::clone(&current);
        change(&mut next);
        *current = Arc::new(next);
    }
}
