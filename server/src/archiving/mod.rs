//! Archiving: takes closed days from the store to the archive, on one node at a time. Replays read them from there.
//!
//! | file | content |
//! |---|---|
//! | `days` | the archive as the source of replays |
//! | `round` | one look at the days that are due |
//! | `removals` | the archive as a place from which deletions remove records |
//! | `events` | log lines and metrics |

mod days;
mod events;
mod removals;
mod round;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use archive::{Archive, Location};
use pipeline::{Lease, Leases, Result, Supervisor, backoff::Backoff, clock::Clock, hold, lease_lost};
use reading::Reader;
use tokio::{sync::Mutex, task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{days::Days, removals::Removals};
use self::{events::Health, round::Round};
use crate::config::ArchiveOptions;

/// The name of the lease and of the task.
const NAME: &str = "archive";
const LEASE: Duration = Duration::from_secs(15);
/// The folder within the data folder for parts that are encoded and compared. Workers may share it: only the holder of
/// the lease uses it.
const SCRATCH: &str = "archive-scratch";
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What the archive needs.
pub(crate) struct Needs {
    pub(crate) leases: Arc<dyn Leases>,
    pub(crate) reader: Reader,
    pub(crate) store_id: String,
    pub(crate) supervisor: Supervisor,
}

/// The running task.
pub(crate) struct Archiving {
    stop: CancellationToken,
    task: Option<JoinHandle<()>>,
}

impl Archiving {
    /// Starts the task if there is an archive. `data` is the data folder, for temporary files.
    pub(crate) fn start(options: &ArchiveOptions, data: &Path, needs: Needs) -> Self {
        let stop = CancellationToken::new();
        let Some(location) = options.archive.clone() else { return Self { stop, task: None } };
        events::describe();
        let supervisor = needs.supervisor.clone();
        let archivist = Archivist {
            options: options.clone(),
            location,
            scratch: data.join(SCRATCH),
            needs,
            health: Health::default(),
            round: None,
            stop: stop.clone(),
        };
        let archivist = Arc::new(Mutex::new(archivist));
        let task = supervisor.spawn(NAME, stop.clone(), move || {
            let archivist = Arc::clone(&archivist);
            async move { archivist.lock().await.run().await }
        });
        Self { stop, task: Some(task) }
    }

    /// Stops the task, and gives the lease back. An unfinished day is taken again after the next start.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        if let Some(task) = self.task {
            let _ = task.await;
        }
    }
}

/// What survives a panic of the task.
struct Archivist {
    options: ArchiveOptions,
    location: Location,
    scratch: PathBuf,
    needs: Needs,
    health: Health,
    /// `None` before the archive is opened, and after a failure.
    round: Option<Round>,
    stop: CancellationToken,
}

impl Archivist {
    /// Looks for due days until the stop.
    async fn run(&mut self) {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let (leases, holder, stop) = (Arc::clone(&self.needs.leases), pipeline::holder(), self.stop.clone());
        loop {
            let wait = match hold(&*leases, NAME, &holder, LEASE, |lease| self.turn(lease)).await {
                Ok(Some(Ok(()))) => {
                    self.health.succeeded();
                    backoff.reset();
                    self.options.archive_every
                }
                // Another node has the lease.
                Ok(None) => self.options.archive_every.min(LEASE),
                Ok(Some(Err(error))) | Err(error) => {
                    self.health.failed(&error);
                    // The next turn opens the archive again: its folders may be gone.
                    self.round = None;
                    backoff.next()
                }
            };
            if stop.run_until_cancelled(sleep(wait)).await.is_none() {
                break;
            }
        }
        // Fails if another worker uses it, as intended.
        let _ = std::fs::remove_dir(&self.scratch);
    }

    /// One round, while the lease is held.
    async fn turn(&mut self, lease: Lease) -> Result<()> {
        let mut round = match self.round.take() {
            Some(round) => round,
            None => self.new_round()?,
        };
        let fence = Fence { leases: Arc::clone(&self.needs.leases), lease };
        // A stop ends the round here, so that the lease is given back.
        let done = self.stop.run_until_cancelled(round.run(&fence)).await.unwrap_or(Ok(()));
        self.round = Some(round);
        done
    }

    fn new_round(&self) -> Result<Round> {
        Ok(Round {
            archive: Archive::create(&self.location, &self.scratch)?,
            reader: self.needs.reader.clone(),
            store_id: self.needs.store_id.clone(),
            clock: Clock::system(),
            days: self.options.archive_days,
            grace: self.options.archive_grace,
            looked: HashMap::new(),
        })
    }
}

/// Confirms that the lease is still held, before something is written that others rely on.
struct Fence {
    leases: Arc<dyn Leases>,
    lease: Lease,
}

impl Fence {
    /// # Errors
    /// `Conflict` if the lease is lost.
    async fn confirm(&self) -> Result<()> {
        if self.leases.renew(&self.lease, LEASE).await? { Ok(()) } else { Err(lease_lost(&self.lease)) }
    }
}
