//! The transaction of a step.

use std::time::Duration;

use pipeline::{Error, Result};
use sqlx::{Connection, PgConnection, Postgres, Row, Transaction};

use super::{Remover, find::Records};
use crate::{
    error::{classify, sqlstate},
    session::{CANCELLED, Session},
    summaries::forget,
};

/// Steps take turns, so that two of them never wait for each other's rows. The key is "LN", five zero bytes and 2.
const TURN: &str = "select pg_advisory_xact_lock(x'4c4e000000000002'::bigint)";
/// When to try again after a step that took too long.
const RETRY: Duration = Duration::from_secs(1);

impl Remover {
    /// Deletes the records; returns the number of those that were still there.
    ///
    /// # Errors
    /// `Overloaded` or `Unavailable`: nothing was deleted, or the answer to the commit is lost; retry.
    pub(super) async fn delete(&self, records: &Records) -> Result<u64> {
        let mut session = Session::open(&self.pools.write).await?;
        let mut transaction = session.connection()?.begin().await.map_err(classify)?;
        let removed = self.run(&mut transaction, records).await.map_err(classify_step)?;
        self.status.commit_removal(&removed, commit(transaction)).await.map_err(classify_step)?;
        session.end();
        Ok(removed.len() as u64)
    }

    /// Returns the positions of the records that were still there.
    async fn run(&self, connection: &mut PgConnection, records: &Records) -> sqlx::Result<Vec<i64>> {
        sqlx::query(include_str!("../../queries/prepare_removal.sql"))
            .bind(self.statement_timeout.as_millis().to_string())
            .execute(&mut *connection)
            .await?;
        sqlx::query(TURN).execute(&mut *connection).await?;
        forget::hold(connection).await?;
        self.readers.minutes.note_deletion(connection, records.earliest, records.latest).await?;
        let (first, last) = (records.positions.iter().min(), records.positions.iter().max());
        // Planned for these values each time: TimescaleDB turns whole chunks into rows if it does not know them.
        let deleted = sqlx::query(include_str!("../../queries/delete_records.sql"))
            .bind(records.earliest)
            .bind(records.latest)
            .bind(first.copied())
            .bind(last.copied())
            .bind(&records.positions)
            .persistent(false)
            .fetch_all(&mut *connection)
            .await?;
        let removed = deleted.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<Vec<i64>>>()?;
        sqlx::query(include_str!("../../queries/update_blocks.sql")).bind(&removed).execute(&mut *connection).await?;
        forget::positions(connection, &removed).await?;
        forget_runs(connection, &removed).await?;
        Ok(removed)
    }
}

/// Counts what was removed from each run, and deletes the runs of which nothing is left.
async fn forget_runs(connection: &mut PgConnection, removed: &[i64]) -> sqlx::Result<()> {
    let runs =
        sqlx::query(include_str!("../../queries/update_runs.sql")).bind(removed).fetch_all(&mut *connection).await?;
    let mut empty: Vec<i64> = Vec::new();
    for run in &runs {
        let is_empty: bool = run.try_get(1)?;
        if is_empty {
            empty.push(run.try_get(0)?);
        }
    }
    sqlx::query("delete from logboom.runs where first_position = any($1)").bind(empty).execute(connection).await?;
    Ok(())
}

async fn commit(transaction: Transaction<'_, Postgres>) -> sqlx::Result<()> {
    transaction.commit().await
}

fn classify_step(error: sqlx::Error) -> Error {
    if sqlstate(&error) == Some(CANCELLED) {
        return Error::overloaded("a step of the deletion took too long and was stopped; it is tried again", RETRY);
    }
    classify(error)
}
