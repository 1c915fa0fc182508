//! The port to the stored records as answers to questions.

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
/// Every method may be called from many tasks at once. A dropped call stops its work soon.
#[async_trait]
pub trait Ask: Send + Sync + 'static {
    /// The newest matching records of the range, newest first: by time, then by
    /// position. May stop early; then [`SearchPage::next`] continues.
    async fn search(&self, request: &SearchRequest) -> Result<SearchPage>;

    /// One table for each grouping. The only way to count: counts, histograms, facets and
    /// figures are uses of it. Answers as [`model::aggregate::evaluate`] does (C13).
    ///
    /// # Errors
    /// `Invalid` as [`Aggregation::check`].
    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Vec<Table>>;

    /// One record by its id.
    async fn get(&self, id: RecordId) -> Result<Option<StoredRecord>>;

    /// The record and up to `before` and `after` of its neighbours by (time, position) that
    /// have the same service and the same node.
    async fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Option<Context>>;
}

/// Checks the bounds of an aggregation; for engines.
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

/// A place in the newest-first order: the page goes on with what comes after it there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub time: Nanos,
    pub position: Position,
}

/// What to search for.
#[derive(Debug, Clone)]
pub struct SearchRequest {
    pub query: Query,
    pub range: TimeRange,
    /// 1 to [`model::limits::PAGE_RECORDS`].
    pub limit: usize,
    pub cursor: Option<Cursor>,
    /// About how long to look before answering with what was found so far; `None`: until
    /// the page is full or there is nothing left. A store may take it for a hint.
    pub patience: Option<Duration>,
}

impl SearchRequest {
    /// The newest matches of the range, however long it takes.
    pub fn new(query: Query, range: TimeRange, limit: usize) -> Self {
        Self { query, range, limit, cursor: None, patience: None }
    }
}

/// A page of records, newest first.
#[derive(Debug, Clone, Default)]
pub struct SearchPage {
    pub records: Vec<StoredRecord>,
    /// `None` where nothing older in the range can match.
    pub next: Option<Cursor>,
    /// All matches of the range at or after this time are in this page or an earlier one.
    pub searched_back_to: Nanos,
}

/// A record among its neighbours, each list oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    pub before: Vec<StoredRecord>,
    pub record: StoredRecord,
    pub after: Vec<StoredRecord>,
}
