//! Leases: one row each, which expires by the database's clock. Each action is one statement.

use std::time::Duration;

use async_trait::async_trait;
use pipeline::{Lease, Leases, Result};
use sqlx::{PgConnection, PgPool, Row};

use crate::error::classify;

/// The leases of the database.
#[derive(Debug, Clone)]
pub(crate) struct StoredLeases {
    pool: PgPool,
}

impl StoredLeases {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Leases for StoredLeases {
    async fn acquire(&self, name: &str, holder: &str, duration: Duration) -> Result<Option<Lease>> {
        let query = sqlx::query(include_str!("../queries/acquire_lease.sql"))
            .bind(name)
            .bind(holder)
            .bind(micros(duration))
            .fetch_optional(&self.pool);
        let Some(row) = query.await.map_err(classify)? else { return Ok(None) };
        let token: i64 = row.try_get(0).map_err(classify)?;
        Ok(Some(Lease { name: name.to_owned(), token: token as u64 }))
    }

    async fn renew(&self, lease: &Lease, duration: Duration) -> Result<bool> {
        let query = sqlx::query(include_str!("../queries/renew_lease.sql"))
            .bind(&lease.name)
            .bind(lease.token as i64)
            .bind(micros(duration))
            .execute(&self.pool);
        Ok(query.await.map_err(classify)?.rows_affected() > 0)
    }

    async fn release(&self, lease: &Lease) -> Result<bool> {
        let query = sqlx::query(include_str!("../queries/release_lease.sql"))
            .bind(&lease.name)
            .bind(lease.token as i64)
            .execute(&self.pool);
        Ok(query.await.map_err(classify)?.rows_affected() > 0)
    }
}

/// Fails if the lease is lost. No other holder can acquire it before the transaction ends.
pub(crate) async fn hold_lease(transaction: &mut PgConnection, lease: &Lease) -> sqlx::Result<()> {
    let hold = sqlx::query("select logboom.hold_lease($1, $2)").bind(&lease.name).bind(lease.token as i64);
    hold.execute(transaction).await.map(drop)
}

/// The duration in microseconds, limited to about three thousand years.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX).min(100_000_000_000_000_000)
}
