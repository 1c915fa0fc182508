//! The batch: the unit of queueing, storing, acknowledging and deduplicating.

use std::{fmt, sync::Arc};

use model::{Position, Record, StoredRecord, Text, time::Nanos};
use sha2::{Digest as _, Sha256};

/// The permanent id of a batch; the key of the ledger.
///
/// Ids chosen by clients have up to 16 bytes and are padded with zeros at the end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchId(pub [u8; 16]);

impl BatchId {
    /// The id derived from a digest: equal input gives an equal id.
    pub fn of_digest(digest: Sha256) -> Self {
        let mut id = [0; 16];
        id.copy_from_slice(&digest.finalize()[..16]);
        Self(id)
    }
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&model::hex::encode(&self.0))
    }
}

impl fmt::Debug for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// 1 to [`model::limits::RECORDS_PER_BATCH`] admitted records.
///
/// Their ids are consecutive: `records[n].id == records[0].id.nth(n)`; all have the same `observed_time`.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    pub id: BatchId,
    /// Whether the client chose the id. The ledger keeps such ids for days, and the server's own only while the queue
    /// can redeliver them.
    pub client_id: bool,
    /// The door and the peer, for dead letters and diagnosis.
    pub producer: Text,
    pub observed_time: Nanos,
    pub records: Vec<Record>,
}

impl Batch {
    /// The approximate size in memory, in bytes.
    pub fn weight(&self) -> usize {
        self.records.iter().map(Record::weight).sum()
    }
}

/// A batch in the store: record `n` is at position `first + n`.
#[derive(Debug, Clone)]
pub struct Block {
    pub first: Position,
    pub batch: Arc<Batch>,
}

impl Block {
    /// The position of the last record.
    pub fn last(&self) -> Position {
        Position(self.first.0 + self.batch.records.len() as i64 - 1)
    }

    /// The record at index `place` with its position, copied.
    pub fn stored(&self, place: usize) -> Option<StoredRecord> {
        let record = self.batch.records.get(place)?.clone();
        Some(StoredRecord { position: Position(self.first.0 + place as i64), record })
    }
}
