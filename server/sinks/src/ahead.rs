//! Holds the prepared form of the next batch while the sink delivers the batch before it.

use model::Position;
use parking_lot::Mutex;
use pipeline::{BatchId, follow::Outgoing};

/// Identifies a batch with all its records. A batch that is read again after a crash may have the same id and fewer
/// records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) id: BatchId,
    records: usize,
    first: Option<Position>,
    last: Option<Position>,
}

impl Key {
    pub(crate) fn of(batch: &Outgoing) -> Self {
        let position = |stored: &model::StoredRecord| stored.position;
        Self {
            id: batch.id,
            records: batch.records.len(),
            first: batch.records.first().map(position),
            last: batch.records.last().map(position),
        }
    }
}

/// Room for one batch. The task that sends and the thread that prepares share it.
pub(crate) struct Ahead<T>(Mutex<Option<(Key, T)>>);

impl<T> Default for Ahead<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Ahead<T> {
    /// Replaces what was prepared before.
    pub(crate) fn put(&self, key: Key, prepared: T) {
        *self.0.lock() = Some((key, prepared));
    }

    /// Removes and returns the prepared form of this batch. Leaves that of another batch in place.
    pub(crate) fn take(&self, key: Key) -> Option<T> {
        self.0.lock().take_if(|(of, _)| *of == key).map(|(_, prepared)| prepared)
    }
}
