//! The port to the stored records for queries.

use std::time::Duration;

use async_trait::async_trait;
use model::{
    Position, Query, RecordId, StoredRecord, TimeRange,
    aggregate::{Aggregation, Table},
    time::Nanos,
};

use crate::{Error, Result};

/// Searches and aggregates stored records.
///
/// All methods may be called concurrently. Dropping a call stops its work soon.
#[async_trait]
pub trait Ask: Send + Sync + 'static {
    /// The newest matching records of the range, newest first: by time, then by position. May stop early;
    /// [`SearchPage::next`] then continues.
    async fn search(&self, request: &SearchRequest) -> Result<SearchPage>;

    /// One table per grouping. All counts, histograms, facets and figures use it. Equivalent to
    /// [`model::aggregate::evaluate`] (C13).
    ///
    /// # Errors
    /// `Invalid` as [`Aggregation::check`].
    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Vec<Table>>;

    /// One record by its id.
    async fn get(&self, id: RecordId) -> Result<Option<StoredRecord>>;

    /// The record and up to `before` and `after` neighbours by (time, position) with the same service and node.
    async fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Option<Context>>;
}

/// Checks the limits of an aggregation; for engines.
///
/// # Errors
/// `Invalid` as [`Aggregation::check`].
pub fn check(aggregation: &Aggregation) -> Result<()> {
    aggregation.check().map_err(|error| Error::invalid(error.to_string()))
}

/// The number of matching records.
///
/// # Errors
/// As [`Ask::aggregate`].
pub async fn count(ask: &dyn Ask, query: &Query, range: TimeRange) -> Result<u64> {
    let tables = ask.aggregate(&Aggregation::counting(query.clone(), range, Vec::new(), 1)).await?;
    Ok(tables.into_iter().flat_map(Table::counts).map(|(_, count)| count).sum())
}

/// A position in the newest-first order; the next page starts after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub time: Nanos,
    pub position: Position,
}

/// A search.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    pub query: Query,
    pub range: TimeRange,
    /// 1 to [`model::limits::PAGE_RECORDS`].
    pub limit: usize,
    pub cursor: Option<Cursor>,
    /// About how long to scan before returning the matches so far. `None`: until the page is full or the range is
    /// exhausted. A store may treat it as a hint.
    pub patience: Option<Duration>,
}

impl SearchRequest {
    /// The newest matches of the range, without a time limit.
    pub fn new(query: Query, range: TimeRange, limit: usize) -> Self {
        Self { query, range, limit, cursor: None, patience: None }
    }
}

/// A page of records, newest first.
#[derive(Debug, Clone, Default)]
pub struct SearchPage {
    pub records: Vec<StoredRecord>,
    /// `None` if nothing older in the range can match.
    pub next: Option<Cursor>,
    /// All matches of the range at or after this time are on this page or an earlier one.
    pub searched_back_to: Nanos,
}

/// A record with its neighbours, each list oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    pub before: Vec<StoredRecord>,
    pub record: StoredRecord,
    pub after: Vec<StoredRecord>,
}
