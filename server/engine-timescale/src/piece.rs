//! Pieces of batches that are stored in one transaction.

use std::ops::Range;

use model::Record;
use pipeline::Batch;

/// A range of a batch's records, and the position of its first record.
#[derive(Debug, Clone)]
pub(crate) struct Piece<'b> {
    pub(crate) batch: &'b Batch,
    pub(crate) places: Range<usize>,
    pub(crate) first: i64,
}

impl<'b> Piece<'b> {
    pub(crate) fn records(&self) -> &'b [Record] {
        self.batch.records.get(self.places.clone()).unwrap_or_default()
    }

    /// A part of it, by indexes in the batch.
    pub(crate) fn part(&self, places: Range<usize>) -> Self {
        let first = self.first + places.start as i64 - self.places.start as i64;
        Self { batch: self.batch, places, first }
    }

    pub(crate) fn halves(&self) -> (Self, Self) {
        let middle = self.places.start + self.places.len() / 2;
        (self.part(self.places.start..middle), self.part(middle..self.places.end))
    }
}
