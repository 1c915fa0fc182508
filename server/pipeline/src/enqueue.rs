//! The enqueue stage: makes batches and publishes them.
//!
//! Small submissions are merged, because a batch costs a ledger row and a broker
//! message whatever its size. They are gathered for as long as a publish takes (group
//! commit): an idle server publishes the first one at once, a busy one grows its batches
//! by itself, and no timer is involved. Where enough has gathered for a batch of good
//! size, it is published beside those in flight.
//!
//! The collector runs under the supervisor. What waits and what is in flight outlive a panic
//! of it.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use model::{Record, RecordId, Text, limits};
use tokio::{
    sync::{Mutex, mpsc, oneshot},
    task::JoinSet,
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    Batch, BatchId, Error, Queue, Result, Supervisor, backoff::Backoff, clock::Clock, envelope::ADMITTED_WEIGHT,
    events::PublishMeters, in_flight::Reservation,
};

/// What makes a batch of good size: its fixed cost is small beside that of so many
/// records, or bytes of them.
const GOOD_RECORDS: usize = 500;
const GOOD_WEIGHT: usize = 1 << 20;

/// The good records of one submission on their way.
pub(crate) struct Part {
    pub(crate) producer: Text,
    /// At least one; without ids.
    pub(crate) records: Vec<Record>,
    pub(crate) weight: usize,
    pub(crate) reservation: Reservation,
    pub(crate) done: oneshot::Sender<Result<()>>,
}

/// Where small submissions are handed in.
pub(crate) struct Enqueue {
    /// Unbounded: what it can hold is bounded by the reservations.
    parts: mpsc::UnboundedSender<Part>,
}

impl Enqueue {
    /// Starts the collector, as a task of this name.
    pub(crate) fn start(name: &str, publisher: Publisher, publishes: usize, supervisor: &Supervisor) -> Self {
        let (parts, received) = mpsc::unbounded_channel();
        let collector = Arc::new(Mutex::new(Collector {
            parts: received,
            publisher,
            most_publishes: publishes.max(1),
            arrived: Vec::new(),
            pending: VecDeque::new(),
            publishes: JoinSet::new(),
            open: true,
        }));
        // It ends with its senders, not by a signal.
        supervisor.spawn(name, CancellationToken::new(), move || {
            let collector = Arc::clone(&collector);
            async move { collector.lock().await.collect().await }
        });
        Self { parts }
    }

    /// The outcome is told through [`Part::done`].
    pub(crate) fn merge(&self, part: Part) {
        if let Err(mpsc::error::SendError(part)) = self.parts.send(part) {
            // The collector ends with its runtime only.
            let _ = part.done.send(Err(Error::unavailable("shutting down; send again later")));
        }
    }
}

/// Collects parts while publishes are in flight.
struct Collector {
    parts: mpsc::UnboundedReceiver<Part>,
    publisher: Publisher,
    most_publishes: usize,
    arrived: Vec<Part>,
    pending: VecDeque<Part>,
    publishes: JoinSet<()>,
    /// Whether there are senders.
    open: bool,
}

impl Collector {
    /// Ends when all senders are gone and everything is published.
    async fn collect(&mut self) {
        loop {
            // After a panic, what has arrived by then comes first.
            self.publish_due();
            // Either more to publish, or room to publish it.
            tokio::select! {
                count = self.parts.recv_many(&mut self.arrived, 1024), if self.open => self.open = count > 0,
                Some(_) = self.publishes.join_next(), if !self.publishes.is_empty() => {}
                else => return,
            }
            // The task that handed in the first part has woken this one at once. Callers
            // that are ready to run as well go first, so that theirs join the same batch.
            tokio::task::yield_now().await;
        }
    }

    fn publish_due(&mut self) {
        self.pending.extend(self.arrived.drain(..));
        while let Ok(part) = self.parts.try_recv() {
            self.pending.push_back(part);
        }
        while may_publish(self.publishes.len(), self.most_publishes, &self.pending) {
            let group = take_group(&mut self.pending);
            let publisher = self.publisher.clone();
            self.publishes.spawn(async move { publisher.publish_parts(None, group).await });
        }
    }
}

/// Whether the pending parts are published now, beside those in flight.
fn may_publish(in_flight: usize, most: usize, pending: &VecDeque<Part>) -> bool {
    match in_flight {
        0 => !pending.is_empty(),
        _ => in_flight < most && is_of_good_size(pending),
    }
}

fn is_of_good_size(pending: &VecDeque<Part>) -> bool {
    let (mut records, mut weight) = (0, 0);
    pending.iter().any(|part| {
        records += part.records.len();
        weight += part.weight;
        records >= GOOD_RECORDS || weight >= GOOD_WEIGHT
    })
}

/// The first parts that make up one batch within its bounds; at least one.
fn take_group(pending: &mut VecDeque<Part>) -> Vec<Part> {
    let (mut records, mut weight, mut count) = (0, 0, 0);
    for part in pending.iter() {
        records += part.records.len();
        weight += part.weight;
        if count > 0 && (records > limits::RECORDS_PER_BATCH || weight > limits::BATCH_BYTES) {
            break;
        }
        count += 1;
    }
    pending.drain(..count).collect()
}

/// Seals batches and hands them to the queue.
#[derive(Clone)]
pub(crate) struct Publisher {
    queue: Arc<dyn Queue>,
    timeout: Duration,
    clock: Clock,
    meters: Arc<PublishMeters>,
    /// Told on close. With it a batch is published until the queue has it, or until then.
    insist: Option<CancellationToken>,
}

impl Publisher {
    pub(crate) fn new(queue: Arc<dyn Queue>, timeout: Duration, clock: Clock) -> Self {
        Self { queue, timeout, clock, meters: Arc::new(PublishMeters::register()), insist: None }
    }

    /// One that publishes a batch again, under its id, until the queue has confirmed it. A try
    /// whose answer was lost may have become durable: as it is the same batch, the ledger makes
    /// them one (C2).
    pub(crate) fn insisting(&self, closing: &CancellationToken) -> Self {
        Self { insist: Some(closing.clone()), ..self.clone() }
    }

    /// Publishes a part by itself, in a task of its own.
    pub(crate) fn spawn(&self, id: Option<BatchId>, part: Part) {
        let publisher = self.clone();
        tokio::spawn(async move { publisher.publish_parts(id, vec![part]).await });
    }

    /// Publishes the parts as one batch, or as several where they exceed its bounds,
    /// and tells each caller.
    async fn publish_parts(&self, id: Option<BatchId>, parts: Vec<Part>) {
        let mut producers = parts.iter().map(|part| part.producer.clone());
        let first = producers.next().unwrap_or_default();
        let producer = if producers.all(|other| other == first) { first } else { "several".into() };
        let mut records = Vec::with_capacity(parts.iter().map(|part| part.records.len()).sum());
        let mut waiting = Vec::with_capacity(parts.len());
        for part in parts {
            records.extend(part.records);
            waiting.push((part.done, part.reservation));
        }
        let result = match id {
            Some(id) => self.publish(self.seal(Some(id), producer, records)).await,
            None => {
                let batches = split(records).into_iter().map(|records| self.seal(None, producer.clone(), records));
                // All to their end: a publish that is cut off helps nobody.
                let results = futures::future::join_all(batches.map(|batch| self.publish(batch))).await;
                results.into_iter().collect()
            }
        };
        for (done, reservation) in waiting {
            // Before the answer, so that whoever has it finds the room returned.
            drop(reservation);
            // A caller that has gone away does not want to know.
            let _ = done.send(result.clone());
        }
    }

    /// Gives the records their ids and their common time of receipt.
    fn seal(&self, id: Option<BatchId>, producer: Text, mut records: Vec<Record>) -> Batch {
        let observed_time = self.clock.now();
        let first = RecordId::base((observed_time / 1_000_000).unsigned_abs(), rand::random());
        for (place, record) in records.iter_mut().enumerate() {
            record.id = first.nth(place);
            record.observed_time = observed_time;
        }
        // The server's own batch ids grow with time, which is kind to the ledger's index.
        let own = BatchId(first.to_bytes());
        Batch { id: id.unwrap_or(own), client_id: id.is_some(), producer, observed_time, records }
    }

    /// Hands one batch to the queue and waits until it is durable.
    pub(crate) async fn publish(&self, batch: Batch) -> Result<()> {
        let batch = Arc::new(batch);
        let Some(closing) = &self.insist else { return self.publish_once(&batch).await };
        let mut backoff = Backoff::of_stage();
        loop {
            match self.publish_once(&batch).await {
                Err(error) if error.is_retryable() && !closing.is_cancelled() => {
                    let wait = error.retry_after.unwrap_or_else(|| backoff.next());
                    // On close one last try.
                    let _ = tokio::time::timeout(wait, closing.cancelled()).await;
                }
                result => return result,
            }
        }
    }

    async fn publish_once(&self, batch: &Arc<Batch>) -> Result<()> {
        let (id, records, started) = (batch.id, batch.records.len(), Instant::now());
        let publish = self.queue.publish(Arc::clone(batch));
        tokio::pin!(publish);
        let in_time = async {
            // Who insists has time. Given up, a publish may still be done, beside the next one.
            if let Some(closing) = &self.insist {
                closing.cancelled().await;
            }
            tokio::time::sleep(self.timeout).await;
        };
        let result = tokio::select! {
            biased;
            result = &mut publish => result,
            () = in_time => Err(Error::unavailable(format!(
                "the queue has not confirmed the batch within {:?}; it may still become durable",
                self.timeout
            ))),
        };
        match &result {
            Ok(()) => self.meters.published(records, started.elapsed()),
            Err(error) => self.meters.failed(id, records, error),
        }
        result
    }
}

/// Cuts records into runs that each fit a batch.
fn split(records: Vec<Record>) -> Vec<Vec<Record>> {
    split_by(records, limits::RECORDS_PER_BATCH, ADMITTED_WEIGHT)
}

/// Cuts records into runs of so many at most, and of so much weight; one record at least.
pub(crate) fn split_by(mut records: Vec<Record>, most_records: usize, most_weight: usize) -> Vec<Vec<Record>> {
    let mut runs = Vec::new();
    loop {
        let mut weight = 0;
        let mut fits = |record: &Record| {
            weight += record.weight();
            weight <= most_weight
        };
        let count = records.iter().take(most_records).take_while(|record| fits(record)).count().max(1);
        if count >= records.len() {
            runs.push(records);
            return runs;
        }
        let rest = records.split_off(count);
        runs.push(std::mem::replace(&mut records, rest));
    }
}
