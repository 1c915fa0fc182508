//! Starting, listing and cancelling replays.

use std::{sync::Arc, time::Duration};

use model::{Nanos, Position, Query, TimeRange, time::format_rfc3339};
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    ArchivedDays, KEPT, STORE, Target, UNFINISHED,
    document::{Origin, REPLAY, Replay, ReplayState},
    origin::origin,
    shared::Shared,
    slots::slot,
};
use crate::{Error, ErrorClass, Expected, Json, Result, Version, deletion::deleting, follow::Options, hold};

/// The lease under which a replay is started, so that two nodes do not exceed the limit together.
const START: &str = "start of a replay";
const START_LEASE: Duration = Duration::from_secs(15);
/// When to try again while another node starts a replay.
const START_RETRY: Duration = Duration::from_secs(1);
/// When to try again while too many replays are unfinished.
const FULL_RETRY: Duration = Duration::from_secs(60);
/// A cancellation is repeated this many times if the replay moves on meanwhile.
const CANCELLATIONS: usize = 50;

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
    starting: Mutex<()>,
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
        Arc::new(Self { shared, sinks, starting: Mutex::default(), stop, tasks: Mutex::new(tasks) })
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
        let _starting = self.starting.lock().await;
        let Position(upto) = self.shared.store.newest().await?;
        let replay = Replay {
            id: format!("{:08x}", rand::random::<u32>()),
            from: range.from,
            until: range.to,
            archived,
            sink,
            target: target.target.to_string(),
            query,
            without_audit,
            state: ReplayState::Running,
            started: self.shared.clock.now(),
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
        let leases = &*self.shared.leases;
        let stored = hold(leases, START, &self.shared.holder, START_LEASE, async |_| self.put(&replay).await).await?;
        stored.unwrap_or_else(|| Err(Error::overloaded("another replay is being started; try again", START_RETRY)))?;
        tracing::info!(replay = replay.id, sink = replay.sink, query = replay.query, "a replay starts");
        Ok(replay)
    }

    /// # Errors
    /// `Invalid` if the store would delete records of this time at once.
    fn check_retention(&self, from: Nanos) -> Result<()> {
        let Some(retention) = self.shared.retention else { return Ok(()) };
        let age = i64::try_from(retention.as_nanos()).unwrap_or(i64::MAX);
        let oldest = self.shared.clock.now().saturating_sub(age);
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
        let Some(id) = deleting(&*self.shared.documents).await? else { return Ok(()) };
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

    /// Stores a new replay within the limits, unless it goes to the store and a deletion was stored at the same moment.
    async fn put(&self, replay: &Replay) -> Result<()> {
        let documents = &self.shared.documents;
        let (mut replays, _) = self.shared.list().await?;
        if replays.iter().filter(|(_, replay)| !replay.is_finished()).count() >= UNFINISHED {
            let limit = format!("{UNFINISHED} replays are unfinished, which is the limit");
            return Err(Error::overloaded(format!("{limit}; wait for one to end, or cancel one"), FULL_RETRY));
        }
        let excess = (replays.len() + 1).saturating_sub(KEPT);
        replays.retain(|(_, replay)| replay.is_finished());
        for (version, old) in replays.into_iter().take(excess) {
            documents.delete(&REPLAY, &old.id, Expected::Version(version), None).await?;
        }
        let body = Json::from_value(replay)?;
        let stored = documents.put(&REPLAY, &replay.id, &body, Expected::Absent, None).await?;
        let checked = if replay.sink == STORE { self.check_deletions().await } else { Ok(()) };
        let Err(refused) = checked else { return Ok(()) };
        match documents.delete(&REPLAY, &replay.id, Expected::Version(stored), None).await {
            // It has begun before the deletion was stored, so the deletion waits or takes itself back.
            Err(error) if error.class == ErrorClass::Conflict => Ok(()),
            taken_back => taken_back.and(Err(refused)),
        }
    }

    /// All replays, newest first.
    pub async fn list(&self) -> Result<Vec<Replay>> {
        let (replays, _) = self.shared.list().await?;
        Ok(replays.into_iter().rev().map(|(_, replay)| self.shown(replay)).collect())
    }

    /// One replay.
    ///
    /// # Errors
    /// `NotFound` if there is no such replay.
    pub async fn get(&self, id: &str) -> Result<Replay> {
        Ok(self.shown(self.read(id).await?.1))
    }

    /// Ends a replay on whichever node runs it. The batch under way may still arrive.
    ///
    /// # Errors
    /// `NotFound` if there is no such replay. `Conflict` if it is finished.
    pub async fn cancel(&self, id: &str) -> Result<Replay> {
        for _ in 0..CANCELLATIONS {
            let (version, mut replay) = self.read(id).await?;
            if replay.is_finished() {
                let state = replay.state.name();
                return Err(Error::conflict(format!("the replay {id} is {state} already; there is nothing to cancel")));
            }
            let error = replay.error.take();
            replay.end(ReplayState::Cancelled, self.shared.clock.now(), error.as_deref());
            let body = Json::from_value(&replay)?;
            match self.shared.documents.put(&REPLAY, id, &body, Expected::Version(version), None).await {
                Ok(_) => return Ok(replay),
                // The replay moved on.
                Err(error) if error.class == ErrorClass::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::overloaded(format!("the replay {id} moves too fast to be cancelled now; try again"), START_RETRY))
    }

    async fn read(&self, id: &str) -> Result<(Version, Replay)> {
        let missing = || Error::not_found(format!("there is no replay {id:?}; GET /api/v1/replays lists them"));
        let document = self.shared.documents.get(&REPLAY, id).await?.ok_or_else(missing)?;
        Ok((document.version, Replay::read(&document)?))
    }

    /// The replay with a reason why this node does not run it.
    fn shown(&self, mut replay: Replay) -> Replay {
        if !replay.is_finished()
            && let Some(reason) = self.shared.lacks(&replay)
        {
            replay.set_error(Some(&reason));
        }
        replay
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
