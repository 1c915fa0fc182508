//! The consume stage: from the queue to the store.
//!
//! One loop: receive what is there, store it in one transaction, acknowledge. A store
//! that is away is waited for with the deliveries in hand, and nothing more is received
//! meanwhile; the queue is where things wait. Deliveries that fail as data are halved
//! until the one at fault stands alone; it becomes a dead letter and the others are
//! stored (C5, C6). Nothing but the stop signal ends the loop.
//!
//! A panic of an engine is an error like others. A panic of the stage itself ends the loop,
//! and the supervisor begins it again: what was in hand is given back to the queue first, and
//! the ledger knows what of it was stored (C2).

use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures::FutureExt as _;
use tokio::{sync::Mutex, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    Batch, BatchId, Content, Delivery, Error, ErrorClass, LogStore, NewDeadLetter, Queue, Receipt, Result, Supervisor,
    backoff::Backoff,
    envelope,
    events::{
        AcknowledgeFailed, AppendFailed, AppendMeters, ConsumeStopped, DeliveryBuried, DeliverySetAside, ReceiveFailed,
    },
};

/// The records of one store transaction, about: enough to make its fixed cost small,
/// and few enough for a short wait and a bounded memory.
const RECORDS: usize = 50_000;

/// How long a store that is away is waited for once the stop signal has come.
const LAST_CHANCE: Duration = Duration::from_secs(5);

/// How often a failure that says "fault of the program" is tried again as it is: it may
/// have been a passing one, and dead letters are work for people.
const SECOND_LOOKS: u32 = 2;

/// Stores what the queue delivers and acknowledges it, until told to stop; what was
/// received by then is finished, or given back where the store stays away.
pub async fn run(queue: Arc<dyn Queue>, store: Arc<dyn LogStore>, stop: CancellationToken, supervisor: Supervisor) {
    let consumer = Mutex::new(Consumer {
        queue,
        store,
        stop: stop.clone(),
        meters: AppendMeters::register(),
        in_hand: Vec::new(),
        set_aside: HashSet::new(),
        released: 0,
    });
    supervisor.run("consume", &stop, || async { consumer.lock().await.consume().await }).await;
    ConsumeStopped { released: consumer.into_inner().released }.emit();
}

struct Consumer {
    queue: Arc<dyn Queue>,
    store: Arc<dyn LogStore>,
    stop: CancellationToken,
    meters: AppendMeters,
    /// What was received and is not yet dealt with, for the time after a panic.
    in_hand: Vec<Receipt>,
    /// Batches that could not even be buried, so that each is counted once.
    set_aside: HashSet<Receipt>,
    released: usize,
}

/// What became of a call to the store.
enum Outcome<T> {
    Done(T),
    /// The data is at fault.
    Refused(Error),
    /// The store stayed away until the last chance had passed.
    GivenUp,
}

impl Consumer {
    /// The loop, until the stop signal.
    async fn consume(&mut self) {
        self.give_back().await;
        let mut backoff = Backoff::of_stage();
        loop {
            // The stop signal first: a full queue must not keep the loop from seeing it.
            let received = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                received = guarded(self.queue.receive(RECORDS)) => received,
            };
            match received {
                Ok(deliveries) => {
                    backoff.reset();
                    self.in_hand = receipts(&deliveries).collect();
                    self.store(deliveries).await;
                    self.in_hand.clear();
                }
                Err(error) => {
                    let wait = backoff.next();
                    ReceiveFailed { error: &error, wait }.emit();
                    // Cut short by the stop signal, which the next turn sees.
                    let _ = tokio::time::timeout(wait, self.stop.cancelled()).await;
                }
            }
        }
    }

    /// Releases what a loop that has panicked had in hand. The queue leaves out what is
    /// acknowledged already.
    async fn give_back(&mut self) {
        let in_hand = std::mem::take(&mut self.in_hand);
        if in_hand.is_empty() {
            return;
        }
        if let Err(error) = guarded(self.queue.release(&in_hand)).await {
            AcknowledgeFailed { error: &error, deliveries: in_hand.len() }.emit();
        }
    }

    async fn store(&mut self, mut deliveries: Vec<Delivery>) {
        deliveries.retain(|delivery| !self.set_aside.contains(&delivery.receipt));
        // Halves still to be stored; the last one is next, so that order is kept.
        let mut parts = vec![deliveries.as_slice()];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            match self.append(part).await {
                Outcome::Done(()) => self.acknowledge(part).await,
                Outcome::Refused(error) => match part {
                    [delivery] => self.bury(delivery, &error).await,
                    several => {
                        let (first, second) = several.split_at(several.len() / 2);
                        parts.extend([second, first]);
                    }
                },
                Outcome::GivenUp => {
                    parts.push(part);
                    let receipts: Vec<_> = parts.iter().rev().flat_map(|part| receipts(part)).collect();
                    self.released += receipts.len();
                    if let Err(error) = guarded(self.queue.release(&receipts)).await {
                        AcknowledgeFailed { error: &error, deliveries: receipts.len() }.emit();
                    }
                    return;
                }
            }
        }
    }

    async fn append(&self, part: &[Delivery]) -> Outcome<()> {
        let started = Instant::now();
        match self.persist(part.len(), || self.store.append(part)).await {
            Outcome::Done(appended) => {
                self.meters.appended(&appended, started.elapsed());
                Outcome::Done(())
            }
            Outcome::Refused(error) => Outcome::Refused(error),
            Outcome::GivenUp => Outcome::GivenUp,
        }
    }

    /// Calls the store until it answers for good.
    async fn persist<T, F>(&self, deliveries: usize, call: impl Fn() -> F) -> Outcome<T>
    where
        F: Future<Output = Result<T>>,
    {
        let mut backoff = Backoff::of_stage();
        let mut second_looks = SECOND_LOOKS;
        let mut last_chance = None;
        loop {
            let error = match guarded(call()).await {
                Ok(done) => return Outcome::Done(done),
                Err(error) => error,
            };
            match error.class {
                ErrorClass::Overloaded | ErrorClass::Unavailable => {}
                ErrorClass::Internal if second_looks > 0 => second_looks -= 1,
                _ => {
                    AppendFailed { error: &error, deliveries, next: "looking for the delivery at fault" }.emit();
                    return Outcome::Refused(error);
                }
            }
            if self.stop.is_cancelled() {
                let until = *last_chance.get_or_insert_with(|| Instant::now() + LAST_CHANCE);
                if Instant::now() >= until {
                    AppendFailed { error: &error, deliveries, next: "giving the deliveries back to the queue" }.emit();
                    return Outcome::GivenUp;
                }
            }
            AppendFailed { error: &error, deliveries, next: "trying again" }.emit();
            self.wait(backoff.next()).await;
        }
    }

    /// Waits, but not long once the stop signal has come.
    async fn wait(&self, time: Duration) {
        if self.stop.is_cancelled() {
            tokio::time::sleep(time.min(LAST_CHANCE / 10)).await;
        } else {
            let _ = tokio::time::timeout(time, self.stop.cancelled()).await;
        }
    }

    async fn acknowledge(&self, part: &[Delivery]) {
        let receipts: Vec<_> = receipts(part).collect();
        if let Err(error) = guarded(self.queue.acknowledge(&receipts)).await {
            AcknowledgeFailed { error: &error, deliveries: receipts.len() }.emit();
        }
    }

    /// Makes a dead letter of a delivery that cannot be stored.
    async fn bury(&mut self, delivery: &Delivery, reason: &Error) {
        let letter = dead_letter(delivery, reason);
        let records = letter.records as usize;
        let letters = [letter];
        match self.persist(1, || self.store.put_dead_letters(&letters)).await {
            Outcome::Done(()) => {
                DeliveryBuried { receipt: delivery.receipt, records, error: reason }.emit();
                self.acknowledge(std::slice::from_ref(delivery)).await;
            }
            Outcome::Refused(error) => {
                DeliverySetAside { receipt: delivery.receipt, records, error: &error }.emit();
                self.set_aside.insert(delivery.receipt);
            }
            Outcome::GivenUp => {
                self.released += 1;
                if let Err(error) = guarded(self.queue.release(&[delivery.receipt])).await {
                    AcknowledgeFailed { error: &error, deliveries: 1 }.emit();
                }
            }
        }
    }
}

/// A panic in an engine is a failure like others: it must not end the loop.
async fn guarded<T>(call: impl Future<Output = Result<T>>) -> Result<T> {
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
            // Under a new id, so that its replay is not taken for a redelivery of what
            // the ledger may know by the old one, and may itself be repeated safely.
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
