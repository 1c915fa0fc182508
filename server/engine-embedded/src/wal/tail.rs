//! The newest durable batches in memory, so that a consumer that keeps up reads nothing from disk.

use std::{collections::VecDeque, sync::Arc};

use pipeline::{Batch, Content};

#[derive(Debug)]
struct Held {
    number: u64,
    batch: Arc<Batch>,
    weight: usize,
}

/// Every durable frame after `after`, up to a limit of bytes.
#[derive(Debug)]
pub(super) struct Tail {
    held: VecDeque<Held>,
    bytes: usize,
    bound: usize,
    /// All durable frames after this one are here.
    after: u64,
}

impl Tail {
    pub(super) fn new(after: u64, bound: usize) -> Self {
        Self { held: VecDeque::new(), bytes: 0, bound, after }
    }

    /// Adds the next durable frame and evicts the oldest ones beyond the limit.
    pub(super) fn push(&mut self, number: u64, batch: Arc<Batch>, weight: usize) {
        self.held.push_back(Held { number, batch, weight });
        self.bytes += weight;
        while self.bytes > self.bound && self.drop_oldest() {}
    }

    /// The frames after `after`, up to about `max_records` records and at least one frame; `None` if some of them are
    /// only on disk. Drops the frames up to `after`, which the caller has.
    pub(super) fn take(&mut self, after: u64, max_records: usize) -> Option<Vec<(u64, Content)>> {
        if after < self.after {
            return None;
        }
        while self.held.front().is_some_and(|held| held.number <= after) {
            self.drop_oldest();
        }
        let mut records = 0;
        let mut taken = Vec::new();
        for held in &self.held {
            if !taken.is_empty() && records + held.batch.records.len() > max_records {
                break;
            }
            records += held.batch.records.len();
            taken.push((held.number, Content::Batch(held.batch.clone())));
        }
        Some(taken)
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.held.pop_front() else { return false };
        self.bytes -= oldest.weight;
        self.after = oldest.number;
        if self.held.is_empty() {
            // Returns the memory of a burst.
            self.held.shrink_to(1024);
        }
        true
    }
}
