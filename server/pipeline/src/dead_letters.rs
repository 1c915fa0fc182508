//! Dead letters: batches that could not be stored, kept with the reason until an operator replays or deletes them.
//!
//! The store keeps them within limits of bytes and age. Beyond a limit the oldest are dropped; a permanent counter
//! records the drops ([`DeadLettersStatus`]).

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use model::{TimeRange, time::Nanos};

use crate::{Result, batch::BatchId, envelope, events::DeadLettersDropped};

/// The port to the dead letters. [`Log::append`](crate::Log::append) also adds letters, in its own transaction.
#[async_trait]
pub trait DeadLetters: Send + Sync + 'static {
    /// Adds dead letters outside of `append`. Beyond the store's limits the oldest are dropped.
    async fn put_dead_letters(&self, letters: &[NewDeadLetter]) -> Result<()>;

    /// A page of matching dead letters, newest first, without payloads.
    async fn dead_letters(&self, request: &DeadLetterRequest) -> Result<Vec<DeadLetterHead>>;

    /// One dead letter with its payload.
    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>>;

    /// Deletes dead letters. Returns how many of them existed.
    async fn remove_dead_letters(&self, ids: &[i64]) -> Result<u64>;
}

/// A dead letter to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeadLetter {
    pub reason: String,
    /// The door and peer, if known.
    pub producer: String,
    pub batch_id: Option<BatchId>,
    /// The encoded envelope, or the bytes that are not one.
    pub payload: Vec<u8>,
    /// The number of records in it; 0 if unknown.
    pub records: u32,
}

/// The approximate bytes of a letter besides its texts and its payload.
const OVERHEAD: u64 = 256;

impl NewDeadLetter {
    /// The bytes that count against [`DeadLetterBounds::bytes`].
    pub fn weight(&self) -> u64 {
        OVERHEAD + (self.payload.len() + self.reason.len() + self.producer.len()) as u64
    }

    /// The services of its records, sorted; none if the payload is not a batch.
    pub fn services(&self) -> Vec<String> {
        let batch = envelope::decode(&self.payload).ok();
        let services: BTreeSet<String> = batch
            .iter()
            .flat_map(|batch| &batch.records)
            .filter(|record| !record.service.is_empty())
            .map(|record| record.service.to_string())
            .collect();
        services.into_iter().collect()
    }
}

/// A dead letter in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Increases with time.
    pub id: i64,
    pub time: Nanos,
    pub letter: NewDeadLetter,
}

/// A dead letter without its payload, for lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterHead {
    pub id: i64,
    pub time: Nanos,
    pub reason: String,
    pub producer: String,
    pub batch_id: Option<BatchId>,
    pub records: u32,
    /// The size of the payload.
    pub bytes: u64,
    /// The services of its records, sorted. Empty if the payload is not a batch, or if the letter was written before
    /// stores kept services.
    pub services: Vec<String>,
}

/// Selects dead letters; the default selects all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// Text in the reason, ASCII case-insensitive.
    pub reason: Option<String>,
    /// Text in the producer (door and peer), ASCII case-insensitive.
    pub producer: Option<String>,
    /// A service of its records, compared as a whole. Letters whose services are unknown match.
    pub service: Option<String>,
    pub range: TimeRange,
    /// The greatest selected id. It excludes letters that arrived after a list was shown.
    pub upto: Option<i64>,
}

impl Default for DeadLetterFilter {
    fn default() -> Self {
        Self { reason: None, producer: None, service: None, range: TimeRange::ALL, upto: None }
    }
}

/// Requests a page of dead letters, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterRequest {
    pub filter: DeadLetterFilter,
    /// The id of the last letter on the previous page.
    pub before: Option<i64>,
    pub limit: usize,
}

impl DeadLetterRequest {
    /// The newest `limit` letters.
    pub fn newest(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }
}

/// The limits on dead letters. Beyond either limit the oldest are dropped; the newest one is never dropped for its
/// size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadLetterBounds {
    /// Default 256 MiB.
    pub bytes: u64,
    /// Default 30 days.
    pub age: Duration,
}

impl Default for DeadLetterBounds {
    fn default() -> Self {
        Self { bytes: 256 << 20, age: Duration::from_secs(30 * 86_400) }
    }
}

/// Counts of the dead letters kept and dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeadLettersStatus {
    pub letters: u64,
    /// See [`NewDeadLetter::weight`].
    pub bytes: u64,
    /// Letters dropped because of a limit since the store was created.
    pub dropped: u64,
    /// The records of the dropped letters.
    pub dropped_records: u64,
}

/// Counts and logs letters that were dropped because of a limit.
pub fn log_dropped(letters: u64, records: u64) {
    if letters > 0 {
        DeadLettersDropped { letters, records }.emit();
    }
}
