//! What has to be done now and then, by one node at a time, whoever comes first.
//!
//! TimescaleDB could run most of this as jobs of its own. That is left to nobody but us:
//! its Apache edition has none, some releases of PostgreSQL mark every job as failed, and
//! what a job did not do is seen nowhere. Here it is done, looked at and said.

mod columnstore;
mod ledger;
mod retention;
mod summary;

use std::{sync::Arc, time::Duration};

use pipeline::DeadLetterBounds;
use sqlx::{PgConnection, PgPool, Row};
use tokio_util::sync::CancellationToken;

use self::{ledger::Ledger, retention::Retention, summary::Summary};
use crate::{Options, dead_letters, migrate::Layout, partitions::Days, session::Session, status::Status};

/// Held by the node that looks after the store: "LN" and a number of its own.
const TURN: &str = "select pg_try_advisory_lock(x'4c4e000000000002'::bigint)";
const TURN_ENDS: &str = "select pg_advisory_unlock(x'4c4e000000000002'::bigint)";

/// Looks after a store.
pub(crate) struct Upkeep {
    pool: PgPool,
    layout: Layout,
    /// Of the partitioned layout.
    days: Option<Arc<Days>>,
    status: Arc<Status>,
    ledger: Ledger,
    retention: Retention,
    summary: Summary,
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
            dead_letters: options.dead_letters,
            pause: options.upkeep_pause,
        }
    }

    /// Goes on until `stop`.
    pub(crate) async fn keep(&mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.pause) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.round() => {}
            }
        }
    }

    async fn round(&mut self) {
        if let Some(days) = &self.days {
            days.prepare_ahead(&self.pool).await;
        }
        if let Err(error) = self.chores().await {
            tracing::debug!("cannot look after the store now: {error}");
        }
    }

    /// Takes the turn, unless another node has it. The turn ends with the connection.
    async fn chores(&mut self) -> pipeline::Result<()> {
        let mut session = Session::open(&self.pool).await?;
        let connection = session.connection()?;
        let taken: bool = one(connection, TURN).await.map_err(crate::error::classify)?;
        if taken {
            // A chore that fails is tried again in the next round, and hinders no other.
            let layout = self.layout.clone();
            said("bound the dead letters", dead_letters::bound(connection, self.dead_letters).await);
            said("shorten the ledger", self.ledger.bound(connection).await);
            match self.retention.keep_to(connection, &layout).await {
                Ok(true) => self.status.recount().await,
                outcome => said("delete what is past its retention", outcome.map(drop)),
            }
            said("index what is new", catch_up_indexes(connection).await);
            said("learn what is in the new day", analyse(connection).await);
            if let Layout::Hypertable { community: true, .. } = layout {
                said("turn old chunks into columns", columnstore::convert(connection).await);
                said("bring the minutes up to date", self.summary.refresh(connection).await);
            }
            let _: bool = one(connection, TURN_ENDS).await.map_err(crate::error::classify)?;
        }
        session.end();
        Ok(())
    }
}

/// Says what could not be done. The session may be gone, which the next statement tells.
fn said(chore: &str, outcome: sqlx::Result<()>) {
    if let Err(error) = outcome {
        tracing::warn!("cannot {chore} now: {error}");
    }
}

/// Puts whole new megabytes of records into the index of trace ids.
async fn catch_up_indexes(connection: &mut PgConnection) -> sqlx::Result<()> {
    sqlx::raw_sql(include_str!("../../queries/summarize_trace_ids.sql")).execute(connection).await.map(drop)
}

/// Tells the planner about days it knows nothing of. Until the server's own daemon does, a
/// minute or more after, it takes a few dozen rows for what is a million, and sorts those
/// instead of reading the newest hundred off the index.
async fn analyse(connection: &mut PgConnection) -> sqlx::Result<()> {
    for day in sqlx::query(include_str!("../../queries/select_unknown.sql")).fetch_all(&mut *connection).await? {
        let day: String = day.try_get(0)?;
        // A name that the server has just quoted.
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("analyze {day}"))).execute(&mut *connection).await?;
    }
    Ok(())
}

/// The one value that a statement without parameters gives.
async fn one<T>(connection: &mut PgConnection, sql: &'static str) -> sqlx::Result<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    sqlx::query(sql).fetch_one(connection).await?.try_get(0)
}
