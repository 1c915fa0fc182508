//! The port to the log store.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use model::{LevelClass, Position, Query, RecordId, StoredRecord, time::Nanos};

use crate::{
    Block, DeadLetter, DeadLetterHead, DeadLetterRequest, DeadLettersStatus, Delivery, Documents, Leases,
    NewDeadLetter, Result, TimeRange,
};

/// A store of records, and the ledger of the batches they came in.
///
/// Every method may be called from many tasks at once, save `append`, which the
/// consume stage calls from one. A dropped call must stop its work soon.
#[async_trait]
pub trait LogStore: Send + Sync + 'static {
    /// Stores each delivered batch that the ledger does not know yet, and its id,
    /// in one transaction (C2); what is undecodable, or cannot be stored as data, goes
    /// to the dead letters in the same transaction (C5). When it returns, the records
    /// are as durable as the engine makes them together with its queue, searchable,
    /// and about to be given out by [`LogStore::follow`].
    ///
    /// # Errors
    /// `Unavailable` or `Overloaded`: nothing of it is stored, or all of it and a
    /// repetition is a no-op; call again.
    async fn append(&self, deliveries: &[Delivery]) -> Result<Appended>;

    /// The newest position that is final: no smaller one will ever appear (C8).
    async fn newest(&self) -> Result<Position>;

    /// Waits until there are final blocks after `after`, then returns some, in order
    /// of position and without a hole. Cheap at the newest end, where the live hub is.
    async fn follow(&self, after: Position) -> Result<Vec<Block>>;

    /// The matching records with `after < position <= upto`, in order of position, at
    /// most `limit`. Fewer than `limit` means that there are no more.
    async fn read_after(
        &self,
        after: Position,
        upto: Position,
        query: &Query,
        limit: usize,
    ) -> Result<Vec<StoredRecord>>;

    /// The newest matching records of the range, newest first: by time, then by
    /// position. May stop early and say so.
    async fn search(&self, request: &SearchRequest) -> Result<SearchPage>;

    /// How many records match.
    async fn count(&self, query: &Query, range: TimeRange) -> Result<u64>;

    /// Counts by level class in buckets of `bucket` nanoseconds, aligned to multiples
    /// of `bucket` since the epoch, from the one that holds `range.from` on; buckets
    /// without a record are included, as zeros. `bucket > 0`, at most 10,000 of them.
    async fn histogram(&self, query: &Query, range: TimeRange, bucket: i64) -> Result<Histogram>;

    /// The `limit` most frequent values of each field among the matching records, most
    /// frequent first, then by value. Fields are named as in the query language;
    /// absent and empty values do not count; `level` counts by class name.
    async fn facets(&self, query: &Query, range: TimeRange, fields: &[String], limit: usize) -> Result<Vec<Facet>>;

    /// One record by its id.
    async fn get(&self, id: RecordId) -> Result<Option<StoredRecord>>;

    /// The record and up to so many of its neighbours by (time, position) that have the
    /// same service and the same node.
    async fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Option<Context>>;

    /// Adds dead letters outside of `append`. Past the store's bounds the oldest go.
    async fn put_dead_letters(&self, letters: &[NewDeadLetter]) -> Result<()>;

    /// A page of the dead letters that pass the filter, newest first, without payloads.
    async fn dead_letters(&self, request: &DeadLetterRequest) -> Result<Vec<DeadLetterHead>>;

    /// One dead letter, whole.
    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>>;

    /// Removes dead letters: they were replayed, or someone decided so. Returns how many of
    /// them were there.
    async fn remove_dead_letters(&self, ids: &[i64]) -> Result<u64>;

    /// Gives up a part that is set aside ([`StoreStatus::aside`]): it is listed no more, and
    /// what is left of its file is deleted. Returns whether there was one of this name.
    async fn give_up_part(&self, _name: &str) -> Result<bool> {
        Ok(false)
    }

    /// The documents that are kept beside the records.
    fn documents(&self) -> Arc<dyn Documents>;

    /// The leases of the nodes that share the store.
    fn leases(&self) -> Arc<dyn Leases>;

    /// What a person or a probe wants to know; must answer at once, from memory.
    fn status(&self) -> StoreStatus;

    /// Makes what is in memory durable in its final form and stops.
    async fn close(&self);
}

/// What became of the deliveries handed to [`LogStore::append`].
#[derive(Debug, Clone, Default)]
pub struct Appended {
    /// Records stored now.
    pub records: u64,
    /// Batches that the ledger knew already.
    pub duplicates: u64,
    /// Dead letters written.
    pub dead: u64,
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

/// Counts over time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Histogram {
    /// The start of the first bucket.
    pub start: Nanos,
    /// Nanoseconds.
    pub bucket: i64,
    /// Per bucket, the count of each class in the order of [`LevelClass::ALL`].
    pub counts: Vec<[u64; LevelClass::ALL.len()]>,
}

/// The most frequent values of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facet {
    pub field: String,
    pub values: Vec<(String, u64)>,
}

/// A record among its neighbours, each list oldest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Context {
    pub before: Vec<StoredRecord>,
    pub record: StoredRecord,
    pub after: Vec<StoredRecord>,
}

/// The state of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreStatus {
    /// Such as `embedded` or `PostgreSQL 15.18, TimescaleDB 2.28.3`.
    pub engine: String,
    /// Why nothing can be stored or read now; `None` when it can.
    pub trouble: Option<String>,
    /// Records stored, as far as known without counting.
    pub records: u64,
    /// Bytes on disk, as far as known.
    pub bytes: u64,
    pub dead_letters: DeadLettersStatus,
    /// Files of records that cannot be read: their records are missing from every answer
    /// until the file is back. The newest records first.
    pub aside: Vec<PartAside>,
}

/// A file of records that is set aside because it is missing or damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartAside {
    /// Names it to the operator and to [`LogStore::give_up_part`].
    pub name: String,
    /// The path to which an operator restores the file.
    pub path: String,
    /// The damage, in words.
    pub reason: String,
    pub records: u64,
    /// When it was intact.
    pub bytes: u64,
    /// The times of its oldest and its newest record.
    pub oldest: Nanos,
    pub newest: Nanos,
}
