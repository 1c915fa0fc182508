//! The enqueue stage: makes batches and publishes them.
//!
//! Small submissions are merged, because each batch costs a ledger row and a broker message. They gather while a
//! publish is in flight (group commit): an idle server publishes the first one at once, a busy one makes larger
//! batches, without a timer. When enough has gathered for a batch of the target size, it is published concurrently with
//! those in flight.
//!
//! The collector runs under the supervisor. Pending parts and publishes in flight survive a panic of it.

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
    events::PublishMeters, in_flight::Reservation, loss_ledger::LossLedger,
};

/// The target size of a batch: from here on its fixed cost is small.
const TARGET_RECORDS: usize = 500;
const TARGET_WEIGHT: usize = 1 << 20;

/// The valid records of one submission on their way.
pub(crate) struct Part {
    pub(crate) producer: Text,
    /// At least one; without ids.
    pub(crate) records: Vec<Record>,
    pub(crate) weight: usize,
    pub(crate) reservation: Reservation,
    pub(crate) done: oneshot::Sender<Result<()>>,
}

/// The input of small submissions.
pub(crate) struct Enqueue {
    /// Unbounded: the reservations bound its content.
    parts: mpsc::UnboundedSender<Part>,
}

impl Enqueue {
    /// Starts the collector, as a task with this name.
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
        // It ends with its senders, not by a token.
        supervisor.spawn(name, CancellationToken::new(), move || {
            let collector = Arc::clone(&collector);
            async move { collector.lock().await.collect().await }
        });
        Self { parts }
    }

    /// Adds the part to a common batch. The result is sent to [`Part::done`].
    pub(crate) fn merge(&self, part: Part) {
        if let Err(mpsc::error::SendError(part)) = self.parts.send(part) {
            // The collector ends only with its runtime.
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
    /// Whether senders remain.
    open: bool,
}

impl Collector {
    /// Ends when all senders are gone and everything is published.
    async fn collect(&mut self) {
        loop {
            // After a panic, parts that have already arrived come first.
            self.publish_due();
            // Waits for new parts, or for a publish to finish.
            tokio::select! {
                count = self.parts.recv_many(&mut self.arrived, 1024), if self.open => self.open = count > 0,
                Some(_) = self.publishes.join_next(), if !self.publishes.is_empty() => {}
                else => return,
            }
            // The first sender wakes this task at once. Yielding lets other ready callers add their parts to the same
            // batch.
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

/// Whether the pending parts are published now, concurrently with those in flight.
fn may_publish(in_flight: usize, most: usize, pending: &VecDeque<Part>) -> bool {
    match in_flight {
        0 => !pending.is_empty(),
        _ => in_flight < most && has_target_size(pending),
    }
}

fn has_target_size(pending: &VecDeque<Part>) -> bool {
    let (mut records, mut weight) = (0, 0);
    pending.iter().any(|part| {
        records += part.records.len();
        weight += part.weight;
        records >= TARGET_RECORDS || weight >= TARGET_WEIGHT
    })
}

/// Takes the first parts that fit one batch; at least one.
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

/// Seals batches and publishes them to the queue.
#[derive(Clone)]
pub(crate) struct Publisher {
    queue: Arc<dyn Queue>,
    timeout: Duration,
    clock: Clock,
    meters: Arc<PublishMeters>,
    loss_ledger: Option<LossLedger>,
    /// Cancelled on close. If set, a batch is retried until the queue confirms it, or until close.
    retry_until: Option<CancellationToken>,
}

impl Publisher {
    pub(crate) fn new(queue: Arc<dyn Queue>, timeout: Duration, clock: Clock, loss_ledger: Option<LossLedger>) -> Self {
        Self { queue, timeout, clock, meters: Arc::new(PublishMeters::register()), loss_ledger, retry_until: None }
    }

    /// Returns a publisher that retries a batch under its id until the queue confirms it. A try whose confirmation was
    /// lost may be durable; since the batch is the same, the ledger stores it once (C2).
    pub(crate) fn retrying(&self, closing: &CancellationToken) -> Self {
        Self { retry_until: Some(closing.clone()), ..self.clone() }
    }

    /// Publishes a part alone, in a new task.
    pub(crate) fn spawn(&self, id: Option<BatchId>, part: Part) {
        let publisher = self.clone();
        tokio::spawn(async move { publisher.publish_parts(id, vec![part]).await });
    }

    /// Publishes the parts as one batch, or as several beyond its limits, and sends each caller the result.
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
                // All run to completion, even if one fails.
                let results = futures::future::join_all(batches.map(|batch| self.publish(batch))).await;
                results.into_iter().collect()
            }
        };
        for (done, reservation) in waiting {
            // Released before the reply, so that the caller finds the capacity returned.
            drop(reservation);
            // The caller may be gone.
            let _ = done.send(result.clone());
        }
    }

    /// Sets the record ids and the common time of receipt.
    fn seal(&self, id: Option<BatchId>, producer: Text, mut records: Vec<Record>) -> Batch {
        let observed_time = self.clock.now();
        let first = RecordId::base((observed_time / 1_000_000).unsigned_abs(), rand::random());
        for (place, record) in records.iter_mut().enumerate() {
            record.id = first.nth(place);
            record.observed_time = observed_time;
        }
        // The server's own batch ids increase with time, which keeps inserts into the ledger's index local.
        let own = BatchId(first.to_bytes());
        Batch { id: id.unwrap_or(own), client_id: id.is_some(), producer, observed_time, records }
    }

    /// Publishes one batch and waits until it is durable.
    pub(crate) async fn publish(&self, batch: Batch) -> Result<()> {
        let batch = Arc::new(batch);
        let Some(closing) = &self.retry_until else { return self.publish_once(&batch).await };
        let mut backoff = Backoff::of_stage();
        loop {
            match self.publish_once(&batch).await {
                Err(error) if error.is_retryable() && !closing.is_cancelled() => {
                    let wait = error.retry_after.unwrap_or_else(|| backoff.next());
                    // After close, there is one last try.
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
            // A retrying publisher has no timeout before close: an abandoned publish could still complete, concurrently
            // with its retry.
            if let Some(closing) = &self.retry_until {
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
            Ok(()) => {
                self.meters.published(records, started.elapsed());
                if let Some(loss_ledger) = &self.loss_ledger {
                    loss_ledger.received(batch);
                }
            }
            Err(error) => self.meters.failed(id, records, error),
        }
        result
    }
}

/// Splits records into runs that each fit a batch.
fn split(records: Vec<Record>) -> Vec<Vec<Record>> {
    split_by(records, limits::RECORDS_PER_BATCH, ADMITTED_WEIGHT)
}

/// Splits records into runs of at most `most_records` and `most_weight`; each run has at least one record.
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
