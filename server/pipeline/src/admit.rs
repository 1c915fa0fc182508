//! The admit stage: accepts the records of all doors.
//!
//! Normalises in the caller's task, which spreads the work over all callers; reserves a part of the in-flight limit;
//! and passes the records to the enqueue stage. From there on a submission does not depend on its caller: its batch
//! is published even if the client disconnects.

use std::{borrow::Cow, sync::Arc};

use model::{Record, Text, Value, limits};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use crate::{
    Batch, BatchId, Error, Queue, Result, Sender, Tally, audit,
    bodies::Bodies,
    enqueue::{Enqueue, Part, Publisher, split_by},
    envelope::ADMITTED_WEIGHT,
    events::{IngestCounters, SubmissionRefused},
    follow::VIA,
    in_flight::InFlight,
    normalise::{RawRecord, Rejection},
    rates::Refused,
    redact,
};

pub use crate::submission::{Accepted, IngestOptions, Submission};

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
    /// The matches of redaction rules.
    redacted: redact::Counts,
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
    /// `Invalid` if the submission as a whole is invalid; `Overloaded` beyond the limits, also those of the sender;
    /// `Unavailable` if the queue cannot confirm now, or on shutdown. After an error some or all of the records may still
    /// become durable: a retry stores once only if the client chose an id.
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
    /// Waits at most 30 s for the rate of the sender. Beyond its limits all records of a submission without an id are
    /// rejected. One with an id is refused as a whole: its client gets no acknowledgement, and sends it again.
    ///
    /// # Errors
    /// `Unavailable` on shutdown, `Internal` on a permanent failure of the queue. With an id `Overloaded` beyond the
    /// limits of the sender, and `Invalid` if it never fits into them.
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
        let Admitted { records, rejected, .. } = self.stage.normalise(records, &Sender::default());
        (records, rejected)
    }

    /// Notes records that a door could not decode, and about which it has told the client if the protocol can.
    pub fn undecoded(&self, records: usize) {
        if let Some(loss_ledger) = &self.stage.options.loss_ledger {
            loss_ledger.undecoded(records);
        }
    }

    /// A text that is about to be logged or kept, such as the reason why a door refused something, without what the
    /// redaction rules match.
    pub fn redacted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.stage.options.redaction {
            Some(redaction) => redaction.text(text),
            None => Cow::Borrowed(text),
        }
    }

    /// Publishes a batch under its own id: the replay of a dead letter. Only redaction changes its records, for a letter
    /// from before a rule.
    ///
    /// If the ledger knows the id, nothing is stored, so a replay may be repeated. The writer of a dead letter must
    /// therefore choose an id that was never stored.
    ///
    /// # Errors
    /// As [`Ingest::push`].
    pub async fn replay(&self, mut batch: Batch) -> Result<()> {
        if batch.records.is_empty() || batch.records.len() > limits::RECORDS_PER_BATCH {
            return Err(Error::invalid(format!(
                "batch: {} records; it must have 1 to {}",
                batch.records.len(),
                limits::RECORDS_PER_BATCH
            )));
        }
        if let Some(redaction) = self.stage.options.redaction.clone() {
            let redact = move || {
                redaction.all(&mut batch.records);
                batch
            };
            let redacted = tokio::task::spawn_blocking(redact).await;
            batch = redacted.map_err(|error| Error::internal(format!("the redaction of a batch failed: {error}")))?;
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
        let Submission { batch_id, producer, mut records, sender } = submission;
        if batch_id.is_some() && records.len() > limits::RECORDS_PER_BATCH {
            return Err(Error::invalid(format!(
                "records: {} in one batch; the limit is {}; send them in several, each with its own id",
                records.len(),
                limits::RECORDS_PER_BATCH
            )));
        }
        self.in_flight.check()?;
        let charged = sender.rates().map(|rates| (rates, rates.charge_of(&records)));
        if let Some((rates, charge)) = charged {
            rates.take(charge, self.options.clock.now()).map_err(Refused::into_error)?;
        }
        sender.apply(&mut records);
        let result = self.admit(batch_id, producer, records, &sender).await;
        if let (Err(_), Some((rates, charge))) = (&result, charged) {
            rates.give_back(charge);
        }
        result
    }

    async fn admit(
        &self,
        batch_id: Option<BatchId>,
        producer: Text,
        records: Vec<RawRecord>,
        sender: &Sender,
    ) -> Result<Accepted> {
        let admitted = self.normalise(records, sender);
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
        let Submission { batch_id, producer, mut records, sender } = submission;
        let mut refused = None;
        if let Some(rates) = sender.rates() {
            let charge = rates.charge_of(&records);
            let taken = rates.take_or_wait(charge, &self.options.clock, self.in_flight.closing()).await;
            // On shutdown nobody is refused for a rate.
            if let Err(reason) = taken {
                self.in_flight.check_open()?;
                if batch_id.is_some() {
                    return Err(reason.into_error());
                }
                refused = Some(reason.into_reason());
            }
        }
        sender.apply(&mut records);
        let admitted = match refused {
            Some(reason) => self.reject_all(records, &reason),
            None => self.normalise(records, &sender),
        };
        let (records, rejected, returned) = self.noted(admitted);
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
        let Admitted { records, rejected, rejected_services, returned, redacted, .. } = admitted;
        let came_back = returned.records() as usize;
        if let Some(redaction) = &self.options.redaction {
            redaction.count(&redacted);
        }
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

    fn normalise(&self, raw: Vec<RawRecord>, sender: &Sender) -> Admitted {
        let observed_time = self.options.clock.now();
        let is_audit = sender.is_audit();
        let redaction = self.options.redaction.as_ref().filter(|_| !is_audit);
        let mut admitted = Admitted { records: Vec::with_capacity(raw.len()), ..Admitted::default() };
        for (index, mut raw) in raw.into_iter().enumerate() {
            // First of all, so that no reason of a rejection and no service in the loss ledger has a secret.
            if let Some(redaction) = redaction {
                redaction.raw(&mut raw, &mut admitted.redacted);
            }
            let service = service_of(&raw).clone();
            let mut record = self.options.normaliser.record(raw, observed_time);
            if let (Some(redaction), Ok(record)) = (redaction, &mut record) {
                redaction.originals(record, &mut admitted.redacted);
            }
            if let Ok(record) = &mut record
                && !is_audit
            {
                audit::disown(record);
            }
            match record.and_then(check_weight) {
                Ok((record, _)) if self.has_returned(&record) => admitted.returned.add(&record),
                Ok((record, weight)) => {
                    admitted.weight += weight;
                    admitted.records.push(record);
                }
                Err(reason) => {
                    admitted.rejected.push(Rejection { index, reason });
                    admitted.rejected_services.push(service_to_note(service));
                }
            }
        }
        admitted
    }

    /// Rejects all records for one reason.
    fn reject_all(&self, records: Vec<RawRecord>, reason: &str) -> Admitted {
        let rejected = (0..records.len()).map(|index| Rejection { index, reason: reason.to_owned() }).collect();
        let services = records.iter().map(|record| match &self.options.redaction {
            Some(redaction) => service_to_note(redaction.service(&record.service, &record.node)),
            None => service_to_note(service_of(record).clone()),
        });
        Admitted { rejected, rejected_services: services.collect(), ..Admitted::default() }
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

/// The service that a record has after the normalise stage.
fn service_of(raw: &RawRecord) -> &Text {
    if raw.service.is_empty() { &raw.node } else { &raw.service }
}

/// The service of a rejected record for the loss ledger: none if it is too long for a name.
fn service_to_note(service: Text) -> Text {
    if service.len() <= limits::NAME_BYTES { service } else { Text::default() }
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
