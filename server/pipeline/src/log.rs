//! The port to the stored records as a log: append, follow, status.

use async_trait::async_trait;
use model::{Position, Query, StoredRecord, TimeRange, time::Nanos};

use crate::{Batch, Block, DeadLettersStatus, Delivery, Result, Tally};

/// The stored records in position order, and the ledger of their batches.
///
/// All methods may be called concurrently, except `append`, which the consume stage calls from one task. Dropping a
/// call stops its work soon.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Stores each delivered batch that the ledger does not know yet, and its id, in one transaction (C2).
    /// Undecodable and invalid batches become dead letters in the same transaction (C5). After it returns, the records
    /// are as durable as the engine and its queue guarantee together, searchable, and soon returned by [`Log::follow`].
    ///
    /// # Errors
    /// `Unavailable` or `Overloaded`: either nothing is stored, or everything is and a retry is a no-op; retry.
    async fn append(&self, deliveries: &[Delivery]) -> Result<Appended>;

    /// The newest final position: no smaller one will ever appear (C8).
    async fn newest(&self) -> Result<Position>;

    /// Waits until there are final blocks after `after`, then returns some, in position order and without gaps. Cheap
    /// at the newest end, where the live hub reads.
    async fn follow(&self, after: Position) -> Result<Vec<Block>>;

    /// The first matching records with `after < position <= upto` and a time in `range`, in position order. Records that
    /// do not reach the limit ([`ReadLimit::is_reached`]) are all there are.
    async fn read_after(
        &self,
        after: Position,
        upto: Position,
        range: TimeRange,
        query: &Query,
        limit: ReadLimit,
    ) -> Result<Vec<StoredRecord>>;

    /// Gives up a part that is set aside ([`StoreStatus::aside`]): removes it from the list and deletes the rest of its
    /// file. Returns whether a part of this name was set aside; a store without parts returns `false`.
    async fn give_up_part(&self, name: &str) -> Result<bool>;

    /// The state, for display and health checks. Must return at once, from memory.
    fn status(&self) -> StoreStatus;

    /// Flushes memory to durable storage and stops the engine.
    async fn close(&self);
}

/// How much [`Log::read_after`] returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimit {
    /// The maximum number of records.
    pub records: usize,
    /// No record follows once all together weigh this many bytes ([`model::Record::weight`]).
    pub bytes: usize,
}

impl ReadLimit {
    /// At most so many records, whatever they weigh.
    pub const fn of_records(records: usize) -> Self {
        Self { records, bytes: usize::MAX }
    }

    /// Whether so many records of so many bytes leave no room for another one.
    pub const fn is_reached(self, records: usize, bytes: usize) -> bool {
        records >= self.records || bytes >= self.bytes
    }

    /// Whether a result of [`Log::read_after`] may have ended early.
    pub fn is_reached_by(self, records: &[StoredRecord]) -> bool {
        let bytes: usize = records.iter().map(|stored| stored.record.weight()).sum();
        self.is_reached(records.len(), bytes)
    }
}

/// The result of [`Log::append`].
#[derive(Debug, Clone, Default)]
pub struct Appended {
    /// Records stored by this call.
    pub records: u64,
    /// Batches that the ledger already knew.
    pub duplicates: u64,
    /// Dead letters written.
    pub dead: u64,
    /// Records of batches with a client's id that the ledger already knew: the client has sent them again. Redelivered
    /// batches without such an id are not in it.
    pub deduplicated: Tally,
    /// Records in the dead letters.
    pub buried: Tally,
}

impl Appended {
    /// Counts a batch that the ledger already knew.
    pub fn duplicate(&mut self, batch: &Batch) {
        self.duplicates += 1;
        if batch.client_id {
            self.deduplicated.add_batch(batch);
        }
    }

    /// Adds the result of another call.
    pub fn append(&mut self, other: Self) {
        self.records += other.records;
        self.duplicates += other.duplicates;
        self.dead += other.dead;
        self.deduplicated.append(other.deduplicated);
        self.buried.append(other.buried);
    }
}

/// The state of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreStatus {
    /// Such as `embedded` or `PostgreSQL 15.18, TimescaleDB 2.28.3`.
    pub engine: String,
    /// Why nothing can be stored or read now; `None` if the store works.
    pub trouble: Option<String>,
    /// Records stored, as far as known without counting.
    pub records: u64,
    /// Bytes on disk, as far as known.
    pub bytes: u64,
    pub dead_letters: DeadLettersStatus,
    /// Record files that cannot be read, newest records first. Their records are missing from every result until the
    /// file is restored.
    pub aside: Vec<PartAside>,
}

/// A file of records that is set aside because it is missing or damaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartAside {
    /// Identifies it to the operator and to [`Log::give_up_part`].
    pub name: String,
    /// The path where the operator restores the file.
    pub path: String,
    /// A description of the damage.
    pub reason: String,
    pub records: u64,
    /// The size of the intact file.
    pub bytes: u64,
    /// The times of its oldest and its newest record.
    pub oldest: Nanos,
    pub newest: Nanos,
}
