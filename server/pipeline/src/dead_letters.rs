//! Dead letters: what could not be stored, kept with the reason until someone decides.
//!
//! The store keeps them, bounded by bytes and by age. Past a bound the oldest go; what
//! went is counted for good ([`DeadLettersStatus`]).

use std::{collections::BTreeSet, time::Duration};

use async_trait::async_trait;
use model::{TimeRange, time::Nanos};

use crate::{Result, batch::BatchId, envelope, events::DeadLettersDropped};

/// Keeps what could not be stored, within bounds. [`Log::append`](crate::Log::append) adds to
/// it in its own transaction.
#[async_trait]
pub trait DeadLetters: Send + Sync + 'static {
    /// Adds dead letters outside of `append`. Past the store's bounds the oldest are dropped.
    async fn put_dead_letters(&self, letters: &[NewDeadLetter]) -> Result<()>;

    /// A page of the dead letters that pass the filter, newest first, without payloads.
    async fn dead_letters(&self, request: &DeadLetterRequest) -> Result<Vec<DeadLetterHead>>;

    /// One dead letter, whole.
    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>>;

    /// Removes dead letters that were replayed or are not wanted. Returns how many of them
    /// were there.
    async fn remove_dead_letters(&self, ids: &[i64]) -> Result<u64>;
}

/// Something that could not be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDeadLetter {
    pub reason: String,
    /// The door and peer, where known.
    pub producer: String,
    pub batch_id: Option<BatchId>,
    /// The encoded envelope, or whatever bytes came instead of one.
    pub payload: Vec<u8>,
    /// How many records are lost to readers by it; 0 where unknown.
    pub records: u32,
}

/// What a letter takes beside its texts and its payload, roughly.
const OVERHEAD: u64 = 256;

impl NewDeadLetter {
    /// The bytes that count against [`DeadLetterBounds::bytes`].
    pub fn weight(&self) -> u64 {
        OVERHEAD + (self.payload.len() + self.reason.len() + self.producer.len()) as u64
    }

    /// The services of its records, sorted; none where the payload is no batch.
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
    /// Grows with time.
    pub id: i64,
    pub time: Nanos,
    pub letter: NewDeadLetter,
}

/// A dead letter without its payload, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterHead {
    pub id: i64,
    pub time: Nanos,
    pub reason: String,
    pub producer: String,
    pub batch_id: Option<BatchId>,
    pub records: u32,
    /// Of the payload.
    pub bytes: u64,
    /// Of the records, sorted. Empty where the payload is no batch, and where the letter was
    /// written before stores kept services.
    pub services: Vec<String>,
}

/// Which dead letters are meant; the default is all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// A part of the reason, in any ASCII case.
    pub reason: Option<String>,
    /// A part of the producer, which is the door and the peer, in any ASCII case.
    pub producer: Option<String>,
    /// A service of its records, whole. Letters whose services are not known pass.
    pub service: Option<String>,
    pub range: TimeRange,
    /// The greatest id that is meant: what has come since a list was looked at is not.
    pub upto: Option<i64>,
}

impl Default for DeadLetterFilter {
    fn default() -> Self {
        Self { reason: None, producer: None, service: None, range: TimeRange::ALL, upto: None }
    }
}

/// Asks for a page of dead letters, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeadLetterRequest {
    pub filter: DeadLetterFilter,
    /// The id of the last letter of the page before.
    pub before: Option<i64>,
    pub limit: usize,
}

impl DeadLetterRequest {
    /// The newest `limit` letters.
    pub fn newest(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }
}

/// How much a store keeps of them; past either bound the oldest go, never the newest one
/// for its size.
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

/// The dead letters that there are, and that there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DeadLettersStatus {
    pub letters: u64,
    /// See [`NewDeadLetter::weight`].
    pub bytes: u64,
    /// Letters that went because of a bound, since the store was begun.
    pub dropped: u64,
    /// The records in those.
    pub dropped_records: u64,
}

/// Counts and logs letters that went because of a bound.
pub fn log_dropped(letters: u64, records: u64) {
    if letters > 0 {
        DeadLettersDropped { letters, records }.emit();
    }
}
