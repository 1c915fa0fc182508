//! Starting, listing and cancelling replays.

use std::{sync::Arc, time::Duration};

use model::{Nanos, Position, Query, TimeRange, time::format_rfc3339};
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    ArchivedDays, STORE, Target, UNFINISHED,
    document::{Origin, Replay, ReplayState},
    origin::origin,
    shared::Shared,
    slots::slot,
};
use crate::{Error, Result, deletion::deleting, follow::Options, jobs::new_id};

/// A replay to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The name of the sink, or [`STORE`].
    pub sink: String,
    /// Where the records come from; `None` for the archive if it has more of the day's records than the store, and for
    /// the store otherwise. A replay to the store reads the archive.
    pub source: Option<Origin>,
    /// The times of the records.
    pub range: TimeRange,
    /// A filter beside that of the sink; empty for all records. At most [`model::limits::QUERY_BYTES`].
    pub query: String,
    /// Leaves out audit records, for a user who does not see them.
    pub without_audit: bool,
}

/// All replays of the store, and the tasks of this process that run them.
pub struct Replays {
    shared: Arc<Shared>,
    /// The names of the destinations, in the order of their definitions.
    sinks: Vec<String>,
    stop: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Replays {
    /// Starts the tasks that run replays; none without a sink. Names of targets must be unique.
    pub fn start(targets: Vec<Target>, archive: Option<Arc<dyn ArchivedDays>>, options: &Options) -> Arc<Self> {
        let sinks: Vec<String> = targets.iter().map(|target| target.name.clone()).collect();
        let shared = Arc::new(Shared::new(targets, archive, options));
        let stop = CancellationToken::new();
        let slots = if sinks.is_empty() { 0 } else { UNFINISHED };
        let spawn = |number| {
            let (shared, until) = (Arc::clone(&shared), stop.clone());
            options.supervisor.spawn(format!("replays {number}"), stop.clone(), move || {
                let (shared, until) = (Arc::clone(&shared), until.clone());
                async move { slot(&shared, &until).await }
            })
        };
        let tasks = (1..=slots).map(spawn).collect();
        Arc::new(Self { shared, sinks, stop, tasks: Mutex::new(tasks) })
    }

    /// Whether replays can read an archive.
    pub fn has_archive(&self) -> bool {
        self.shared.archive.is_some()
    }

    /// Stops the tasks, and gives their leases back. Another node goes on, or the next start does.
    pub async fn close(&self) {
        self.stop.cancel();
        for task in self.tasks.lock().await.drain(..) {
            let _ = task.await;
        }
    }

    /// Starts a replay up to the newest record stored now. Returns once it is stored.
    ///
    /// # Errors
    /// `Invalid` for an unknown sink, an empty range, a query that does not parse, a day that the archive does not have,
    /// and records for the store that are older than its retention. `Conflict` for the store while a deletion is not
    /// finished. `Overloaded` while [`UNFINISHED`] replays are not
    /// finished. Errors of the store and of the archive.
    pub async fn add(&self, request: Request) -> Result<Replay> {
        let Request { sink, range, query, .. } = &request;
        let Some(target) = self.shared.targets.get(sink) else { return Err(self.no_such_sink(sink)) };
        if range.from >= range.to {
            return Err(Error::invalid("the range of times is empty; from must be before its end"));
        }
        Query::parse(query)
            .map_err(|error| Error::invalid(format!("query is {query:?}: {error}; an example is level>=warn")))?;
        if sink == STORE {
            self.check_retention(range.from)?;
            self.check_deletions().await?;
        }
        let archived = origin(&self.shared, request.source, sink == STORE, *range).await?;
        let Request { sink, range, query, without_audit, .. } = request;
        let Position(upto) = self.shared.store.newest().await?;
        let replay = Replay {
            id: new_id(),
            from: range.from,
            until: range.to,
            archived,
            sink,
            target: target.target.to_string(),
            query,
            without_audit,
            state: ReplayState::Running,
            started: self.shared.jobs.clock.now(),
            ended: None,
            total: None,
            sent: 0,
            refused: 0,
            position: i64::MIN,
            upto,
            sending: None,
            mark: None,
            error: None,
        };
        // Once more, because a deletion may be stored at the same moment.
        let check = async { if replay.sink == STORE { self.check_deletions().await } else { Ok(()) } };
        self.shared.jobs.add(&replay, check).await?;
        tracing::info!(replay = replay.id, sink = replay.sink, query = replay.query, "a replay starts");
        Ok(replay)
    }

    /// # Errors
    /// `Invalid` if the store would delete records of this time at once.
    fn check_retention(&self, from: Nanos) -> Result<()> {
        let Some(retention) = self.shared.retention else { return Ok(()) };
        let age = i64::try_from(retention.as_nanos()).unwrap_or(i64::MAX);
        let oldest = self.shared.jobs.clock.now().saturating_sub(age);
        if from >= oldest {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "the records begin at {}, and --retention {} deletes what is older than {}: the store would not keep them; \
             start the server with a longer --retention, or name later times by from and to_time",
            format_rfc3339(from),
            days_and_hours(retention),
            format_rfc3339(oldest)
        )))
    }

    /// # Errors
    /// `Conflict` while a deletion is not finished.
    async fn check_deletions(&self) -> Result<()> {
        let Some(id) = deleting(&*self.shared.jobs.documents).await? else { return Ok(()) };
        Err(Error::conflict(format!(
            "the deletion {id} is not finished, and a replay to the store may bring back what it deletes; wait for its \
             end, or cancel it"
        )))
    }

    fn no_such_sink(&self, sink: &str) -> Error {
        if sink == STORE {
            return Error::invalid(
                "to is \"store\", and `--to store` needs an archive, which this server does not have; start it with \
                 --archive, or name a sink",
            );
        }
        if self.sinks.is_empty() {
            return Error::invalid(format!("to is {sink:?}, and this server has no sink; define one by --sink first"));
        }
        Error::invalid(format!("to is {sink:?}, which is not a sink; replays go to {}", self.sinks.join(", ")))
    }

    /// All replays, newest first.
    pub async fn list(&self) -> Result<Vec<Replay>> {
        let (replays, _) = self.shared.jobs.list().await?;
        Ok(replays.into_iter().rev().map(|(_, replay)| self.shared.shown(replay)).collect())
    }

    /// One replay.
    ///
    /// # Errors
    /// `NotFound` if there is no such replay.
    pub async fn get(&self, id: &str) -> Result<Replay> {
        let (_, replay) = self.shared.jobs.get(id).await?;
        Ok(self.shared.shown(replay))
    }

    /// Ends a replay on whichever node runs it. The batch under way may still arrive.
    ///
    /// # Errors
    /// `NotFound` if there is no such replay. `Conflict` if it is finished.
    pub async fn cancel(&self, id: &str) -> Result<Replay> {
        self.shared.jobs.cancel(id).await
    }
}

/// As in the option: `7d`, `36h` or `90s`.
fn days_and_hours(age: Duration) -> String {
    match age.as_secs() {
        seconds if seconds % 86_400 == 0 => format!("{}d", seconds / 86_400),
        seconds if seconds % 3_600 == 0 => format!("{}h", seconds / 3_600),
        seconds => format!("{seconds}s"),
    }
}
