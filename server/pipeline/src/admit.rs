//! The admit stage: accepts the records of all doors.
//!
//! Normalises in the caller's task, which spreads the work over all callers; reserves a part of the in-flight limit;
//! and passes the records to the enqueue stage. From there on a submission does not depend on its caller: its batch
//! is published even if the client disconnects.

use std::{sync::Arc, time::Duration};

use model::{Record, Text, Value, limits};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use crate::{
    Batch, BatchId, Error, Queue, Result, Supervisor, Tally,
    bodies::Bodies,
    clock::Clock,
    enqueue::{Enqueue, Part, Publisher, split_by},
    envelope::ADMITTED_WEIGHT,
    events::{IngestCounters, SubmissionRefused},
    follow::VIA,
    in_flight::InFlight,
    loss_ledger::LossLedger,
    normalise::{Normaliser, RawRecord, Rejection},
};

/// The records of one client call.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    /// Chosen by the client: a repeated id is acknowledged again and stored once. A submission with an id is one batch
    /// and is never split.
    pub batch_id: Option<BatchId>,
    /// The door and peer, such as `http 10.0.0.7`.
    pub producer: Text,
    pub records: Vec<RawRecord>,
}

/// The response to a submission, when its valid records are durable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    pub accepted: usize,
    /// In order of their index.
    pub rejected: Vec<Rejection>,
}

/// The limits and options of the ingest stages.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    pub normaliser: Normaliser,
    /// The bytes admitted and not yet durable; beyond it submissions are refused as overload.
    pub in_flight_bytes: usize,
    /// The records admitted and not yet durable.
    pub in_flight_records: usize,
    /// Submissions of fewer records than this, and without an id, are merged into common batches.
    pub merge_below: usize,
    /// The merged batches that are published concurrently; the second and later ones only if they have the target size.
    pub publishes: usize,
    /// The time limit for the queue to make a batch durable.
    pub publish_timeout: Duration,
    /// The bytes of undecoded bodies that doors may hold.
    pub body_bytes: usize,
    /// The id of this store. A record whose attribute [`VIA`] contains it was sent on by this store and has come back:
    /// it is accepted and not stored again.
    pub store_id: Option<String>,
    /// Where it is noted what is received and refused. `None` without a store.
    pub loss_ledger: Option<LossLedger>,
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
            store_id: None,
            loss_ledger: None,
            clock: Clock::system(),
            supervisor: Supervisor::default(),
        }
    }
}

/// The weight up to which a submission is merged, in bytes. Larger ones become batches of their own.
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
    retrying: Publisher,
    enqueue_retrying: Enqueue,
    counters: IngestCounters,
}

/// The valid records of a submission.
#[derive(Default)]
struct Admitted {
    records: Vec<Record>,
    weight: usize,
    rejected: Vec<Rejection>,
    /// The services of the rejected records.
    rejected_services: Vec<Text>,
    /// The records that this store has already.
    returned: Tally,
}

impl Ingest {
    /// Starts the stage. Must be called within a Tokio runtime, and after the metrics recorder is installed. Its tasks
    /// end with the last clone.
    pub fn start(queue: Arc<dyn Queue>, options: IngestOptions) -> Self {
        let publisher =
            Publisher::new(queue, options.publish_timeout, options.clock.clone(), options.loss_ledger.clone());
        let supervisor = &options.supervisor;
        let in_flight = InFlight::new(options.in_flight_bytes, options.in_flight_records);
        let retrying = publisher.retrying(in_flight.closing());
        let stage = Stage {
            in_flight,
            bodies: Bodies::new(options.body_bytes),
            enqueue: Enqueue::start("enqueue", publisher.clone(), options.publishes, supervisor),
            publisher,
            enqueue_retrying: Enqueue::start("enqueue-streams", retrying.clone(), options.publishes, supervisor),
            retrying,
            counters: IngestCounters::register(),
            options,
        };
        Self { stage: Arc::new(stage) }
    }

    /// The memory budget of undecoded bodies.
    pub fn bodies(&self) -> &Bodies {
        &self.stage.bodies
    }

    /// Returns the error that a push would return now, before its body is read.
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

    /// Normalises the records and returns once the valid ones are durable (C1).
    ///
    /// A submission without an id may have more than [`RECORDS_PER_BATCH`](limits::RECORDS_PER_BATCH) records; it
    /// becomes several batches. Dropping the call does not cancel records that are already admitted.
    ///
    /// # Errors
    /// `Invalid` if the submission as a whole is invalid; `Overloaded` beyond the limits; `Unavailable` if the queue
    /// cannot confirm now, or on shutdown. After an error some or all of the records may still become durable: a retry
    /// stores once only if the client chose an id.
    pub async fn push(&self, submission: Submission) -> Result<Accepted> {
        let result = self.stage.push(submission).await;
        if let Err(error) = &result {
            SubmissionRefused { error }.emit();
        }
        result
    }

    /// As [`Ingest::push`], for doors whose protocol has no retry: waits for capacity and for the queue without a time
    /// limit. All retries publish the same batches, so none is stored twice (C2).
    ///
    /// Records beyond the limits of a batch or of the in-flight limit become several batches, one after another. If the
    /// submission has an id, the ids of the batches are derived from it, so that a repeated submission is stored once.
    ///
    /// # Errors
    /// `Unavailable` on shutdown, `Internal` on a permanent failure of the queue.
    pub async fn deliver(&self, submission: Submission) -> Result<Accepted> {
        let result = self.stage.deliver(submission).await;
        if let Err(error) = &result {
            SubmissionRefused { error }.emit();
        }
        result
    }

    /// Normalises the records without storing them. Returns what a push would store, and what it would refuse. The
    /// records have no ids yet.
    pub fn rehearse(&self, records: Vec<RawRecord>) -> (Vec<Record>, Vec<Rejection>) {
        let Admitted { records, rejected, .. } = self.stage.normalise(records);
        (records, rejected)
    }

    /// Notes records that a door could not decode, and about which it has told the client if the protocol can.
    pub fn undecoded(&self, records: usize) {
        if let Some(loss_ledger) = &self.stage.options.loss_ledger {
            loss_ledger.undecoded(records);
        }
    }

    /// Publishes a batch unchanged, under its own id: the replay of a dead letter.
    ///
    /// If the ledger knows the id, nothing is stored, so a replay may be repeated. The writer of a dead letter must
    /// therefore choose an id that was never stored.
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

    /// Refuses new submissions with `Unavailable` and waits for those in flight, at most for the publish timeout.
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
        let admitted = self.normalise(records);
        let weight = admitted.weight;
        if batch_id.is_some() && weight > ADMITTED_WEIGHT {
            return Err(Error::invalid(format!(
                "batch: its records take {weight} bytes; the limit is {ADMITTED_WEIGHT}; send it in parts"
            )));
        }
        let (records, rejected, returned) = self.noted(admitted);
        let accepted = records.len();
        if accepted > 0 {
            self.publish(batch_id, producer, records, weight).await?;
            self.counters.accepted(accepted);
        }
        Ok(Accepted { accepted: accepted + returned, rejected })
    }

    async fn deliver(&self, submission: Submission) -> Result<Accepted> {
        let Submission { batch_id, producer, records } = submission;
        let (records, rejected, returned) = self.noted(self.normalise(records));
        let accepted = records.len();
        if accepted > 0 {
            let most_records = limits::RECORDS_PER_BATCH.min(self.in_flight.most_records());
            let most_weight = ADMITTED_WEIGHT.min(self.in_flight.most_bytes());
            let mut first = 0;
            for records in split_by(records, most_records, most_weight) {
                let count = records.len();
                let id = batch_id.map(|id| part_id(id, first, count, accepted));
                let weight = records.iter().map(Record::weight).sum();
                let reservation = self.in_flight.reserve_wait(weight, count).await?;
                let (done, result) = oneshot::channel();
                let part = Part { producer: producer.clone(), records, weight, reservation, done };
                match id {
                    None if self.is_small(&part) => self.enqueue_retrying.merge(part),
                    id => self.retrying.spawn(id, part),
                }
                result.await.unwrap_or_else(|_| Err(task_died()))?;
                self.counters.accepted(count);
                first += count;
            }
        }
        Ok(Accepted { accepted: accepted + returned, rejected })
    }

    /// Counts what will not be published. Returns the valid records, the rejections, and the number of records that
    /// came back.
    fn noted(&self, admitted: Admitted) -> (Vec<Record>, Vec<Rejection>, usize) {
        let Admitted { records, rejected, rejected_services, returned, .. } = admitted;
        let came_back = returned.records() as usize;
        self.counters.rejected(rejected.len());
        self.counters.returned(came_back);
        if let Some(loss_ledger) = &self.options.loss_ledger {
            loss_ledger.returned(&returned);
            for (service, rejection) in rejected_services.iter().zip(&rejected) {
                loss_ledger.rejected(service, &rejection.reason, 1);
            }
        }
        (records, rejected, came_back)
    }

    fn normalise(&self, raw: Vec<RawRecord>) -> Admitted {
        let observed_time = self.options.clock.now();
        let mut admitted = Admitted { records: Vec::with_capacity(raw.len()), ..Admitted::default() };
        for (index, raw) in raw.into_iter().enumerate() {
            let service = raw.service.clone();
            match self.options.normaliser.record(raw, observed_time).and_then(check_weight) {
                Ok((record, _)) if self.has_returned(&record) => admitted.returned.add(&record),
                Ok((record, weight)) => {
                    admitted.weight += weight;
                    admitted.records.push(record);
                }
                Err(reason) => {
                    admitted.rejected.push(Rejection { index, reason });
                    let is_name = service.len() <= limits::NAME_BYTES;
                    admitted.rejected_services.push(if is_name { service } else { Text::default() });
                }
            }
        }
        admitted
    }

    fn has_returned(&self, record: &Record) -> bool {
        let (Some(own), Some(Value::Text(way))) = (&self.options.store_id, record.attribute(VIA)) else { return false };
        way.split(',').any(|id| id.trim() == own)
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

/// The id of a part of a submission: `count` records from index `first`, of `all`. A single part keeps the id.
fn part_id(id: BatchId, first: usize, count: usize, all: usize) -> BatchId {
    if count == all {
        return id;
    }
    let place = [first as u64, count as u64].map(u64::to_be_bytes);
    BatchId::of_digest(Sha256::new_with_prefix(id.0).chain_update(place.as_flattened()))
}

fn check_weight(record: Record) -> Result<(Record, usize), String> {
    let weight = record.weight();
    if weight > limits::BATCH_BYTES {
        return Err(format!("record: {weight} bytes; the limit is {}; shorten its attributes", limits::BATCH_BYTES));
    }
    Ok((record, weight))
}

fn task_died() -> Error {
    Error::internal("the publishing task ended before its batch was confirmed; this is a fault of the server")
}
