//! A connection for the time of one question.

use futures::{Stream, TryStreamExt};
use pipeline::{Error, Result};
use sqlx::{
    PgPool, Postgres,
    pool::PoolConnection,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use crate::error::classify;

/// A connection that is closed when the question is dropped before its answer is
/// complete: the server sees that and stops the work (`client_connection_check_interval`),
/// and no later question has to wait for what is still on its way.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Option<PoolConnection<Postgres>>,
}

impl Session {
    /// Takes a connection, waiting for one within the pool's bound.
    pub(crate) async fn open(pool: &PgPool) -> Result<Self> {
        Ok(Self { connection: Some(pool.acquire().await.map_err(classify)?) })
    }

    fn connection(&mut self) -> Result<&mut PoolConnection<Postgres>> {
        self.connection.as_mut().ok_or_else(|| Error::internal("a session was used after its end"))
    }

    /// All rows of a statement that has a bound of its own.
    pub(crate) async fn rows(&mut self, query: Query<'static, Postgres, PgArguments>) -> Result<Vec<PgRow>> {
        query.fetch_all(&mut **self.connection()?).await.map_err(classify)
    }

    /// The rows of a statement as they come.
    pub(crate) fn stream<'s>(
        &'s mut self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Result<impl Stream<Item = Result<PgRow>> + use<'s>> {
        Ok(query.fetch(&mut **self.connection()?).map_err(classify))
    }

    /// Gives the connection back: the answer is complete.
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
