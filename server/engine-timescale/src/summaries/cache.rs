//! The sets of messages that searches read most: those of the newest blocks.

use std::{collections::BTreeMap, sync::Arc};

use indexes::messages::Sets;
use parking_lot::Mutex;

/// The most bytes of sets in memory.
const BYTES: usize = 8 << 20;

/// Sets by the first position of their block.
///
/// A set may be older than its block: deletions only take messages away, so it never rules out one that is there. A
/// position is never used again.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    sets: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    sets: BTreeMap<i64, Arc<Sets>>,
    bytes: usize,
}

impl Cache {
    pub(super) fn get(&self, first: i64) -> Option<Arc<Sets>> {
        self.sets.lock().sets.get(&first).cloned()
    }

    /// Keeps a set; the oldest blocks give way.
    pub(super) fn add(&self, first: i64, sets: Arc<Sets>) {
        let mut kept = self.sets.lock();
        kept.bytes += sets.bytes();
        if let Some(before) = kept.sets.insert(first, sets) {
            kept.bytes -= before.bytes();
        }
        while kept.bytes > BYTES
            && let Some((_, oldest)) = kept.sets.pop_first()
        {
            kept.bytes -= oldest.bytes();
        }
    }
}
