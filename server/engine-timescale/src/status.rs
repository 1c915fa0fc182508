//! The status for health checks: kept in memory and refreshed in the background.

use std::time::Duration;

use model::Position;
use parking_lot::Mutex;
use pipeline::{Error, StoreStatus};
use sqlx::{PgPool, Row};
use tokio_util::sync::CancellationToken;

use crate::{append::ORDINAL_BITS, dead_letters, migrate::Layout};

/// The interval of refreshing sizes.
const REFRESH: Duration = Duration::from_secs(30);

/// The last known state of the store.
#[derive(Debug)]
pub(crate) struct Status {
    shown: Mutex<StoreStatus>,
    /// The records are counted up to this position.
    counted: tokio::sync::Mutex<Position>,
}

impl Status {
    pub(crate) fn new(engine: String) -> Self {
        let shown = StoreStatus { engine, ..StoreStatus::default() };
        Self { shown: Mutex::new(shown), counted: tokio::sync::Mutex::default() }
    }

    pub(crate) fn get(&self) -> StoreStatus {
        self.shown.lock().clone()
    }

    /// Marks the store as available. Logs the transition.
    pub(crate) fn well(&self) {
        if let Some(trouble) = self.shown.lock().trouble.take() {
            tracing::info!("postgresql is available again, after: {trouble}");
        }
    }

    /// Marks the store as unavailable. Logs the transition.
    pub(crate) fn trouble(&self, error: &Error) {
        if self.shown.lock().trouble.replace(error.message.clone()).is_none() {
            tracing::warn!("{error}");
        }
    }

    /// Adds the blocks up to `newest` that are not counted yet.
    pub(crate) async fn count_upto(&self, pool: &PgPool, newest: Position) -> sqlx::Result<()> {
        let mut counted = self.counted.lock().await;
        if newest <= *counted {
            return Ok(());
        }
        let row = sqlx::query(include_str!("../queries/count_blocks.sql"))
            .bind(counted.0)
            .bind(newest.0)
            .fetch_one(pool)
            .await?;
        self.shown.lock().records += row.try_get::<i64, _>(0)?.unsigned_abs();
        *counted = newest;
        Ok(())
    }

    /// Recounts the records of all blocks after a deletion.
    pub(crate) async fn recount(&self) {
        *self.counted.lock().await = Position::default();
        self.shown.lock().records = 0;
    }

    /// Runs the commit of a deletion of the records at these positions, and subtracts those that were counted. Nothing is
    /// counted meanwhile: a block is counted either with them and before, or without them and after.
    pub(crate) async fn commit_removal(
        &self,
        removed: &[i64],
        commit: impl Future<Output = sqlx::Result<()>>,
    ) -> sqlx::Result<()> {
        let mut counted = self.counted.lock().await;
        let done = commit.await;
        let mut shown = self.shown.lock();
        if done.is_ok() {
            let upto = counted.0 >> ORDINAL_BITS;
            let were_counted = removed.iter().filter(|position| **position >> ORDINAL_BITS <= upto).count();
            shown.records = shown.records.saturating_sub(were_counted as u64);
        } else {
            // It may have been committed all the same.
            shown.records = 0;
            *counted = Position::default();
        }
        done
    }

    /// Refreshes the figures that are not counted incrementally.
    pub(crate) async fn refresh(&self, pool: &PgPool, layout: &Layout) -> sqlx::Result<()> {
        let size = match layout {
            Layout::Partitions { .. } => sqlx::query(include_str!("../queries/bytes_partitions.sql")),
            Layout::Hypertable { .. } => sqlx::query(include_str!("../queries/bytes_hypertable.sql")),
        };
        let records: i64 = size.fetch_one(pool).await?.try_get(0)?;
        let summaries = sqlx::query(include_str!("../queries/bytes_summaries.sql"));
        let summaries: i64 = summaries.fetch_one(pool).await?.try_get(0)?;
        self.shown.lock().bytes = records.unsigned_abs() + summaries.unsigned_abs();
        self.count_dead_letters(pool).await
    }

    /// Recounts the dead letters after a change.
    pub(crate) async fn count_dead_letters(&self, pool: &PgPool) -> sqlx::Result<()> {
        let dead_letters = dead_letters::status(pool).await?;
        self.shown.lock().dead_letters = dead_letters;
        Ok(())
    }

    /// Refreshes until `stop` is cancelled.
    pub(crate) async fn refresh_until_stopped(&self, pool: PgPool, layout: Layout, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(REFRESH) => {}
            }
            if let Err(error) = self.refresh(&pool, &layout).await {
                tracing::debug!("cannot refresh the size of the store: {error}");
            }
        }
    }
}
