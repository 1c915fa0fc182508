//! A ring of the newest blocks of the store.

use std::collections::VecDeque;

use model::Position;

use crate::Block;

/// Holds every block after `floor`, in order, within its limits.
pub(super) struct Ring {
    most_bytes: usize,
    most_records: usize,
    blocks: VecDeque<Held>,
    bytes: usize,
    records: usize,
    /// The ring holds nothing at or before this position. `None`: not started.
    floor: Option<Position>,
    /// No block that begins at or before this position is held, because the store may have removed records of it.
    forgotten: Position,
}

struct Held {
    block: Block,
    weight: usize,
}

/// The result of a read from the ring.
pub(crate) enum Read {
    /// The next blocks; none at the newest end. The first may start before the position.
    Blocks(Vec<Block>),
    /// The position is before the ring; the store has the records up to here.
    Before(Position),
}

/// The maximum number of blocks returned under one lock.
const BLOCKS: usize = 64;

impl Ring {
    pub(super) fn new(most_bytes: usize, most_records: usize) -> Self {
        let forgotten = Position(i64::MIN);
        Self { most_bytes, most_records, blocks: VecDeque::new(), bytes: 0, records: 0, floor: None, forgotten }
    }

    /// Restarts empty after `newest`.
    pub(super) fn begin(&mut self, newest: Position) {
        self.blocks.clear();
        (self.bytes, self.records) = (0, 0);
        self.floor = Some(newest);
    }

    /// Drops the blocks that begin at or before `upto`, now and when they come. What is in them is read from the store.
    pub(super) fn forget(&mut self, upto: Position) {
        self.forgotten = self.forgotten.max(upto);
        while self.blocks.front().is_some_and(|held| held.block.first <= upto) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.blocks.pop_front() {
            self.bytes -= oldest.weight;
            self.records -= oldest.block.batch.records.len();
            self.floor = Some(oldest.block.last());
        }
    }

    /// Appends the next block, and returns its weight. The newest one stays, whatever its size.
    pub(super) fn push(&mut self, block: Block) -> usize {
        let weight = block.batch.weight();
        if block.first <= self.forgotten {
            // Blocks come in order, so the ring is empty.
            self.floor = Some(block.last());
            return weight;
        }
        self.bytes += weight;
        self.records += block.batch.records.len();
        self.blocks.push_back(Held { block, weight });
        while self.blocks.len() > 1 && (self.bytes > self.most_bytes || self.records > self.most_records) {
            self.drop_oldest();
        }
        weight
    }

    /// The blocks after `at`.
    pub(super) fn after(&self, at: Position) -> Read {
        match self.floor {
            Some(floor) if at < floor => Read::Before(floor),
            _ => {
                let first = self.blocks.partition_point(|held| held.block.last() <= at);
                Read::Blocks(self.blocks.iter().skip(first).take(BLOCKS).map(|held| held.block.clone()).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Record, RecordId, Severity};

    use super::*;
    use crate::{Batch, BatchId};

    fn block(first: i64, records: usize) -> Block {
        let record = Record {
            id: RecordId(1),
            time: 0,
            observed_time: 0,
            severity: Severity::INFO,
            level: "info".into(),
            service: "api".into(),
            node: "".into(),
            message: "x".into(),
            attributes: Vec::new(),
            trace_id: None,
            span_id: None,
        };
        let batch = Batch {
            id: BatchId([0; 16]),
            client_id: false,
            producer: "test".into(),
            observed_time: 0,
            records: vec![record; records],
        };
        Block { first: Position(first), batch: Arc::new(batch) }
    }

    fn firsts(read: Read) -> Vec<i64> {
        match read {
            Read::Blocks(blocks) => blocks.iter().map(|block| block.first.0).collect(),
            Read::Before(floor) => panic!("before {floor}"),
        }
    }

    #[test]
    fn it_gives_out_what_comes_after_a_position_and_says_where_it_begins() {
        let mut ring = Ring::new(usize::MAX, 5);
        ring.begin(Position(9));
        assert!(firsts(ring.after(Position(9))).is_empty());
        ring.push(block(10, 2));
        ring.push(block(20, 2));
        assert_eq!(firsts(ring.after(Position(9))), [10, 20]);
        assert_eq!(firsts(ring.after(Position(10))), [10, 20], "the second of the first block is still to come");
        assert_eq!(firsts(ring.after(Position(11))), [20]);
        ring.push(block(30, 2));
        assert!(matches!(ring.after(Position(10)), Read::Before(Position(11))));
        assert_eq!(firsts(ring.after(Position(11))), [20, 30]);
    }

    #[test]
    fn what_is_forgotten_is_read_from_the_store_also_if_it_comes_late() {
        let mut ring = Ring::new(usize::MAX, usize::MAX);
        ring.begin(Position(9));
        for first in [10, 20, 30] {
            ring.push(block(first, 2));
        }
        ring.forget(Position(20));
        assert!(matches!(ring.after(Position(9)), Read::Before(Position(21))));
        assert_eq!(firsts(ring.after(Position(21))), [30], "it came later");
        ring.forget(Position(45));
        assert!(matches!(ring.after(Position(29)), Read::Before(Position(31))));
        ring.push(block(40, 2));
        assert!(matches!(ring.after(Position(31)), Read::Before(Position(41))), "read before it was removed");
        ring.push(block(50, 2));
        assert_eq!(firsts(ring.after(Position(41))), [50]);
        assert_eq!((ring.records, ring.blocks.len()), (2, 1));
    }

    #[test]
    fn it_keeps_the_newest_block_even_if_that_alone_is_too_large() {
        let mut ring = Ring::new(1, 1);
        ring.begin(Position(0));
        ring.push(block(1, 3));
        assert_eq!(firsts(ring.after(Position(0))), [1]);
        ring.push(block(4, 3));
        assert_eq!(firsts(ring.after(Position(3))), [4]);
    }
}
