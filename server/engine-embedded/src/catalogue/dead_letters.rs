//! Dead letters: what could not be stored, with the reason, until someone decides.

use std::{
    sync::atomic::Ordering,
    time::{SystemTime, UNIX_EPOCH},
};

use pipeline::{BatchId, DeadLetter, Error, NewDeadLetter, Result};
use sqlx::{Row, SqlitePool, sqlite::SqliteRow};

use super::{Catalogue, failed};

pub(super) async fn count(pool: &SqlitePool) -> Result<u64> {
    let count: i64 = sqlx::query_scalar(include_str!("sql/dead_count.sql")).fetch_one(pool).await.map_err(failed)?;
    Ok(count as u64)
}

impl Catalogue {
    /// Adds dead letters. With `frame`, they are those of the journal up to that frame,
    /// which is noted in the same transaction so that a replay does not add them again.
    pub(crate) async fn put_dead_letters(&self, letters: &[NewDeadLetter], frame: Option<u64>) -> Result<()> {
        let time = now();
        let mut transaction = self.pool.begin_with("begin immediate").await.map_err(failed)?;
        for letter in letters {
            sqlx::query(include_str!("sql/dead_add.sql"))
                .bind(time)
                .bind(&letter.reason)
                .bind(&letter.producer)
                .bind(letter.batch_id.map(|id| id.0.to_vec()))
                .bind(i64::from(letter.records))
                .bind(&letter.payload)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        if let Some(frame) = frame {
            sqlx::query(include_str!("sql/cursor_dead.sql"))
                .bind(frame as i64)
                .execute(&mut *transaction)
                .await
                .map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
        self.dead_letters.fetch_add(letters.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// The newest dead letters, newest first, with an id below `before`.
    pub(crate) async fn dead_letters(&self, before: Option<i64>, limit: usize) -> Result<Vec<DeadLetter>> {
        let rows = sqlx::query(include_str!("sql/dead_list.sql"))
            .bind(before.unwrap_or(i64::MAX))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        rows.iter().map(letter).collect()
    }

    /// Removes the dead letters with these ids; unknown ones are ignored.
    pub(crate) async fn remove_dead_letters(&self, ids: &[i64]) -> Result<()> {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        let removed = sqlx::query(include_str!("sql/dead_remove.sql"))
            .bind(format!("[{}]", ids.join(",")))
            .execute(&self.pool)
            .await
            .map_err(failed)?
            .rows_affected();
        self.dead_letters.fetch_sub(removed, Ordering::Relaxed);
        Ok(())
    }
}

fn letter(row: &SqliteRow) -> Result<DeadLetter> {
    let batch_id = row
        .try_get::<Option<Vec<u8>>, _>("batch_id")
        .map_err(failed)?
        .map(|bytes| {
            bytes.try_into().map(BatchId).map_err(|_| Error::corrupt("a dead letter's batch id is not of 16 bytes"))
        })
        .transpose()?;
    Ok(DeadLetter {
        id: row.try_get("id").map_err(failed)?,
        time: row.try_get("time").map_err(failed)?,
        letter: NewDeadLetter {
            reason: row.try_get("reason").map_err(failed)?,
            producer: row.try_get("producer").map_err(failed)?,
            batch_id,
            payload: row.try_get("payload").map_err(failed)?,
            records: row.try_get::<i64, _>("records").map_err(failed)? as u32,
        },
    })
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}
