//! The ledger: the ids of stored batches, for deduplication.
//!
//! It is limited in days and in ids; beyond either limit the oldest days are dropped as a whole. The current day is
//! always kept.
//!
//! A day expires once the clock has passed it and as many newer days have batches. So a clock that jumps ahead, by a
//! day or by years, does not empty the ledger; only batches of many different days do.

use std::collections::{BTreeMap, HashSet};

use pipeline::{Batch, BatchId, Error, Result};
use sqlx::{Row, SqliteConnection};

use super::{Catalogue, failed};

/// Nanoseconds per day.
pub(crate) const DAY: i64 = 86_400_000_000_000;

/// The ledger day of a batch.
pub(crate) fn day_of(batch: &Batch) -> i64 {
    batch.observed_time.div_euclid(DAY)
}

/// Adds ids with their days.
pub(super) async fn add(connection: &mut SqliteConnection, ids: &[(i64, BatchId)]) -> Result<()> {
    let mut days: BTreeMap<i64, Vec<BatchId>> = BTreeMap::new();
    for (day, id) in ids {
        days.entry(*day).or_default().push(*id);
    }
    for (day, ids) in days {
        let added = sqlx::query(include_str!("sql/ledger_add.sql"))
            .bind(day)
            .bind(json(ids.iter()))
            .execute(&mut *connection)
            .await
            .map_err(failed)?
            .rows_affected();
        sqlx::query(include_str!("sql/ledger_count.sql"))
            .bind(day)
            .bind(added as i64)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(())
}

fn json<'a>(ids: impl Iterator<Item = &'a BatchId>) -> String {
    let ids: Vec<String> = ids.map(|id| format!("\"{id}\"")).collect();
    format!("[{}]", ids.join(","))
}

impl Catalogue {
    /// The ids that are in the ledger, on any day: the clock may have changed.
    pub(crate) async fn find_ids(&self, ids: &[BatchId]) -> Result<HashSet<BatchId>> {
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let rows = sqlx::query(include_str!("sql/ledger_find.sql"))
            .bind(json(ids.iter()))
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        rows.iter()
            .map(|row| {
                let bytes: Vec<u8> = row.try_get(0).map_err(failed)?;
                let bytes = bytes.try_into().map_err(|_| Error::corrupt("an id in the ledger is not 16 bytes long"))?;
                Ok(BatchId(bytes))
            })
            .collect()
    }

    /// Drops days more than `days` before the `current` day, except the newest `days` days with batches. Then drops the
    /// oldest others while there are more than `most` ids.
    pub(crate) async fn forget_ids(&self, current: i64, days: u16, most: u64) -> Result<()> {
        let (first, days) = (current - i64::from(days), usize::from(days));
        let rows = sqlx::query(include_str!("sql/ledger_days.sql")).fetch_all(&self.pool).await.map_err(failed)?;
        let mut kept = 0;
        for (age, row) in rows.iter().enumerate() {
            let day: i64 = row.try_get(0).map_err(failed)?;
            kept += row.try_get::<i64, _>(1).map_err(failed)? as u64;
            if (day >= first || age <= days) && (kept <= most || age == 0 || day == current) {
                continue;
            }
            let mut transaction = self.pool.begin_with("begin immediate").await.map_err(failed)?;
            for script in [include_str!("sql/ledger_forget.sql"), include_str!("sql/ledger_forget_day.sql")] {
                sqlx::query(script).bind(day).execute(&mut *transaction).await.map_err(failed)?;
            }
            transaction.commit().await.map_err(failed)?;
            tracing::debug!(day, "ledger day dropped");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ids_are_sought_and_the_ledger_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let catalogue = Catalogue::open(&folder.path().join("catalogue.sqlite")).await.unwrap();
        let explained = format!("explain query plan {}", include_str!("sql/ledger_find.sql"));
        let rows = sqlx::query(sqlx::AssertSqlSafe(explained)).bind("[]").fetch_all(&catalogue.pool).await.unwrap();
        let steps: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        assert!(steps.iter().any(|step| step == "SEARCH l USING PRIMARY KEY (day=? AND id=?)"), "{steps:?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN l")), "{steps:?}");
        catalogue.close().await;
    }
}
