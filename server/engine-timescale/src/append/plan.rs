//! Assigns positions to the records of a transaction.

use std::{ops::Range, sync::Arc};

use model::{Position, Record};
use pipeline::{Batch, Block};

use crate::{
    piece::Piece,
    types::{Instant, Uuid},
};

/// The new batches of a transaction, in order.
#[derive(Debug)]
pub(super) struct Plan<'b> {
    batches: &'b [Arc<Batch>],
    first: i64,
}

impl<'b> Plan<'b> {
    pub(super) fn new(batches: &'b [Arc<Batch>]) -> Self {
        Self { batches, first: 0 }
    }

    /// Sets the position of the first record.
    pub(super) fn begin_at(&mut self, first: i64) {
        self.first = first;
    }

    pub(super) fn records(&self) -> usize {
        self.batches.iter().map(|batch| batch.records.len()).sum()
    }

    /// Each batch with its index and the position of its first record.
    fn with_positions(&self) -> impl Iterator<Item = (usize, &'b Arc<Batch>, i64)> {
        let positions = self.batches.iter().scan(self.first, |next, batch| {
            let first = *next;
            *next += batch.records.len() as i64;
            Some(first)
        });
        self.batches.iter().zip(positions).enumerate().map(|(place, (batch, first))| (place, batch, first))
    }

    pub(super) fn pieces(&self) -> Vec<Piece<'b>> {
        self.with_positions().map(|(_, batch, first)| Piece { batch, places: 0..batch.records.len(), first }).collect()
    }

    /// The runs to store, without the refused records; `is_refused` takes the indexes of batch and record.
    pub(super) fn runs(&self, is_refused: impl Fn(usize, usize) -> bool) -> Vec<Run> {
        let mut runs = Vec::new();
        for (batch_place, batch, first) in self.with_positions() {
            let mut of_batch: Vec<Run> = Vec::new();
            for (place, record) in batch.records.iter().enumerate() {
                if is_refused(batch_place, place) {
                    continue;
                }
                match of_batch.last_mut() {
                    Some(run) if run.continues_with(place, record) => run.places.end = place + 1,
                    _ => of_batch.push(Run {
                        batch: Arc::clone(batch),
                        places: place..place + 1,
                        first: first + place as i64,
                    }),
                }
            }
            runs.append(&mut of_batch);
        }
        runs
    }
}

/// Records of one batch with consecutive positions and consecutive ids.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) batch: Arc<Batch>,
    pub(super) places: Range<usize>,
    /// The position of its first record.
    pub(super) first: i64,
}

impl Run {
    /// Whether the record at this index continues the run.
    fn continues_with(&self, place: usize, record: &Record) -> bool {
        self.places.end == place
            && self.records().first().is_some_and(|first| first.id.nth(self.places.len()) == record.id)
    }

    fn records(&self) -> &[Record] {
        self.batch.records.get(self.places.clone()).unwrap_or_default()
    }

    /// The position of its last record.
    pub(super) fn last(&self) -> i64 {
        self.first + self.places.len() as i64 - 1
    }

    pub(super) fn bytes(&self) -> usize {
        self.records().iter().map(Record::weight).sum()
    }

    pub(super) fn first_id(&self) -> Uuid {
        Uuid(self.records().first().map(|record| record.id).unwrap_or_default())
    }

    /// The earliest and the latest time, in whole microseconds.
    pub(super) fn times(&self) -> (Instant, Instant) {
        let times = || self.records().iter().map(|record| record.time);
        let instant = |time: Option<i64>| Instant::split(time.unwrap_or_default()).0;
        (instant(times().min()), instant(times().max()))
    }

    /// The run as a block for tails.
    pub(super) fn block(&self) -> Block {
        let whole = self.places == (0..self.batch.records.len());
        let batch = if whole {
            Arc::clone(&self.batch)
        } else {
            Arc::new(Batch { records: self.records().to_vec(), ..(*self.batch).clone() })
        };
        Block { first: Position(self.first), batch }
    }
}
