//! Where the records of a replay come from.

use std::sync::Arc;

use async_trait::async_trait;
use model::{Position, Query, StoredRecord, TimeRange};

use crate::{
    LogStore, ReadLimit, Result, ask,
    follow::{
        RECORDS,
        source::{Ahead, Found},
    },
};

/// Records by position. The store is the first source; an archive can be another one.
#[async_trait]
pub(super) trait Source: Send + Sync + 'static {
    /// The first matching records of the range with `after < position <= upto`, in position order. Records that do not
    /// reach the limit are all there are.
    async fn read(
        &self,
        range: TimeRange,
        after: Position,
        upto: Position,
        query: &Query,
        limit: ReadLimit,
    ) -> Result<Vec<StoredRecord>>;

    /// The number of matching records of the range.
    async fn count(&self, range: TimeRange, query: &Query) -> Result<u64>;
}

/// The records that the store has.
pub(super) struct Stored(pub(super) Arc<dyn LogStore>);

#[async_trait]
impl Source for Stored {
    async fn read(
        &self,
        range: TimeRange,
        after: Position,
        upto: Position,
        query: &Query,
        limit: ReadLimit,
    ) -> Result<Vec<StoredRecord>> {
        self.0.read_range(range, after, upto, query, limit).await
    }

    async fn count(&self, range: TimeRange, query: &Query) -> Result<u64> {
        ask::count(&*self.0, query, range).await
    }
}

/// Reads the batches of one replay.
pub(super) struct Batches {
    pub(super) source: Arc<dyn Source>,
    pub(super) range: TimeRange,
    pub(super) upto: Position,
    pub(super) query: Query,
    pub(super) ahead: Ahead,
}

impl Batches {
    /// The batch after `after`; empty at the end.
    pub(super) async fn next(&mut self, after: Position) -> Result<Found> {
        let mut found = Found::after(after);
        let (source, range, upto, query) = (&self.source, self.range, self.upto, &self.query);
        self.ahead.start_after(after);
        while !found.is_full() && found.upto < upto {
            if !self.ahead.add_to(&mut found) {
                let read = |after, limit| source.read(range, after, upto, query, limit);
                self.ahead.read(found.upto, upto, read).await?;
            }
        }
        Ok(found)
    }

    /// The matching records of `after..=upto`, which made one batch before.
    pub(super) async fn again(&self, after: Position, upto: Position) -> Result<Found> {
        let limit = ReadLimit::of_records(RECORDS);
        Ok(Found::again(self.source.read(self.range, after, upto, &self.query, limit).await?, upto))
    }

    /// The number of all matching records of the range.
    pub(super) async fn count(&self) -> Result<u64> {
        self.source.count(self.range, &self.query).await
    }
}
