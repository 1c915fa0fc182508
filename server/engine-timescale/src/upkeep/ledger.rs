//! The limits of the ledger.

use std::time::{Duration, Instant};

use crate::turn::Turn;

/// How long a batch id is kept. A queue that cannot be reached may redeliver a batch days later, so the server's own
/// ids are kept as long as those of clients.
const REMEMBERED: Duration = Duration::from_secs(7 * 86_400);
/// The newest days with batches, which are always kept: a clock that jumps ahead makes all ids old at once.
const REMEMBERED_DAYS: i64 = 8;
/// The limit of kept ids.
const REMEMBERED_BATCHES: i64 = 10_000_000;

/// The interval of applying the limits, which reads all ids.
const EVERY: Duration = Duration::from_secs(600);

/// When the limits were applied last.
#[derive(Default)]
pub(super) struct Ledger {
    last: Option<Instant>,
}

impl Ledger {
    /// Applies the limits, if it is time to.
    pub(super) async fn bound(&mut self, turn: &mut Turn<'_>) -> sqlx::Result<()> {
        if self.last.is_some_and(|last| last.elapsed() < EVERY) {
            return Ok(());
        }
        forget_batches(turn, REMEMBERED, REMEMBERED_DAYS, REMEMBERED_BATCHES).await?;
        self.last = Some(Instant::now());
        Ok(())
    }
}

/// Deletes ids that are too old and not of the newest days, or beyond the limit of ids.
async fn forget_batches(turn: &mut Turn<'_>, age: Duration, days: i64, batches: i64) -> sqlx::Result<u64> {
    let mut forgotten = 0;
    loop {
        let forget = sqlx::query(include_str!("../../queries/forget_batches.sql"))
            .bind(i64::try_from(age.as_secs()).unwrap_or(i64::MAX))
            .bind(batches)
            .bind(days);
        let removed = turn.execute(forget).await?;
        forgotten += removed;
        if removed == 0 {
            return Ok(forgotten);
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection, PgConnection, Row};
    use testkit::servers::postgres::Postgres;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn the_ledger_forgets_what_is_old_and_what_is_beyond_its_bound() {
        let url = Postgres::shared().await.fresh_database().await;
        let store = crate::connect(&url, crate::Options::default()).await.unwrap();
        let mut session = PgConnection::connect(&url).await.unwrap();
        let lease = store.leases().acquire("test", "test", REMEMBERED).await.unwrap().unwrap();
        // One batch per hour; the newest is from now.
        let fill = "insert into logboom.ledger select int4send(n), false, now() - n * interval '1 hour' \
                    from generate_series(0, 99) as n";
        sqlx::raw_sql(fill).execute(&mut session).await.unwrap();
        let left = async |session: &mut PgConnection| -> i64 {
            sqlx::query("select count(*) from logboom.ledger").fetch_one(session).await.unwrap().get(0)
        };
        assert_eq!(
            forget_batches(&mut Turn::new(&mut session, lease.clone()), Duration::from_secs(3_600 * 50 - 60), 1, 1_000)
                .await
                .unwrap(),
            50
        );
        assert_eq!(left(&mut session).await, 50);
        assert_eq!(
            forget_batches(&mut Turn::new(&mut session, lease.clone()), REMEMBERED, REMEMBERED_DAYS, 10).await.unwrap(),
            40
        );
        assert_eq!(left(&mut session).await, 10);
        store.close().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_clock_that_jumps_ahead_does_not_empty_the_ledger() {
        let url = Postgres::shared().await.fresh_database().await;
        let store = crate::connect(&url, crate::Options::default()).await.unwrap();
        let mut session = PgConnection::connect(&url).await.unwrap();
        let lease = store.leases().acquire("test", "test", REMEMBERED).await.unwrap().unwrap();
        // Ten days of batches, then a year without any, as after a jump of the clock.
        let fill = "insert into logboom.ledger select int4send(n), false, now() - interval '1 year' - n * interval '1 day' \
                    from generate_series(0, 9) as n";
        sqlx::raw_sql(fill).execute(&mut session).await.unwrap();
        assert_eq!(
            forget_batches(&mut Turn::new(&mut session, lease.clone()), REMEMBERED, REMEMBERED_DAYS, 1_000)
                .await
                .unwrap(),
            2
        );
        let now = "insert into logboom.ledger values (int4send(100), false, now())";
        sqlx::raw_sql(now).execute(&mut session).await.unwrap();
        assert_eq!(
            forget_batches(&mut Turn::new(&mut session, lease.clone()), REMEMBERED, REMEMBERED_DAYS, 1_000)
                .await
                .unwrap(),
            1
        );
        let left = sqlx::query("select count(*) from logboom.ledger").fetch_one(&mut session).await.unwrap();
        assert_eq!(left.get::<i64, _>(0), 8);
        store.close().await;
    }
}
