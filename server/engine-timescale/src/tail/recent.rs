//! The blocks that this process stored last, for tails.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use pipeline::Block;

/// The newest blocks by position, bounded in bytes.
///
/// They share their batches, so a block costs little memory while its batch is in use elsewhere.
#[derive(Debug)]
pub(crate) struct Recent {
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    blocks: BTreeMap<i64, (Block, usize)>,
    bytes: usize,
}

impl Recent {
    /// Keeps at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, kept: Mutex::default() }
    }

    /// Adds blocks, and evicts the oldest beyond the limit.
    pub(crate) fn add(&self, blocks: impl IntoIterator<Item = Block>) {
        let mut kept = self.kept.lock();
        for block in blocks {
            let bytes = block.batch.weight();
            kept.bytes += bytes;
            if let Some((_, replaced)) = kept.blocks.insert(block.first.0, (block, bytes)) {
                kept.bytes -= replaced;
            }
        }
        while kept.bytes > self.limit {
            let Some((_, (_, bytes))) = kept.blocks.pop_first() else { break };
            kept.bytes -= bytes;
        }
    }

    /// The block with this first position.
    pub(crate) fn get(&self, first: i64) -> Option<Block> {
        self.kept.lock().blocks.get(&first).map(|(block, _)| block.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::Position;

    use super::*;

    #[test]
    fn the_oldest_go_first_and_the_bytes_are_bounded() {
        let block =
            |first: i64| Block { first: Position(first), batch: Arc::new(testkit::records::batch(first as u64, 2)) };
        let recent = Recent::new(block(1).batch.weight() * 3);
        recent.add((1..=10).map(block));
        assert!(recent.get(10).is_some() && recent.get(9).is_some());
        assert!(recent.get(1).is_none() && recent.get(5).is_none());
        recent.add([block(10), block(10)]);
        assert!(recent.kept.lock().bytes <= recent.limit);
    }
}
