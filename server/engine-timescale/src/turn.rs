//! One node's turn at the upkeep. All its writes are guarded by its lease.
//!
//! Each step is a transaction whose last statement checks the lease and locks its row, so another node can take over
//! only after the commit. The check comes last, because a step may take longer than the lease lasts, and the locked row
//! would block its renewal meanwhile.

use pipeline::Lease;
use sqlx::{
    Connection, PgConnection, Postgres, Transaction,
    postgres::{PgArguments, PgRow},
    query::Query,
};

use crate::leases::hold_lease;

/// A connection, and the lease under which it is used.
pub(crate) struct Turn<'c> {
    connection: &'c mut PgConnection,
    lease: Lease,
}

impl<'c> Turn<'c> {
    pub(crate) fn new(connection: &'c mut PgConnection, lease: Lease) -> Self {
        Self { connection, lease }
    }

    /// For reading.
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        self.connection
    }

    /// Begins a step.
    pub(crate) async fn begin(&mut self) -> sqlx::Result<Step<'_>> {
        Ok(Step { transaction: self.connection.begin().await?, lease: &self.lease })
    }

    /// Runs a step of one statement. Returns the number of changed rows.
    pub(crate) async fn execute(&mut self, query: Query<'_, Postgres, PgArguments>) -> sqlx::Result<u64> {
        let mut step = self.begin().await?;
        let rows = query.execute(&mut *step.transaction).await?.rows_affected();
        step.commit().await?;
        Ok(rows)
    }

    /// Runs a step of one statement that needs an exclusive lock. It waits briefly, then lets other sessions proceed.
    pub(crate) async fn rows_with_lock_timeout(
        &mut self,
        query: Query<'_, Postgres, PgArguments>,
    ) -> sqlx::Result<Vec<PgRow>> {
        let mut step = self.begin().await?;
        sqlx::query("set local lock_timeout = '3s'").execute(&mut *step.transaction).await?;
        let rows = query.fetch_all(&mut *step.transaction).await?;
        step.commit().await?;
        Ok(rows)
    }

    /// Checks the lease before a step that commits by itself, which no transaction can guard.
    pub(crate) async fn check(&mut self) -> sqlx::Result<()> {
        hold_lease(self.connection, &self.lease).await
    }
}

/// A transaction of a turn. Without [`Step::commit`] it is rolled back.
pub(crate) struct Step<'t> {
    transaction: Transaction<'t, Postgres>,
    lease: &'t Lease,
}

impl Step<'_> {
    pub(crate) fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Ends without a change. A step that is only dropped keeps its locks until the next statement of its connection.
    pub(crate) async fn undo(self) -> sqlx::Result<()> {
        self.transaction.rollback().await
    }

    /// Commits, if the lease is still held.
    pub(crate) async fn commit(mut self) -> sqlx::Result<()> {
        hold_lease(&mut self.transaction, self.lease).await?;
        self.transaction.commit().await
    }
}
