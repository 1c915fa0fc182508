//! What could not be stored: written, listed, removed (invariant C5).

use model::time::Nanos;
use pipeline::{BatchId, DeadLetter, NewDeadLetter, Result};
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};

use crate::{error::classify, types::Instant};

/// The most that are listed at once: each holds up to a batch.
const LISTED: usize = 1_000;

pub(crate) async fn insert(connection: &mut PgConnection, letters: &[NewDeadLetter]) -> sqlx::Result<()> {
    if letters.is_empty() {
        return Ok(());
    }
    let text = |text: &str| text.replace('\0', "\u{fffd}");
    sqlx::query(include_str!("../queries/insert_dead_letters.sql"))
        .bind(letters.iter().map(|letter| text(&letter.reason)).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| text(&letter.producer)).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| letter.batch_id.map(|id| id.0.to_vec())).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| letter.payload.clone()).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| i64::from(letter.records)).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// See [`pipeline::LogStore::dead_letters`].
pub(crate) async fn list(pool: &PgPool, before: Option<i64>, limit: usize) -> Result<Vec<DeadLetter>> {
    let rows = sqlx::query(include_str!("../queries/select_dead_letters.sql"))
        .bind(before.unwrap_or(i64::MAX))
        .bind(limit.min(LISTED) as i64)
        .fetch_all(pool)
        .await
        .map_err(classify)?;
    rows.iter().map(|row| dead_letter(row).map_err(classify)).collect()
}

fn dead_letter(row: &PgRow) -> sqlx::Result<DeadLetter> {
    let time: Instant = row.try_get(1)?;
    let batch_id: Option<[u8; 16]> = row.try_get(4)?;
    Ok(DeadLetter {
        id: row.try_get(0)?,
        time: Nanos::from(time.join(0)),
        letter: NewDeadLetter {
            reason: row.try_get(2)?,
            producer: row.try_get(3)?,
            batch_id: batch_id.map(BatchId),
            payload: row.try_get(5)?,
            records: u32::try_from(row.try_get::<i64, _>(6)?).unwrap_or(u32::MAX),
        },
    })
}

/// See [`pipeline::LogStore::remove_dead_letters`].
pub(crate) async fn remove(pool: &PgPool, ids: &[i64]) -> Result<()> {
    sqlx::query("delete from logboom.dead_letters where id = any($1)")
        .bind(ids)
        .execute(pool)
        .await
        .map_err(classify)?;
    Ok(())
}

/// How many there are.
pub(crate) async fn count(pool: &PgPool) -> sqlx::Result<u64> {
    let row = sqlx::query("select count(*) from logboom.dead_letters").fetch_one(pool).await?;
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}
