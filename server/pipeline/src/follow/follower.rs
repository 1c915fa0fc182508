//! The loop of one follower: read, send, acknowledge, retry.

use std::{collections::HashSet, sync::Arc, time::Duration};

use model::{Nanos, Position, StoredRecord};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Definition, Outgoing, Start,
    ahead::prepared,
    attempts::{ENOUGH, FIRST_WAIT, GATHER, Halving, LAST_STORE, LONGEST_WAIT, Opened, Refusal},
    cursor::Cursor,
    letters::dead_letters,
    retries::Retries,
    source::{Found, Source},
    status::{FollowerState, Shared},
};
use crate::{Documents, ErrorClass, Lease, Leases, Result, backoff::Backoff, clock::Clock, hold};

/// How long the lease lasts without a renewal.
const LEASE: Duration = Duration::from_secs(15);
/// The interval at which a node tries to take over from another one.
const TAKE_OVER: Duration = Duration::from_secs(5);
/// A cursor that passed only records that do not match is stored this often.
const PASSED: Duration = Duration::from_secs(10);

pub(super) struct Follower {
    pub(super) definition: Definition,
    pub(super) source: Source,
    pub(super) documents: Arc<dyn Documents>,
    pub(super) leases: Arc<dyn Leases>,
    pub(super) clock: Clock,
    pub(super) holder: String,
    /// The newest position when the followers were started, before any client was answered.
    pub(super) newest: Position,
    /// The names of the paused sinks; `None` until they are known.
    pub(super) paused: watch::Receiver<Option<HashSet<String>>>,
    pub(super) status: Arc<Shared>,
}

/// One turn under the lease.
struct Turn<'a> {
    follower: &'a mut Follower,
    lease: Lease,
    cursor: Cursor,
    sink: Opened,
    /// The cursor has moved since it was last stored.
    has_moved: bool,
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
            let begun = Instant::now();
            // The turn ends at the stop, and not the task, so that the lease is given back.
            let held = hold(&*leases, &name, &holder, LEASE, async |lease| self.turn(lease, stop).await).await;
            if begun.elapsed() > LEASE {
                backoff.reset();
            }
            let wait = match held {
                Ok(Some(Ok(()))) => continue,
                Ok(None) => {
                    self.status.change(|progress| {
                        progress.state = FollowerState::Elsewhere;
                        (progress.at, progress.waiting_since, progress.error) = (None, None, None);
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

    /// Follows while the lease is held, until `stop`.
    async fn turn(&mut self, lease: Lease, stop: &CancellationToken) -> Result<()> {
        let Some(turn) = stop.run_until_cancelled(self.begin(lease)).await else { return Ok(()) };
        let mut turn = turn?;
        let outcome = stop.run_until_cancelled(turn.follow()).await.unwrap_or(Ok(()));
        // Otherwise what was acknowledged last would be sent again.
        if turn.has_moved
            && let Ok(Err(error)) = timeout(LAST_STORE, turn.store()).await
        {
            tracing::debug!(sink = turn.follower.definition.name, "cannot store the cursor: {error}");
        }
        outcome
    }

    async fn begin(&mut self, lease: Lease) -> Result<Turn<'_>> {
        let cursor = match Cursor::load(&*self.documents, &self.definition).await? {
            Some(cursor) => cursor,
            None => {
                let start = match self.definition.start {
                    Start::Oldest => Position(i64::MIN),
                    Start::Now => self.newest,
                };
                let cursor = Cursor::new(&self.definition, start);
                cursor.store(&*self.documents, &self.definition.name, &lease).await?;
                cursor
            }
        };
        let sink = Opened::new((self.definition.build)()?);
        let turn = Turn { follower: self, lease, cursor, sink, has_moved: false, stored: Instant::now() };
        turn.show();
        Ok(turn)
    }
}

impl Turn<'_> {
    async fn follow(&mut self) -> Result<()> {
        let mut ahead = None;
        loop {
            self.wait_while_paused().await;
            let found = match (ahead.take(), self.cursor.sending()) {
                (Some(found), _) => found,
                (None, Some(upto)) => self.follower.source.again(self.cursor.position(), upto).await?,
                (None, None) => {
                    let mut paused = self.follower.paused.clone();
                    let name = self.follower.definition.name.clone();
                    // The records that end the wait must not be sent if the sink was paused meanwhile.
                    tokio::select! {
                        biased;
                        Ok(_) = paused.wait_for(|names| names.as_ref().is_none_or(|names| names.contains(&name))) => {
                            continue;
                        }
                        found = self.next() => found?,
                    }
                }
            };
            ahead = self.deliver(found).await?;
        }
    }

    async fn wait_while_paused(&mut self) {
        let Follower { definition, source, paused, status, .. } = &mut *self.follower;
        loop {
            let state = match &*paused.borrow_and_update() {
                None => FollowerState::Starting,
                Some(names) if names.contains(&definition.name) => FollowerState::Paused,
                Some(_) => break,
            };
            status.change(|progress| progress.state = state);
            tokio::select! {
                Ok(()) = paused.changed() => {}
                () = show_waiting(source, self.cursor.position(), status) => {}
            }
        }
        status.change(|progress| {
            let is_failing = progress.error.is_some();
            progress.state = if is_failing { FollowerState::Failing } else { FollowerState::Following };
        });
    }

    /// Waits for new records, and reads a batch of them.
    async fn next(&mut self) -> Result<Found> {
        let after = self.cursor.position();
        let Follower { source, status, .. } = &mut *self.follower;
        if source.live.newest().is_none_or(|newest| newest <= after) {
            status.idle();
            source.live.wait_after(after).await;
        }
        source.next(after).await
    }

    /// Sends a batch until it is acknowledged, moves the cursor, and returns the batch after it if there is one.
    ///
    /// With a backlog, the next batch is read and prepared meanwhile, so a sink holds up to two batches in memory, each
    /// also in the form in which it is sent.
    async fn deliver(&mut self, found: Found) -> Result<Option<Found>> {
        let begun = Instant::now();
        let upto = found.upto;
        if found.records.is_empty() {
            self.advance(upto);
            self.follower.status.change(|progress| progress.waiting_since = None);
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
        let mut source = found.is_full().then(|| self.follower.source.take());
        let (preparer, name) = (self.sink.preparer(), self.follower.definition.name.clone());
        let read_meanwhile = async {
            Some(match source.as_mut()?.next(upto).await {
                Ok(found) => prepared(preparer, &name, found).await,
                Err(error) => Err(error),
            })
        };
        let (refused, read_meanwhile) = tokio::join!(self.send(found.records), read_meanwhile);
        let refused = refused?;
        if let Some(source) = source {
            self.follower.source = source;
        }
        dead_letters(&*self.follower.source.store, &self.follower.definition.name, &refused).await?;
        let lost = refused.len() as u64;
        self.cursor.records += records as u64 - lost;
        self.cursor.refused += lost;
        self.advance(upto);
        if is_small {
            sleep_until(begun + GATHER).await;
        }
        // The end of the next batch is stored together with the end of this one.
        let ahead = match read_meanwhile {
            Some(Ok(ahead)) => ahead,
            Some(Err(_)) | None => self.follower.source.next(upto).await?,
        };
        let ahead = if ahead.records.is_empty() {
            self.advance(ahead.upto);
            None
        } else {
            self.cursor.set_sending(Some(ahead.upto));
            Some(ahead)
        };
        self.store().await?;
        self.follower.status.delivered(records as u64 - lost, lost, self.follower.clock.now());
        self.show();
        Ok(ahead)
    }

    /// Sends all records; returns those that were refused, with the reasons.
    async fn send(&mut self, records: Vec<StoredRecord>) -> Result<Vec<Refusal>> {
        let name = self.follower.definition.name.clone();
        let mut halving = Halving::new(&name, Outgoing::new(&name, records));
        let mut retries = Retries::new();
        while let Some(batch) = halving.next() {
            let begun = Instant::now();
            match self.sink.send(batch, &mut self.cursor.mark).await {
                Ok(refused) => {
                    retries.reset();
                    halving.acknowledge(refused);
                }
                Err(error) if error.class == ErrorClass::Invalid => halving.refuse(&error.message),
                Err(error) => {
                    self.follower.status.failed(&error);
                    sleep(retries.after(&error, begun.elapsed())).await;
                    self.wait_while_paused().await;
                }
            }
        }
        Ok(halving.into_refused())
    }

    async fn store(&mut self) -> Result<()> {
        let Follower { documents, definition, .. } = &*self.follower;
        self.cursor.store(&**documents, &definition.name, &self.lease).await?;
        self.stored = Instant::now();
        self.has_moved = false;
        Ok(())
    }

    fn advance(&mut self, upto: Position) {
        self.cursor.advance(upto);
        self.has_moved = true;
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

/// Shows since when the oldest record after `at` waits. Never returns.
async fn show_waiting(source: &mut Source, mut at: Position, status: &Shared) {
    while status.read(|progress| progress.waiting_since.is_none()) {
        source.live.wait_after(at).await;
        match source.next(at).await {
            Ok(found) => {
                at = found.upto;
                let oldest = found.records.first().map(admitted);
                status.change(|progress| progress.waiting_since = oldest);
            }
            Err(_) => sleep(LONGEST_WAIT).await,
        }
    }
    std::future::pending().await
}

/// When the record was admitted, in nanoseconds.
fn admitted(stored: &StoredRecord) -> Nanos {
    Nanos::try_from(stored.record.id.unix_millis()).unwrap_or(0).saturating_mul(1_000_000)
}
