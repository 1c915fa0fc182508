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

    /// Counts what [`Log::remove`] would delete, by hour of the records' own time and by service, as the loss ledger
    /// does. Changes nothing. Parts that are set aside are not counted and are no error.
    ///
    /// It may read every record of the range, so it takes as long as a search without a limit.
    async fn count_removal(&self, removal: &Removal) -> Result<Tally>;

    /// Deletes some of the records for good: about a second of work, in transactions. `from` is `None` at the
    /// beginning of a pass, and otherwise [`RemovalStep::next`] of the step before. A step may remove nothing.
    ///
    /// - When it returns, no read of any kind returns the removed records, also after a crash. When a whole pass has
    ///   returned, no file or table of the store holds them any longer, but what the engine documents.
    /// - The other records keep id, position and time. Appends, tails, searches and upkeep go on meanwhile, and the ledger
    ///   of batches stays: a redelivery of a removed batch is still a no-op.
    /// - It is idempotent: repeated after a crash, with any `from`, it deletes what is left. A `from` that is no longer
    ///   known starts the pass again.
    /// - Positions are not used again (C8), and [`Log::newest`] does not go back.
    ///
    /// # Errors
    /// `Corrupt` if a part of the range is set aside; it names the parts. Everything else of the pass is removed first,
    /// so only the last step returns it. `Invalid` for a `from` that is not of this engine. `Unavailable` or `Overloaded`:
    /// what the step did is complete in itself; retry.
    async fn remove(&self, removal: &Removal, from: Option<&str>) -> Result<RemovalStep>;

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

/// The records that a deletion takes: those that match, with a time in `range` and a position of at most `upto`.
#[derive(Debug, Clone)]
pub struct Removal {
    /// An empty query matches all records.
    pub query: Query,
    pub range: TimeRange,
    /// Records that arrived after it are left alone, so a deletion has an end.
    pub upto: Position,
}

impl Removal {
    /// Whether the record is one of them.
    pub fn takes(&self, stored: &StoredRecord) -> bool {
        let StoredRecord { position, record } = stored;
        *position <= self.upto && self.range.contains(record.time) && self.query.matches(record)
    }
}

/// The result of [`Log::remove`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RemovalStep {
    /// The number of records that this step deleted.
    pub removed: u64,
    /// Where the pass goes on, at most 1,000 bytes; `None` at its end.
    pub next: Option<String>,
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
