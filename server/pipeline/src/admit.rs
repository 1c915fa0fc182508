//! The admit stage: what a door hands its records to.
//!
//! Normalises in the caller's task, so that the work is spread over all of them, takes
//! a part of the bound on what is in flight, and hands on to the enqueue stage. From
//! there on a submission does not depend on its caller: a client that goes away leaves
//! a batch that is published all the same.

use std::{sync::Arc, time::Duration};

use model::{Record, Text, limits};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use crate::{
    Batch, BatchId, Error, Queue, Result, Supervisor,
    bodies::Bodies,
    clock::Clock,
    enqueue::{Enqueue, Part, Publisher, split_by},
    envelope::ADMITTED_WEIGHT,
    events::{IngestCounters, SubmissionRefused},
    in_flight::InFlight,
    normalise::{Normaliser, RawRecord, Rejection},
};

/// What one client call brings.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// Chosen by the client: the same id again is acknowledged again and stored once.
    /// A submission with an id is one batch and is never split.
    pub batch_id: Option<BatchId>,
    /// The door and peer, such as `http 10.0.0.7`.
    pub producer: Text,
    pub records: Vec<RawRecord>,
}

/// The answer to a submission whose good records are durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    pub accepted: usize,
    /// In order of their index.
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
    /// The merged batches that are published at once, the second and later ones only where
    /// enough has gathered for a batch of good size.
    pub publishes: usize,
    /// How long the queue may take to make a batch durable.
    pub publish_timeout: Duration,
    /// The bytes that doors may hold before they are decoded.
    pub body_bytes: usize,
    pub clock: Clock,
    pub supervisor: Supervisor,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            normaliser: Normaliser::default(),
            in_flight_bytes: 64 << 20,
            in_flight_records: 200_000,
            merge_below: 500,
            publishes: 4,
            publish_timeout: Duration::from_secs(30),
            body_bytes: 64 << 20,
            clock: Clock::system(),
            supervisor: Supervisor::default(),
        }
    }
}

/// The weight up to which a submission is merged: larger ones fill batches alone.
const MERGE_WEIGHT: usize = 1 << 20;

/// Admits records and makes them durable. Cheap to clone.
#[derive(Clone)]
pub struct Ingest {
    stage: Arc<Stage>,
}

struct Stage {
    options: IngestOptions,
    in_flight: Arc<InFlight>,
    bodies: Bodies,
    publisher: Publisher,
    enqueue: Enqueue,
    /// For [`Ingest::deliver`].
    insisting: Publisher,
    enqueue_insisting: Enqueue,
    counters: IngestCounters,
}

/// The good records of a submission.
struct Admitted {
    records: Vec<Record>,
    weight: usize,
    rejected: Vec<Rejection>,
}

impl Ingest {
    /// Starts the stage; must be called within a Tokio runtime, and after the metrics
    /// recorder is installed. Its task ends with the last clone.
    pub fn start(queue: Arc<dyn Queue>, options: IngestOptions) -> Self {
        let publisher = Publisher::new(queue, options.publish_timeout, options.clock.clone());
        let supervisor = &options.supervisor;
        let in_flight = InFlight::new(options.in_flight_bytes, options.in_flight_records);
        let insisting = publisher.insisting(in_flight.closing());
        let stage = Stage {
            in_flight,
            bodies: Bodies::new(options.body_bytes),
            enqueue: Enqueue::start("enqueue", publisher.clone(), options.publishes, supervisor),
            publisher,
            enqueue_insisting: Enqueue::start("enqueue-streams", insisting.clone(), options.publishes, supervisor),
            insisting,
            counters: IngestCounters::register(),
            options,
        };
        Self { stage: Arc::new(stage) }
    }

    /// The budget of what doors have read and not decoded.
    pub fn bodies(&self) -> &Bodies {
        &self.stage.bodies
    }

    /// Refuses early what a push would refuse now, before its body is read.
    ///
    /// # Errors
    /// `Overloaded` past the bounds, `Unavailable` on shutdown.
    pub fn check(&self) -> Result<()> {
        let result = self.stage.in_flight.check();
        if let Err(error) = &result {
            SubmissionRefused { error }.emit();
        }
        result
    }

    /// Normalises the records and returns once the good ones are durable (C1).
    ///
    /// A submission without an id may have more than
    /// [`RECORDS_PER_BATCH`](limits::RECORDS_PER_BATCH) records; it becomes several
    /// batches. A dropped call changes nothing: what was admitted goes on.
    ///
    /// # Errors
    /// `Invalid` where the submission as a whole is at fault; `Overloaded` past the
    /// bounds; `Unavailable` where the queue cannot confirm now, or on shutdown.
    /// After an error some or all of the records may still become durable: only a
    /// client that chose an id can send again and be sure to store once.
    pub async fn push(&self, submission: Submission) -> Result<Accepted> {
        let result = self.stage.push(submission).await;
        if let Err(error) = &result {
            SubmissionRefused { error }.emit();
        }
        result
    }

    /// As [`Ingest::push`], for doors that cannot tell a client to send again: waits for room and
    /// for the queue, however long that takes. The same batches are published over all tries,
    /// so none is stored twice (C2).
    ///
    /// More records than a batch or the bounds in flight hold become several batches, one after
    /// another. With an id of the submission, each of them has an id that follows from it and
    /// from its place, so that the same submission again is stored once.
    ///
    /// # Errors
    /// `Unavailable` on shutdown, `Internal` where the queue fails for good.
    pub async fn deliver(&self, submission: Submission) -> Result<Accepted> {
        let result = self.stage.deliver(submission).await;
        if let Err(error) = &result {
            SubmissionRefused { error }.emit();
        }
        result
    }

    /// Normalises the records and stores nothing: what a push of them would store, and what
    /// it would refuse. Their ids are given by a push alone.
    pub fn rehearse(&self, records: Vec<RawRecord>) -> (Vec<Record>, Vec<Rejection>) {
        let Admitted { records, rejected, .. } = self.stage.normalise(records);
        (records, rejected)
    }

    /// Publishes a batch as it is, under its own id: the replay of a dead letter.
    ///
    /// An id that the ledger knows makes it a no-op, which makes it safe to repeat; so
    /// whoever writes a dead letter gives its batch an id that was never stored.
    ///
    /// # Errors
    /// As [`Ingest::push`].
    pub async fn replay(&self, batch: Batch) -> Result<()> {
        if batch.records.is_empty() || batch.records.len() > limits::RECORDS_PER_BATCH {
            return Err(Error::invalid(format!(
                "batch: {} records; it must have 1 to {}",
                batch.records.len(),
                limits::RECORDS_PER_BATCH
            )));
        }
        let reservation = self.stage.in_flight.reserve(batch.weight(), batch.records.len())?;
        let publisher = self.stage.publisher.clone();
        let publish = tokio::spawn(async move {
            let result = publisher.publish(batch).await;
            drop(reservation);
            result
        });
        publish.await.unwrap_or_else(|_| Err(task_died()))
    }

    /// Refuses new submissions with `Unavailable` and waits for those in flight, which
    /// takes no longer than the publish timeout.
    pub async fn close(&self) {
        self.stage.in_flight.close().await;
    }
}

impl Stage {
    async fn push(&self, submission: Submission) -> Result<Accepted> {
        let Submission { batch_id, producer, records } = submission;
        if batch_id.is_some() && records.len() > limits::RECORDS_PER_BATCH {
            return Err(Error::invalid(format!(
                "records: {} in one batch; the limit is {}; send them in several, each with its own id",
                records.len(),
                limits::RECORDS_PER_BATCH
            )));
        }
        self.in_flight.check()?;
        let Admitted { records, weight, rejected } = self.normalise(records);
        if batch_id.is_some() && weight > ADMITTED_WEIGHT {
            return Err(Error::invalid(format!(
                "batch: its records take {weight} bytes; the limit is {ADMITTED_WEIGHT}; send it in parts"
            )));
        }
        let accepted = records.len();
        self.counters.rejected(rejected.len());
        if accepted > 0 {
            self.publish(batch_id, producer, records, weight).await?;
            self.counters.accepted(accepted);
        }
        Ok(Accepted { accepted, rejected })
    }

    async fn deliver(&self, submission: Submission) -> Result<Accepted> {
        let Submission { batch_id, producer, records } = submission;
        let Admitted { records, rejected, .. } = self.normalise(records);
        self.counters.rejected(rejected.len());
        let accepted = records.len();
        if accepted > 0 {
            let most_records = limits::RECORDS_PER_BATCH.min(self.in_flight.most_records());
            let most_weight = ADMITTED_WEIGHT.min(self.in_flight.most_bytes());
            let mut first = 0;
            for records in split_by(records, most_records, most_weight) {
                let count = records.len();
                let id = batch_id.map(|id| part_id(id, first, count, accepted));
                let weight = records.iter().map(Record::weight).sum();
                let reservation = self.in_flight.wait(weight, count).await?;
                let (done, result) = oneshot::channel();
                let part = Part { producer: producer.clone(), records, weight, reservation, done };
                match id {
                    None if self.is_small(&part) => self.enqueue_insisting.merge(part),
                    id => self.insisting.spawn(id, part),
                }
                result.await.unwrap_or_else(|_| Err(task_died()))?;
                self.counters.accepted(count);
                first += count;
            }
        }
        Ok(Accepted { accepted, rejected })
    }

    fn normalise(&self, raw: Vec<RawRecord>) -> Admitted {
        let observed_time = self.options.clock.now();
        let mut admitted = Admitted { records: Vec::with_capacity(raw.len()), weight: 0, rejected: Vec::new() };
        for (index, raw) in raw.into_iter().enumerate() {
            match self.options.normaliser.record(raw, observed_time).and_then(weigh) {
                Ok((record, weight)) => {
                    admitted.weight += weight;
                    admitted.records.push(record);
                }
                Err(reason) => admitted.rejected.push(Rejection { index, reason }),
            }
        }
        admitted
    }

    async fn publish(&self, id: Option<BatchId>, producer: Text, records: Vec<Record>, weight: usize) -> Result<()> {
        let reservation = self.in_flight.reserve(weight, records.len())?;
        let (done, result) = oneshot::channel();
        let part = Part { producer, records, weight, reservation, done };
        match id {
            None if self.is_small(&part) => self.enqueue.merge(part),
            id => self.publisher.spawn(id, part),
        }
        result.await.unwrap_or_else(|_| Err(task_died()))
    }

    fn is_small(&self, part: &Part) -> bool {
        part.records.len() < self.options.merge_below && part.weight <= MERGE_WEIGHT
    }
}

/// The id of the part of a submission that begins with a record and has so many, of all. A
/// submission of one part keeps its own.
fn part_id(id: BatchId, first: usize, count: usize, all: usize) -> BatchId {
    if count == all {
        return id;
    }
    let place = [first as u64, count as u64].map(u64::to_be_bytes);
    BatchId::of_digest(Sha256::new_with_prefix(id.0).chain_update(place.as_flattened()))
}

fn weigh(record: Record) -> Result<(Record, usize), String> {
    let weight = record.weight();
    if weight > limits::BATCH_BYTES {
        return Err(format!("record: {weight} bytes; the limit is {}; shorten its attributes", limits::BATCH_BYTES));
    }
    Ok((record, weight))
}

fn task_died() -> Error {
    Error::internal("the publishing task ended before its batch was confirmed; this is a fault of the server")
}
