//! The consume stage: from the queue to the store.
//!
//! One loop: receive the available deliveries, store them in one transaction, acknowledge. While the store is
//! unavailable, the loop retries with the same deliveries and receives no more; the backlog stays in the queue. After
//! some seconds it returns the deliveries to the queue, because another node may still reach the store. A
//! transaction refused because of its data is bisected down to the invalid delivery, which becomes a dead letter; the
//! others are stored (C5, C6). Only the stop signal ends the loop.
//!
//! A panic of an engine counts as an error. After a panic of the stage itself, the supervisor restarts the loop: it
//! releases the pending deliveries to the queue first, and the ledger knows which of them are already stored (C2).

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    Batch, BatchId, Content, Delivery, Error, ErrorClass, LogStore, NewDeadLetter, Queue, Receipt, Result, Supervisor,
    backoff::Backoff,
    envelope,
    events::{
        AcknowledgeFailed, AppendFailed, AppendMeters, ConsumeStopped, DeliveriesReturned, DeliveryBuried,
        DeliverySetAside, ReceiveFailed,
    },
    loss_ledger::LossLedger,
};

/// The approximate number of records per store transaction: large enough to amortise its fixed cost, small enough for
/// short waits and bounded memory.
const RECORDS: usize = 50_000;

/// The time limit for holding deliveries while the store is unavailable. It is below the slack that the loss ledger
/// gives a RabbitMQ queue.
const HOLD: Duration = Duration::from_secs(5);

/// The time to retry an unavailable store after the stop signal.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// The number of retries after an internal error, which may be transient: a dead letter needs an operator.
const INTERNAL_RETRIES: u32 = 2;

/// Stores and acknowledges the deliveries of the queue until `stop` is cancelled. Deliveries received by then are
/// stored, or released if the store stays unavailable. What is not stored is noted in the loss ledger.
pub async fn run(
    queue: Arc<dyn Queue>,
    store: Arc<dyn LogStore>,
    loss_ledger: LossLedger,
    stop: CancellationToken,
    supervisor: Supervisor,
) {
    let consumer = Mutex::new(Consumer {
        queue,
        store,
        loss_ledger,
        stop: stop.clone(),
        meters: AppendMeters::register(),
        pending: Vec::new(),
        set_aside: HashSet::new(),
        is_store_away: false,
        released: 0,
    });
    supervisor.run("consume", &stop, || async { consumer.lock().await.consume().await }).await;
    ConsumeStopped { released: consumer.into_inner().released }.emit();
}

struct Consumer {
    queue: Arc<dyn Queue>,
    store: Arc<dyn LogStore>,
    loss_ledger: LossLedger,
    stop: CancellationToken,
    meters: AppendMeters,
    /// Deliveries received and not yet settled; released after a panic.
    pending: Vec<Receipt>,
    /// Deliveries that could not even become dead letters, so that each is counted once.
    set_aside: HashSet<Receipt>,
    /// Deliveries were returned because the store was unavailable. Nothing is received until it is back.
    is_store_away: bool,
    /// Deliveries returned after the stop signal.
    released: usize,
}

/// The result of a call to the store.
enum Outcome<T> {
    Done(T),
    /// The data is invalid.
    Refused(Error),
    /// The store was unavailable for too long.
    GivenUp,
}

impl Consumer {
    /// Runs the loop until the stop signal.
    async fn consume(&mut self) {
        self.release_pending().await;
        let mut backoff = Backoff::of_stage();
        loop {
            if !self.until_store_is_back().await {
                return;
            }
            // The stop signal is polled first: otherwise a full queue could hide it.
            let received = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                received = catch_panic(self.queue.receive(RECORDS)) => received,
            };
            match received {
                Ok(deliveries) => {
                    backoff.reset();
                    self.pending = receipts(&deliveries).collect();
                    self.store(deliveries).await;
                    self.pending.clear();
                }
                Err(error) => {
                    let wait = backoff.next();
                    ReceiveFailed { error: &error, wait }.emit();
                    // The stop signal ends the wait; the next iteration handles it.
                    let _ = tokio::time::timeout(wait, self.stop.cancelled()).await;
                }
            }
        }
    }

    /// Releases the deliveries that were pending at a panic. The queue skips those already acknowledged.
    async fn release_pending(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        if !pending.is_empty() {
            self.release(&pending).await;
        }
    }

    async fn store(&mut self, mut deliveries: Vec<Delivery>) {
        deliveries.retain(|delivery| !self.set_aside.contains(&delivery.receipt));
        // Halves still to be stored. The last one is next, which keeps the order.
        let mut parts = vec![deliveries.as_slice()];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.append(part).await {
                Outcome::Done(()) => self.acknowledge(part).await,
                Outcome::Refused(error) => match part {
                    [delivery] => self.write_dead_letter(delivery, &error).await,
                    several => {
                        let (first, second) = several.split_at(several.len() / 2);
                        parts.extend([second, first]);
                    }
                },
                Outcome::GivenUp => {
                    parts.push(part);
                    let receipts: Vec<_> = parts.iter().rev().flat_map(|part| receipts(part)).collect();
                    return self.give_up(&receipts).await;
                }
            }
        }
    }

    async fn append(&self, part: &[Delivery]) -> Outcome<()> {
        let started = Instant::now();
        match self.retry(part.len(), || self.store.append(part)).await {
            Outcome::Done(appended) => {
                self.meters.appended(&appended, started.elapsed());
                self.loss_ledger.appended(&appended);
                Outcome::Done(())
            }
            Outcome::Refused(error) => Outcome::Refused(error),
            Outcome::GivenUp => Outcome::GivenUp,
        }
    }

    /// Returns deliveries to the queue because the store was unavailable for too long.
    async fn give_up(&mut self, receipts: &[Receipt]) {
        if self.stop.is_cancelled() {
            self.released += receipts.len();
        } else {
            self.is_store_away = true;
            DeliveriesReturned { deliveries: receipts.len() }.emit();
        }
        self.release(receipts).await;
    }

    /// Releases deliveries to the queue.
    async fn release(&self, receipts: &[Receipt]) {
        if let Err(error) = catch_panic(self.queue.release(receipts)).await {
            AcknowledgeFailed { error: &error, deliveries: receipts.len() }.emit();
        }
    }

    /// Waits until the store answers again after deliveries were returned. Returns false after the stop signal.
    async fn until_store_is_back(&mut self) -> bool {
        let mut backoff = Backoff::of_stage();
        while self.is_store_away {
            if catch_panic(self.store.newest()).await.is_ok() {
                self.is_store_away = false;
            } else if self.stop.run_until_cancelled(tokio::time::sleep(backoff.next())).await.is_none() {
                return false;
            }
        }
        true
    }

    /// Calls the store until it succeeds or fails permanently, or was unavailable for too long.
    async fn retry<T, F>(&self, deliveries: usize, call: impl Fn() -> F) -> Outcome<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut backoff = Backoff::of_stage();
        let mut internal_retries = INTERNAL_RETRIES;
        let mut shutdown_deadline = None;
        let hold_deadline = Instant::now() + HOLD;
        loop {
            let error = match catch_panic(call()).await {
                Ok(done) => return Outcome::Done(done),
                Err(error) => error,
            };
            match error.class {
                ErrorClass::Overloaded | ErrorClass::Unavailable => {}
                ErrorClass::Internal if internal_retries > 0 => internal_retries -= 1,
                _ => {
                    AppendFailed { error: &error, deliveries, next: "bisecting to find the invalid delivery" }.emit();
                    return Outcome::Refused(error);
                }
            }
            let deadline = if self.stop.is_cancelled() {
                *shutdown_deadline.get_or_insert_with(|| Instant::now() + SHUTDOWN_TIMEOUT)
            } else {
                hold_deadline
            };
            if Instant::now() >= deadline {
                AppendFailed { error: &error, deliveries, next: "releasing the deliveries to the queue" }.emit();
                return Outcome::GivenUp;
            }
            AppendFailed { error: &error, deliveries, next: "retrying" }.emit();
            self.wait(backoff.next()).await;
        }
    }

    /// Waits; only shortly after the stop signal.
    async fn wait(&self, time: Duration) {
        if self.stop.is_cancelled() {
            tokio::time::sleep(time.min(SHUTDOWN_TIMEOUT / 10)).await;
        } else {
            let _ = tokio::time::timeout(time, self.stop.cancelled()).await;
        }
    }

    async fn acknowledge(&self, part: &[Delivery]) {
        let receipts: Vec<_> = receipts(part).collect();
        if let Err(error) = catch_panic(self.queue.acknowledge(&receipts)).await {
            AcknowledgeFailed { error: &error, deliveries: receipts.len() }.emit();
        }
    }

    /// Writes a dead letter for a delivery that cannot be stored.
    async fn write_dead_letter(&mut self, delivery: &Delivery, reason: &Error) {
        let letter = dead_letter(delivery, reason);
        let records = letter.records as usize;
        let letters = [letter];
        match self.retry(1, || self.store.put_dead_letters(&letters)).await {
            Outcome::Done(()) => {
                DeliveryBuried { receipt: delivery.receipt, records, error: reason }.emit();
                if let Content::Batch(batch) = &delivery.content {
                    self.loss_ledger.buried(batch);
                }
                self.acknowledge(std::slice::from_ref(delivery)).await;
            }
            Outcome::Refused(error) => {
                DeliverySetAside { receipt: delivery.receipt, records, error: &error }.emit();
                self.set_aside.insert(delivery.receipt);
            }
            Outcome::GivenUp => self.give_up(&[delivery.receipt]).await,
        }
    }
}

/// Turns a panic of an engine into an error, so that it does not end the loop.
async fn catch_panic<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
    let panicked = |_| Err(Error::internal("the engine panicked"));
    AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(panicked)
}

fn receipts(part: &[Delivery]) -> impl Iterator<Item = Receipt> {
    part.iter().map(|delivery| delivery.receipt)
}

fn dead_letter(delivery: &Delivery, reason: &Error) -> NewDeadLetter {
    match &delivery.content {
        Content::Batch(batch) => NewDeadLetter {
            reason: reason.message.clone(),
            producer: batch.producer.to_string(),
            batch_id: Some(batch.id),
            // Under a new id: its replay must not count as a redelivery of a batch in the ledger, and may be repeated
            // safely.
            payload: envelope::encode(&Batch {
                id: BatchId(rand::random()),
                client_id: true,
                ..batch.as_ref().clone()
            }),
            records: batch.records.len() as u32,
        },
        Content::Undecodable { bytes, reason } => NewDeadLetter {
            reason: reason.clone(),
            producer: String::new(),
            batch_id: None,
            payload: bytes.clone(),
            records: 0,
        },
    }
}
