//! The best records so far.

use std::collections::BinaryHeap;

use model::StoredRecord;
use pipeline::Block;

use super::window::Key;

pub(super) enum Candidate {
    Memory(Block, usize),
    Part(Box<StoredRecord>),
}

/// The best records so far, at most `limit`.
pub(super) struct Found {
    pub(super) limit: usize,
    /// Only records before it are accepted.
    bar: Option<Key>,
    /// Indexes into `candidates` by key, the worst on top.
    heap: BinaryHeap<(Key, usize)>,
    candidates: Vec<Option<Candidate>>,
}

impl Found {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, bar: None, heap: BinaryHeap::new(), candidates: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The remaining capacity.
    pub(super) fn room(&self) -> usize {
        self.limit - self.heap.len()
    }

    /// An empty copy with the same acceptance bound.
    pub(super) fn fork(&self) -> Self {
        let full = self.heap.len() >= self.limit;
        let last = self.heap.peek().filter(|_| full).map(|(last, _)| *last);
        Self { bar: last.or(self.bar), ..Self::new(self.limit) }
    }

    /// Merges the records of another one.
    pub(super) fn merge(&mut self, mut other: Self) {
        for (key, place) in std::mem::take(&mut other.heap) {
            let candidate = other.candidates.get_mut(place).and_then(Option::take);
            if let Some(candidate) = candidate.filter(|_| self.wants(key)) {
                self.add(key, candidate);
            }
        }
    }

    pub(super) fn wants(&self, key: Key) -> bool {
        let room = self.heap.len() < self.limit || self.heap.peek().is_some_and(|(last, _)| key < *last);
        room && self.bar.is_none_or(|bar| key < bar)
    }

    /// Whether every record of a source with this bound would be rejected.
    pub(super) fn is_closed(&self, bound: i64) -> bool {
        self.heap.len() >= self.limit && self.heap.peek().is_some_and(|(last, _)| bound > last.0)
    }

    pub(super) fn add(&mut self, key: Key, candidate: Candidate) {
        let place = if self.heap.len() < self.limit {
            self.candidates.push(None);
            self.candidates.len() - 1
        } else {
            self.heap.pop().map_or(0, |(_, place)| place)
        };
        if let Some(slot) = self.candidates.get_mut(place) {
            *slot = Some(candidate);
            self.heap.push((key, place));
        }
    }

    /// Drops records at or after this bound.
    pub(super) fn end_before(&mut self, bound: i64) {
        self.heap.retain(|((first, _), _)| *first < bound);
    }

    pub(super) fn finish(mut self) -> Vec<StoredRecord> {
        let order = std::mem::take(&mut self.heap).into_sorted_vec();
        order
            .into_iter()
            .filter_map(|(_, place)| match self.candidates.get_mut(place)?.take()? {
                Candidate::Memory(block, place) => block.stored(place),
                Candidate::Part(stored) => Some(*stored),
            })
            .collect()
    }
}
