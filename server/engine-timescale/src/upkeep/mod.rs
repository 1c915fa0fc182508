//! Periodic maintenance, by one node at a time.
//!
//! TimescaleDB's own jobs are not used: the Apache edition has none, some PostgreSQL releases report every job as
//! failed, and missed work is not visible.

mod columnstore;
mod ledger;
mod minute_counts;
mod retention;
mod summary;

use std::{sync::Arc, time::Duration};

use pipeline::{DeadLetterBounds, ErrorClass, Lease, dead_letters::log_dropped, hold, holder};
use sqlx::{PgConnection, PgPool, Row};
use tokio_util::sync::CancellationToken;

use self::{ledger::Ledger, minute_counts::MinuteCounts, retention::Retention, summary::Summary};
use crate::{
    Options, dead_letters,
    error::{classify, is_lease_lost},
    leases::StoredLeases,
    migrate::Layout,
    minutes::Minutes,
    partitions::Days,
    session::Session,
    status::Status,
    turn::Turn,
};

/// The name of the lease under which a node does the upkeep.
const LEASE: &str = "upkeep";
/// The duration of the upkeep's lease, and so the time until another node takes over from one that has vanished. A
/// running node renews it.
const LASTS: Duration = Duration::from_secs(30);

/// The upkeep of a store.
pub(crate) struct Upkeep {
    pool: PgPool,
    layout: Layout,
    /// `None` with a hypertable.
    days: Option<Arc<Days>>,
    status: Arc<Status>,
    ledger: Ledger,
    retention: Retention,
    summary: Summary,
    minute_counts: MinuteCounts,
    dead_letters: DeadLetterBounds,
    pause: Duration,
}

impl Upkeep {
    pub(crate) fn new(
        pool: PgPool,
        layout: Layout,
        days: Option<Arc<Days>>,
        status: Arc<Status>,
        options: &Options,
    ) -> Self {
        Self {
            pool,
            layout,
            days,
            status,
            ledger: Ledger::default(),
            retention: Retention::new(options),
            summary: Summary::default(),
            minute_counts: MinuteCounts::default(),
            dead_letters: options.dead_letters,
            pause: options.upkeep_pause,
        }
    }

    /// Runs a round of upkeep after each pause, until `stop` is cancelled.
    pub(crate) async fn run(&mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.pause) => {}
            }
            self.round(&stop).await;
        }
    }

    /// Runs the steps under the lease, unless another node holds it. Releases the lease at `stop`.
    async fn round(&mut self, stop: &CancellationToken) {
        if let Some(days) = &self.days {
            tokio::select! {
                () = stop.cancelled() => return,
                () = days.prepare_ahead(&self.pool) => {}
            }
        }
        let leases = StoredLeases::new(self.pool.clone());
        let holder = holder();
        let held = hold(&leases, LEASE, &holder, LASTS, async |lease| {
            tokio::select! {
                () = stop.cancelled() => Ok(()),
                done = self.run_steps(lease) => done,
            }
        });
        match held.await {
            Ok(None | Some(Ok(()))) => {}
            Ok(Some(Err(error))) | Err(error) if error.class == ErrorClass::Conflict => {
                tracing::warn!("another node looks after the store now: {error}");
            }
            Ok(Some(Err(error))) | Err(error) => tracing::debug!("cannot look after the store now: {error}"),
        }
    }

    /// Runs every step of the upkeep. A failed step does not stop the others, and is repeated in the next round.
    ///
    /// # Errors
    /// `Conflict` as soon as the lease is lost.
    async fn run_steps(&mut self, lease: Lease) -> pipeline::Result<()> {
        let mut session = Session::open(&self.pool).await?;
        let turn = &mut Turn::new(session.connection()?, lease);
        let layout = self.layout.clone();
        report("bound the dead letters", bound_dead_letters(turn, self.dead_letters).await)?;
        report("shorten the ledger", self.ledger.bound(turn).await)?;
        match self.retention.keep_to(turn, &layout).await {
            Ok(true) => self.status.recount().await,
            outcome => report("delete what is past its retention", outcome.map(drop))?,
        }
        report("index what is new", catch_up_indexes(turn).await)?;
        report("learn what is in the new day", analyse(turn).await)?;
        let refreshed = match layout.minutes() {
            Minutes::Aggregate => {
                report("turn old chunks into columns", columnstore::convert(turn).await)?;
                self.summary.refresh(turn).await
            }
            Minutes::Table => self.minute_counts.refresh(turn).await,
        };
        report("bring the minutes up to date", refreshed)?;
        session.end();
        Ok(())
    }
}

/// Logs a failed step. If the session is lost, the next statement fails.
///
/// # Errors
/// `Conflict` if the lease is lost: no further step may run.
fn report(step: &str, outcome: sqlx::Result<()>) -> pipeline::Result<()> {
    match outcome {
        Ok(()) => Ok(()),
        Err(error) if is_lease_lost(&error) => Err(classify(error)),
        Err(error) => {
            tracing::warn!("cannot {step} now: {error}");
            Ok(())
        }
    }
}

async fn bound_dead_letters(turn: &mut Turn<'_>, bounds: DeadLetterBounds) -> sqlx::Result<()> {
    let mut step = turn.begin().await?;
    let (letters, records) = dead_letters::delete_past_bounds(step.connection(), bounds).await?;
    step.commit().await?;
    log_dropped(letters, records);
    Ok(())
}

/// Adds new block ranges of the table to the index of trace ids.
async fn catch_up_indexes(turn: &mut Turn<'_>) -> sqlx::Result<()> {
    turn.execute(sqlx::query(include_str!("../../queries/summarize_trace_ids.sql"))).await.map(drop)
}

/// Runs `analyze` on new days. Until autovacuum does (a minute or more), the planner assumes few rows and sorts instead
/// of using the index.
async fn analyse(turn: &mut Turn<'_>) -> sqlx::Result<()> {
    for day in sqlx::query(include_str!("../../queries/select_unknown.sql")).fetch_all(turn.connection()).await? {
        let day: String = day.try_get(0)?;
        // The server has quoted the name.
        turn.execute(sqlx::query(sqlx::AssertSqlSafe(format!("analyze {day}"))).persistent(false)).await?;
    }
    Ok(())
}

/// The single value returned by a statement without parameters.
async fn one<T>(connection: &mut PgConnection, sql: &'static str) -> sqlx::Result<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query(sql).fetch_one(connection).await?.try_get(0)
}
