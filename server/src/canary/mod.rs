//! The canary: marked records through each door that is on, which must turn up in a search and in a tail (C10).

mod board;
mod events;
mod probes;
mod records;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::future::join_all;
use model::{Nanos, Position, Query, StoredRecord, TimeRange, api::CanaryView, limits};
use parking_lot::Mutex;
use pipeline::{
    Result, Supervisor,
    clock::Clock,
    live::{LiveEvent, LiveHub},
};
use reading::Reader;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::{board::Board, probes::Probe};
use crate::listeners::Addresses;

/// The service of the records.
const SERVICE: &str = "logboom-canary";
/// The tolerance for the clocks of other nodes, in nanoseconds.
const SLACK: Nanos = 60 * 1_000_000_000;
/// The pause before the tail is opened again.
const AGAIN: Duration = Duration::from_secs(1);
/// The error of a record whose sending a restart of the task has cut off.
const CUT_OFF: &str = "the canary was restarted before the door had answered";

/// The running canary.
pub(crate) struct Canary {
    shared: Arc<Shared>,
}

/// What survives a panic of the tasks.
struct Shared {
    /// Marks the records of this process.
    run: String,
    probes: Vec<Probe>,
    board: Mutex<Board>,
    /// The tail goes on after this position. A tail that began at an older one again would count what it has shown
    /// already as doubled. `None` before the store was reached.
    tailed: Mutex<Option<Position>>,
    reader: Reader,
    live: Arc<LiveHub>,
    clock: Clock,
}

impl Canary {
    /// Starts the tasks `canary` and `canary-tail`.
    pub(crate) async fn start(
        every: Duration,
        addresses: &Addresses,
        reader: Reader,
        live: Arc<LiveHub>,
        supervisor: &Supervisor,
        stop: &CancellationToken,
    ) -> Self {
        events::describe();
        let probes = probes::probes(addresses);
        let board = Mutex::new(Board::new(probes.iter().map(|probe| probe.name().to_owned())));
        // Before the first record is sent. Without it, the tail begins at the newest record when it is opened.
        let tailed = Mutex::new(reader.newest().await.ok());
        let run = format!("{:016x}", rand::random::<u64>());
        Self::run(Shared { run, probes, board, tailed, reader, live, clock: Clock::system() }, every, supervisor, stop)
    }

    fn run(shared: Shared, every: Duration, supervisor: &Supervisor, stop: &CancellationToken) -> Self {
        let shared = Arc::new(shared);
        let (tailing, token) = (Arc::clone(&shared), stop.clone());
        supervisor.spawn("canary-tail", stop.clone(), move || {
            let (shared, stop) = (Arc::clone(&tailing), token.clone());
            async move { shared.tail(&stop).await }
        });
        let (sending, token) = (Arc::clone(&shared), stop.clone());
        supervisor.spawn("canary", stop.clone(), move || {
            let (shared, stop) = (Arc::clone(&sending), token.clone());
            async move { shared.send(every, &stop).await }
        });
        Self { shared }
    }

    /// The outcomes of the records, by door.
    pub(crate) fn views(&self) -> Vec<CanaryView> {
        self.shared.board.lock().views()
    }
}

impl Shared {
    async fn send(&self, every: Duration, stop: &CancellationToken) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            // What was sent in the round before, and all that is still missing.
            if let Err(error) = self.search().await {
                tracing::debug!("the canary cannot search now: {error}");
            }
            self.board.lock().check(self.clock.now());
            let sends = self.probes.iter().enumerate().map(|(door, probe)| self.send_one(door, probe));
            if stop.run_until_cancelled(join_all(sends)).await.is_none() {
                return;
            }
        }
    }

    async fn send_one(&self, door: usize, probe: &Probe) {
        let number = self.board.lock().send(door, self.clock.now());
        let sending = Sending { board: &self.board, number };
        let sent = probe.send(&format!("canary {} {number} by {}", self.run, probe.name())).await;
        sending.ended();
        if let Err(error) = sent {
            tracing::warn!(door = probe.name(), "the canary cannot send: {error:#}");
            self.board.lock().failed(number, format!("{error:#}"));
        }
    }

    async fn search(&self) -> Result<()> {
        let Some(oldest) = self.board.lock().oldest() else { return Ok(()) };
        let range = TimeRange { from: oldest.saturating_sub(SLACK), to: Nanos::MAX };
        let records = self.reader.search(self.query(), range, limits::PAGE_RECORDS, None).await?;
        let mut found: BTreeMap<u64, u64> = BTreeMap::new();
        for number in records.iter().filter_map(|record| self.number(record)) {
            *found.entry(number).or_default() += 1;
        }
        self.board.lock().found(&found);
        Ok(())
    }

    async fn tail(&self, stop: &CancellationToken) {
        while !stop.is_cancelled() {
            match self.live.subscribe(self.query(), self.tail_from()) {
                Ok(mut tail) => {
                    while let Some(Some(event)) = stop.run_until_cancelled(tail.next()).await {
                        self.show(&event);
                    }
                }
                Err(error) => tracing::debug!("the canary cannot tail now: {error}"),
            }
            let _ = stop.run_until_cancelled(tokio::time::sleep(AGAIN)).await;
        }
    }

    /// The position after which the tail is opened. The first one is kept, so that a tail that is opened again before
    /// its first event misses nothing.
    fn tail_from(&self) -> Option<Position> {
        let mut tailed = self.tailed.lock();
        *tailed = tailed.or_else(|| self.live.newest());
        *tailed
    }

    /// Notes what the tail has shown.
    fn show(&self, event: &LiveEvent) {
        let (position, number) = match event {
            LiveEvent::Record(stored) => (stored.position, self.number(stored)),
            LiveEvent::Skipped { position, .. } => (*position, None),
        };
        // First of all, so that a panic below is not repeated with the same record.
        *self.tailed.lock() = Some(position);
        if let Some(number) = number {
            self.board.lock().tailed(number, self.clock.now());
        }
    }

    /// The records of this process.
    fn query(&self) -> Query {
        Query::contains(&format!("canary {}", self.run))
    }

    fn number(&self, stored: &StoredRecord) -> Option<u64> {
        let rest = stored.record.message.strip_prefix("canary ")?.strip_prefix(self.run.as_str())?;
        rest.trim_start().split(' ').next()?.parse().ok()
    }
}

/// A record on its way to a door. If the task is restarted meanwhile, the outcome will never be known. The record then
/// counts as failed, and is not reported as missing.
struct Sending<'a> {
    board: &'a Mutex<Board>,
    number: u64,
}

impl Sending<'_> {
    /// The outcome is known.
    fn ended(self) {
        std::mem::forget(self);
    }
}

impl Drop for Sending<'_> {
    fn drop(&mut self) {
        self.board.lock().failed(self.number, CUT_OFF.to_owned());
    }
}
