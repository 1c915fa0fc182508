//! Where the records of a replay come from.

use std::sync::Arc;

use model::{Position, Query, TimeRange};

use super::archived::ArchivedBatches;
use crate::{
    LogStore, ReadLimit, Result, ask,
    follow::{
        RECORDS,
        source::{Ahead, Found},
    },
};

/// Reads the batches of one replay.
pub(super) enum Batches {
    Stored(StoredBatches),
    Archived(ArchivedBatches),
}

impl Batches {
    /// Where the replay ends.
    pub(super) fn end(&self) -> Position {
        match self {
            Self::Stored(batches) => batches.upto,
            Self::Archived(batches) => batches.end(),
        }
    }

    /// The batch after `after`. It may be empty before the end.
    pub(super) async fn next(&mut self, after: Position) -> Result<Found> {
        match self {
            Self::Stored(batches) => batches.next(after).await,
            Self::Archived(batches) => batches.next(after).await,
        }
    }

    /// The matching records of `after..=upto`, which made one batch before.
    pub(super) async fn again(&mut self, after: Position, upto: Position) -> Result<Found> {
        match self {
            Self::Stored(batches) => batches.again(after, upto).await,
            Self::Archived(batches) => batches.again(after, upto).await,
        }
    }

    /// The number of all matching records; `None` if all records would have to be read for it.
    pub(super) async fn count(&mut self) -> Result<Option<u64>> {
        match self {
            Self::Stored(batches) => batches.count().await.map(Some),
            Self::Archived(batches) => Ok(batches.count()),
        }
    }
}

/// Reads the batches of one replay from the store, in the order of positions.
pub(super) struct StoredBatches {
    pub(super) store: Arc<dyn LogStore>,
    pub(super) range: TimeRange,
    pub(super) upto: Position,
    pub(super) query: Query,
    pub(super) ahead: Ahead,
}

impl StoredBatches {
    /// The batch after `after`; empty at the end.
    async fn next(&mut self, after: Position) -> Result<Found> {
        let mut found = Found::after(after);
        let (store, range, upto, query) = (&self.store, self.range, self.upto, &self.query);
        self.ahead.start_after(after);
        while !found.is_full() && found.upto < upto {
            if !self.ahead.add_to(&mut found) {
                let read = |after, limit| store.read_after(after, upto, range, query, limit);
                self.ahead.read(found.upto, upto, read).await?;
            }
        }
        Ok(found)
    }

    /// The matching records of `after..=upto`, which made one batch before.
    async fn again(&self, after: Position, upto: Position) -> Result<Found> {
        let limit = ReadLimit::of_records(RECORDS);
        Ok(Found::again(self.store.read_after(after, upto, self.range, &self.query, limit).await?, upto))
    }

    /// The number of all matching records of the range.
    async fn count(&self) -> Result<u64> {
        ask::count(&*self.store, &self.query, self.range).await
    }
}
