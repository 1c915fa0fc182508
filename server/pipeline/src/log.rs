//! The port to the stored records as a log: append, follow, state.

use async_trait::async_trait;
use model::{Position, Query, StoredRecord, time::Nanos};

use crate::{Block, DeadLettersStatus, Delivery, Result};

/// The stored records in order of their positions, and the ledger of the batches that they
/// came in.
///
/// Every method may be called from many tasks at once, except `append`, which the consume
/// stage calls from one. A dropped call stops its work soon.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Stores each delivered batch that the ledger does not know yet, and its id,
    /// in one transaction (C2). What is undecodable, or cannot be stored as data, goes
    /// to the dead letters in the same transaction (C5). When it returns, the records
    /// are as durable as the engine makes them together with its queue, searchable,
    /// and about to be returned by [`Log::follow`].
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

    /// Gives up a part that is set aside ([`StoreStatus::aside`]): it is no longer listed, and
    /// what is left of its file is deleted. Returns whether there was one of this name.
    async fn give_up_part(&self, _name: &str) -> Result<bool> {
        Ok(false)
    }

    /// The state for a person or a probe. Answers at once, from memory.
    fn status(&self) -> StoreStatus;

    /// Makes what is in memory durable in its final form and stops the engine.
    async fn close(&self);
}

/// What became of the deliveries handed to [`Log::append`].
#[derive(Debug, Clone, Default)]
pub struct Appended {
    /// Records stored now.
    pub records: u64,
    /// Batches that the ledger knew already.
    pub duplicates: u64,
    /// Dead letters written.
    pub dead: u64,
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
    /// Names it to the operator and to [`Log::give_up_part`].
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
