//! The best records so far.

use std::{collections::BinaryHeap, sync::Arc};

use model::{Record, StoredRecord};
use parts::reader::Part;
use pipeline::{Block, ReadLimit};

use super::window::Key;

pub(super) enum Candidate {
    Memory(Block, usize),
    /// A record that has been read, because the bytes of the result are limited.
    Part(Box<StoredRecord>),
    /// A record that is read if it is in the result.
    Row(Row),
}

/// A row of a part that matches. The part keeps its file; its footer is taken from the cache, which bounds their memory.
pub(super) struct Row {
    pub(super) part: Arc<Part>,
    /// The number of its row group.
    pub(super) group: usize,
    /// Its number in the row group.
    pub(super) row: usize,
    /// Its message, if a condition has decoded it: messages cost most to read.
    pub(super) message: Option<Box<str>>,
}

impl Candidate {
    /// In bytes.
    fn weight(&self) -> usize {
        match self {
            Self::Memory(block, place) => block.batch.records.get(*place).map_or(0, Record::weight),
            Self::Part(stored) => stored.record.weight(),
            // Not known, and not wanted without a limit of bytes.
            Self::Row(_) => 0,
        }
    }
}

/// The best records so far, within the limit.
pub(super) struct Found {
    pub(super) limit: ReadLimit,
    /// The weight of all of them; not counted without a limit of bytes.
    bytes: usize,
    /// Only records before it are accepted.
    bar: Option<Key>,
    /// Indexes into `candidates` by key, the worst on top.
    heap: BinaryHeap<(Key, usize)>,
    candidates: Vec<Option<Candidate>>,
    /// The weights of the candidates, in bytes; empty without a limit of bytes.
    weights: Vec<usize>,
}

impl Found {
    pub(super) fn new(limit: ReadLimit) -> Self {
        Self { limit, bytes: 0, bar: None, heap: BinaryHeap::new(), candidates: Vec::new(), weights: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    /// The remaining capacity in records.
    pub(super) fn room(&self) -> usize {
        self.limit.records - self.heap.len()
    }

    fn is_full(&self) -> bool {
        self.limit.is_reached(self.heap.len(), self.bytes)
    }

    /// An empty copy with the same acceptance bound.
    pub(super) fn fork(&self) -> Self {
        let last = self.heap.peek().filter(|_| self.is_full()).map(|(last, _)| *last);
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
        let room = !self.is_full() || self.heap.peek().is_some_and(|(last, _)| key < *last);
        room && self.bar.is_none_or(|bar| key < bar)
    }

    /// Whether every record of a source with this bound would be rejected.
    pub(super) fn is_closed(&self, bound: i64) -> bool {
        self.is_full() && self.heap.peek().is_some_and(|(last, _)| bound > last.0)
    }

    pub(super) fn add(&mut self, key: Key, candidate: Candidate) {
        let place = if self.heap.len() < self.limit.records {
            self.candidates.push(None);
            self.candidates.len() - 1
        } else {
            self.pop().unwrap_or(0)
        };
        if self.counts_bytes() {
            let weight = candidate.weight();
            self.bytes += weight;
            self.weights.resize(self.candidates.len(), 0);
            if let Some(slot) = self.weights.get_mut(place) {
                *slot = weight;
            }
        }
        if let Some(slot) = self.candidates.get_mut(place) {
            *slot = Some(candidate);
            self.heap.push((key, place));
        }
        // The last one may exceed the limit, as long as those before it do not reach it.
        while self.counts_bytes()
            && let Some((_, place)) = self.heap.peek()
            && self.bytes.saturating_sub(self.weight(*place)) >= self.limit.bytes
        {
            self.pop();
        }
    }

    /// Whether the bytes of the result are limited, so that records have to be read to be weighed.
    pub(super) fn counts_bytes(&self) -> bool {
        self.limit.bytes < usize::MAX
    }

    /// Removes the worst record, and accepts none after it any more. Returns its place.
    fn pop(&mut self) -> Option<usize> {
        let (key, place) = self.heap.pop()?;
        if self.counts_bytes() {
            self.bytes = self.bytes.saturating_sub(self.weight(place));
            self.bar = Some(self.bar.map_or(key, |bar| bar.min(key)));
        }
        if let Some(slot) = self.candidates.get_mut(place) {
            *slot = None;
        }
        Some(place)
    }

    fn weight(&self, place: usize) -> usize {
        self.weights.get(place).copied().unwrap_or_default()
    }

    /// Drops records at or after this bound.
    pub(super) fn end_before(&mut self, bound: i64) {
        self.heap.retain(|((first, _), _)| *first < bound);
    }

    /// The candidates in order.
    pub(super) fn finish(mut self) -> Vec<Candidate> {
        let order = std::mem::take(&mut self.heap).into_sorted_vec();
        order.into_iter().filter_map(|(_, place)| self.candidates.get_mut(place)?.take()).collect()
    }
}
