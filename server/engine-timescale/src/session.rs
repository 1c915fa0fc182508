//! A connection for one unit of work.

use std::time::Duration;

use futures::{Stream, TryStreamExt};
use pipeline::{Error, Result};
use sqlx::{
    Connection, PgConnection, PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use crate::error::{classify, sqlstate};

/// SQLSTATE of a statement cancelled by its timeout.
pub(crate) const CANCELLED: &str = "57014";

/// A connection that is closed if the work is dropped or fails before [`Session::end`]. The server then rolls back, or
/// notices the disconnect and stops the statement (`client_connection_check_interval`). The connection is not reused,
/// so pending responses cannot reach later work.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Option<PoolConnection<Postgres>>,
}

impl Session {
    /// Takes a connection from the pool; waits if all are in use.
    pub(crate) async fn open(pool: &PgPool) -> Result<Self> {
        Ok(Self { connection: Some(pool.acquire().await.map_err(classify)?) })
    }

    /// The connection.
    pub(crate) fn connection(&mut self) -> Result<&mut PgConnection> {
        self.connection.as_deref_mut().ok_or_else(|| Error::internal("a session was used after its end"))
    }

    /// All rows of a statement with a limited result.
    pub(crate) async fn rows(&mut self, query: Query<'static, Postgres, PgArguments>) -> Result<Vec<PgRow>> {
        query.fetch_all(self.connection()?).await.map_err(classify)
    }

    /// All rows of a statement; `None` if the server stopped it at its time limit.
    pub(crate) async fn rows_in_time(
        &mut self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Result<Option<Vec<PgRow>>> {
        match query.fetch_all(self.connection()?).await {
            Ok(rows) => Ok(Some(rows)),
            Err(error) if sqlstate(&error) == Some(CANCELLED) => Ok(None),
            Err(error) => Err(classify(error)),
        }
    }

    /// All rows of a statement if it finishes within `limit`; otherwise `None`.
    pub(crate) async fn rows_within(
        &mut self,
        query: Query<'static, Postgres, PgArguments>,
        limit: Duration,
    ) -> Result<Option<Vec<PgRow>>> {
        let mut transaction = self.connection()?.begin().await.map_err(classify)?;
        // Zero would mean no limit.
        let limit = limit.as_millis().max(1).to_string();
        let set = sqlx::query("select set_config('statement_timeout', $1, true)").bind(limit);
        set.execute(&mut *transaction).await.map_err(classify)?;
        match query.fetch_all(&mut *transaction).await {
            Ok(rows) => {
                transaction.commit().await.map_err(classify)?;
                Ok(Some(rows))
            }
            Err(error) if sqlstate(&error) == Some(CANCELLED) => {
                transaction.rollback().await.map_err(classify)?;
                Ok(None)
            }
            Err(error) => Err(classify(error)),
        }
    }

    /// The rows of a statement as a stream.
    pub(crate) fn stream<'s>(
        &'s mut self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Result<impl Stream<Item = Result<PgRow>> + use<'s>> {
        Ok(query.fetch(self.connection()?).map_err(classify))
    }

    /// Begins a transaction whose statements read one snapshot. [`Session::rows_within`] cannot be used in it.
    pub(crate) async fn begin_snapshot(&mut self) -> Result<()> {
        let begin = "begin isolation level repeatable read read only";
        sqlx::raw_sql(begin).execute(self.connection()?).await.map(drop).map_err(classify)
    }

    /// Ends the transaction begun by [`Session::begin_snapshot`].
    pub(crate) async fn end_snapshot(&mut self) -> Result<()> {
        sqlx::raw_sql("commit").execute(self.connection()?).await.map(drop).map_err(classify)
    }

    /// Returns the connection to the pool: the work is complete.
    pub(crate) fn end(mut self) {
        drop(self.connection.take());
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

/// Runs a statement that needs an exclusive table lock, with a short lock timeout, so that it does not block others.
pub(crate) async fn with_lock_timeout(
    connection: &mut PgConnection,
    query: Query<'_, Postgres, PgArguments>,
) -> sqlx::Result<Vec<PgRow>> {
    let mut transaction = connection.begin().await?;
    sqlx::query("set local lock_timeout = '3s'").execute(&mut *transaction).await?;
    let rows = query.fetch_all(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(rows)
}
