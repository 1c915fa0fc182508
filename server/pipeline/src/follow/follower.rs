//! The loop of one follower: read, send, acknowledge, retry.

use std::{collections::HashSet, sync::Arc, time::Duration};

use model::{Nanos, Position, StoredRecord};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Definition, Outgoing, Refused, Sink, Start,
    cursor::Cursor,
    letters::dead_letters,
    source::{Found, Source},
    status::{FollowerState, Shared},
};
use crate::{Documents, ErrorClass, Lease, Leases, Result, backoff::Backoff, clock::Clock, hold};

/// How long the lease lasts without a renewal.
const LEASE: Duration = Duration::from_secs(15);
/// How often a node tries to take over from another one.
const TAKE_OVER: Duration = Duration::from_secs(5);
/// Small batches are gathered for this long after the batch before them, so that each costs one request.
const GATHER: Duration = Duration::from_millis(200);
/// A batch of this size does not wait.
const ENOUGH: usize = 1000;
/// A cursor that passed only records that do not match is stored this often.
const PASSED: Duration = Duration::from_secs(10);
/// Backoff while a destination does not acknowledge.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Follower {
    pub(super) definition: Definition,
    pub(super) source: Source,
    pub(super) documents: Arc<dyn Documents>,
    pub(super) leases: Arc<dyn Leases>,
    pub(super) clock: Clock,
    pub(super) holder: String,
    /// The names of the paused sinks; `None` until they are known.
    pub(super) paused: watch::Receiver<Option<HashSet<String>>>,
    pub(super) status: Arc<Shared>,
}

/// One turn under the lease.
struct Turn<'a> {
    follower: &'a mut Follower,
    lease: Lease,
    cursor: Cursor,
    sink: Box<dyn Sink>,
    /// The sink must be opened before the next batch.
    is_closed: bool,
    /// When a cursor without a batch was last stored.
    stored: Instant,
}

impl Follower {
    /// Runs until `stop`.
    pub(super) async fn run(&mut self, stop: &CancellationToken) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        while !stop.is_cancelled() {
            let name = format!("sink {}", self.definition.name);
            let (leases, holder) = (Arc::clone(&self.leases), self.holder.clone());
            let held = hold(&*leases, &name, &holder, LEASE, async |lease| {
                // Ends the turn, and not the task, so that the lease is given back.
                tokio::select! {
                    () = stop.cancelled() => Ok(()),
                    outcome = self.turn(lease) => outcome,
                }
            });
            let wait = match held.await {
                Ok(Some(Ok(()))) => continue,
                Ok(None) => {
                    self.status.change(|progress| {
                        progress.state = FollowerState::Elsewhere;
                        progress.at = None;
                    });
                    backoff.reset();
                    TAKE_OVER
                }
                Ok(Some(Err(error))) if error.class == ErrorClass::Invalid => {
                    tracing::error!(sink = self.definition.name, "{error}");
                    self.status.change(|progress| {
                        progress.state = FollowerState::Refused;
                        progress.error = Some(error.message.clone());
                    });
                    return stop.cancelled().await;
                }
                Ok(Some(Err(error))) | Err(error) => {
                    self.status.failed(&error);
                    backoff.next()
                }
            };
            let _ = stop.run_until_cancelled(sleep(wait)).await;
        }
    }

    /// Follows while the lease is held.
    async fn turn(&mut self, lease: Lease) -> Result<()> {
        let cursor = match Cursor::load(&*self.documents, &self.definition).await? {
            Some(cursor) => cursor,
            None => {
                let start = match self.definition.start {
                    Start::Oldest => Position(i64::MIN),
                    Start::Now => self.source.store.newest().await?,
                };
                let cursor = Cursor::new(&self.definition, start);
                cursor.store(&*self.documents, &self.definition.name, &lease).await?;
                cursor
            }
        };
        let sink = (self.definition.build)()?;
        let mut turn = Turn { follower: self, lease, cursor, sink, is_closed: true, stored: Instant::now() };
        turn.show();
        turn.follow().await
    }
}

impl Turn<'_> {
    async fn follow(&mut self) -> Result<()> {
        let mut ahead = None;
        loop {
            self.wait_while_paused().await;
            let found = match (self.cursor.sending(), ahead.take()) {
                (Some(upto), _) => self.follower.source.again(self.cursor.position(), upto).await?,
                (None, Some(found)) => found,
                (None, None) => self.next().await?,
            };
            ahead = self.deliver(found).await?;
        }
    }

    async fn wait_while_paused(&mut self) {
        let Follower { definition, paused, status, .. } = &mut *self.follower;
        let is_paused =
            |paused: &Option<HashSet<String>>| paused.as_ref().is_none_or(|names| names.contains(&definition.name));
        if is_paused(&paused.borrow()) {
            let is_known = paused.borrow().is_some();
            status.change(|progress| {
                progress.state = if is_known { FollowerState::Paused } else { FollowerState::Starting };
            });
            if paused.wait_for(|paused| !is_paused(paused)).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        status.change(|progress| progress.state = FollowerState::Following);
    }

    /// Waits for new records, and reads a batch of them.
    async fn next(&mut self) -> Result<Found> {
        let after = self.cursor.position();
        self.follower.status.change(|progress| progress.waiting_since = None);
        self.follower.source.live.wait_after(after).await;
        self.follower.source.next(after).await
    }

    /// Sends a batch until it is acknowledged, moves the cursor, and returns the batch after it if there is one.
    async fn deliver(&mut self, found: Found) -> Result<Option<Found>> {
        let begun = Instant::now();
        let upto = found.upto;
        if found.records.is_empty() {
            self.cursor.advance(upto);
            if self.stored.elapsed() >= PASSED {
                self.store().await?;
            }
            self.show();
            return Ok(None);
        }
        if self.cursor.sending() != Some(upto) {
            self.cursor.set_sending(Some(upto));
            self.store().await?;
        }
        let oldest = found.records.first().map(admitted);
        self.follower.status.change(|progress| progress.waiting_since = oldest);
        let (records, is_small) = (found.records.len(), found.records.len() < ENOUGH);
        let refused = self.send(found.records).await?;
        dead_letters(&*self.follower.source.store, &self.follower.definition.name, &refused).await?;
        let lost = refused.len() as u64;
        self.cursor.records += records as u64 - lost;
        self.cursor.refused += lost;
        self.cursor.advance(upto);
        if is_small {
            sleep_until(begun + GATHER).await;
        }
        // The end of the next batch is stored together with the end of this one.
        let ahead = self.follower.source.next(upto).await?;
        let ahead = (!ahead.records.is_empty()).then_some(ahead);
        self.cursor.set_sending(ahead.as_ref().map(|found| found.upto));
        self.store().await?;
        self.follower.status.delivered(records as u64 - lost, lost, self.follower.clock.now());
        self.show();
        Ok(ahead)
    }

    /// Sends all records; returns those that were refused, with the reasons.
    async fn send(&mut self, records: Vec<StoredRecord>) -> Result<Vec<(StoredRecord, String)>> {
        let mut refused = Vec::new();
        // The parts still to send, the next one last. A part that is refused as a whole is halved.
        let mut parts = vec![records];
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        while let Some(records) = parts.pop() {
            let batch = Outgoing::new(&self.follower.definition.name, records);
            match self.attempt(&batch).await {
                Ok(some) => {
                    backoff.reset();
                    for Refused { index, reason } in some {
                        refused.extend(batch.records.get(index).cloned().map(|stored| (stored, reason)));
                    }
                }
                Err(error) if error.class == ErrorClass::Invalid => {
                    let mut records = batch.records;
                    let half = records.split_off(records.len() / 2);
                    if records.is_empty() {
                        refused.extend(half.into_iter().map(|stored| (stored, error.message.clone())));
                    } else {
                        parts.extend([half, records]);
                    }
                }
                Err(error) => {
                    self.is_closed = true;
                    self.follower.status.failed(&error);
                    parts.push(batch.records);
                    sleep(error.retry_after.unwrap_or_default().max(backoff.next())).await;
                    self.wait_while_paused().await;
                }
            }
        }
        Ok(refused)
    }

    async fn attempt(&mut self, batch: &Outgoing) -> Result<Vec<Refused>> {
        if self.is_closed {
            self.sink.open(self.cursor.mark.as_deref()).await?;
            self.is_closed = false;
        }
        let sent = self.sink.send(batch).await?;
        self.cursor.mark = sent.mark;
        Ok(sent.refused)
    }

    async fn store(&mut self) -> Result<()> {
        let Follower { documents, definition, .. } = &*self.follower;
        self.cursor.store(&**documents, &definition.name, &self.lease).await?;
        self.stored = Instant::now();
        Ok(())
    }

    fn show(&self) {
        let Cursor { records, refused, .. } = self.cursor;
        let at = self.cursor.position();
        self.follower.status.change(|progress| {
            progress.at = Some(at);
            progress.records = records;
            progress.refused = refused;
        });
    }
}

/// When the record was admitted, in nanoseconds.
fn admitted(stored: &StoredRecord) -> Nanos {
    Nanos::try_from(stored.record.id.unix_millis()).unwrap_or(0).saturating_mul(1_000_000)
}
