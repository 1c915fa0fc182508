//! What has to be done now and then, by every node, whoever comes first.

use std::{sync::Arc, time::Duration};

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::partitions::Days;

/// How often.
const EVERY: Duration = Duration::from_secs(600);
/// How long the ledger remembers a batch. A queue may hold a batch back for as long as
/// it cannot be reached, so the server's own ids are kept as long as those of clients.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);
/// How many batches the ledger remembers at most.
const REMEMBERED_BATCHES: i64 = 10_000_000;

/// Keeps the days ahead made (of the partitioned layout) and the ledger bounded, until
/// `stop`.
pub(crate) async fn keep(pool: PgPool, days: Option<Arc<Days>>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Some(days) = &days {
            days.prepare_ahead(&pool).await;
        }
        if let Err(error) = forget_batches(&pool, REMEMBERED, REMEMBERED_BATCHES).await {
            tracing::debug!("cannot shorten the ledger now: {error}");
        }
    }
}

/// Removes from the ledger what is too old or beyond the newest so many.
pub(crate) async fn forget_batches(pool: &PgPool, age: Duration, batches: i64) -> sqlx::Result<u64> {
    let mut forgotten = 0;
    loop {
        let removed = sqlx::query(include_str!("../queries/forget_batches.sql"))
            .bind(i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
            .bind(batches)
            .execute(pool)
            .await?
            .rows_affected();
        forgotten += removed;
        if removed == 0 {
            return Ok(forgotten);
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row;
    use testkit::servers::postgres::Postgres;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_ledger_forgets_what_is_old_and_what_is_beyond_its_bound() {
        let url = Postgres::shared().await.fresh_database().await;
        let store = crate::connect(&url, crate::Options::default()).await.unwrap();
        let pool = PgPool::connect(&url).await.unwrap();
        // Every hour a batch, the newest now.
        let fill = "insert into logboom.ledger select int4send(n), false, now() - n * interval '1 hour' \
                    from generate_series(0, 99) as n";
        sqlx::raw_sql(fill).execute(&pool).await.unwrap();
        let left = async || -> i64 {
            sqlx::query("select count(*) from logboom.ledger").fetch_one(&pool).await.unwrap().get(0)
        };
        assert_eq!(forget_batches(&pool, Duration::from_secs(3_600 * 50 - 60), 1_000).await.unwrap(), 50);
        assert_eq!(left().await, 50);
        assert_eq!(forget_batches(&pool, REMEMBERED, 10).await.unwrap(), 40);
        assert_eq!(left().await, 10);
        store.close().await;
    }
}
