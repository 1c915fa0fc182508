//! Dead letters: writing, listing, limits and removal (invariant C5).

use model::time::Nanos;
use pipeline::{
    BatchId, DeadLetter, DeadLetterBounds, DeadLetterHead, DeadLetterRequest, DeadLettersStatus, NewDeadLetter, Result,
    dead_letters::log_dropped,
};
use sqlx::{PgConnection, PgPool, Row, postgres::PgRow};

use crate::{error::classify, types::Instant};

pub(crate) async fn insert(connection: &mut PgConnection, letters: &[NewDeadLetter]) -> sqlx::Result<()> {
    if letters.is_empty() {
        return Ok(());
    }
    let text = |text: &str| text.replace('\0', "\u{fffd}");
    let services = |letter: &NewDeadLetter| -> String {
        let services = letter.services();
        serde_json::Value::from(services.iter().map(|service| text(service)).collect::<Vec<_>>()).to_string()
    };
    sqlx::query(include_str!("../queries/insert_dead_letters.sql"))
        .bind(letters.iter().map(|letter| text(&letter.reason)).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| text(&letter.producer)).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| letter.batch_id.map(|id| id.0.to_vec())).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| letter.payload.clone()).collect::<Vec<_>>())
        .bind(letters.iter().map(|letter| i64::from(letter.records)).collect::<Vec<_>>())
        .bind(letters.iter().map(services).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// See [`pipeline::LogStore::dead_letters`].
pub(crate) async fn list(pool: &PgPool, request: &DeadLetterRequest) -> Result<Vec<DeadLetterHead>> {
    let filter = &request.filter;
    // The server stores microseconds. The range includes its start and excludes its end, so both are rounded up.
    let microsecond = |time: Nanos| time.div_euclid(1_000) + i64::from(time.rem_euclid(1_000) > 0);
    // As on insertion: PostgreSQL cannot store NUL.
    let text = |text: &Option<String>| text.as_ref().map(|text| text.replace('\0', "\u{fffd}"));
    let rows = sqlx::query(include_str!("../queries/select_dead_letters.sql"))
        .bind(request.before.unwrap_or(i64::MAX))
        .bind(filter.upto.unwrap_or(i64::MAX))
        .bind(microsecond(filter.range.from))
        .bind(microsecond(filter.range.to))
        .bind(text(&filter.reason))
        .bind(text(&filter.producer))
        .bind(text(&filter.service))
        .bind(i64::try_from(request.limit).unwrap_or(i64::MAX))
        .fetch_all(pool)
        .await
        .map_err(classify)?;
    rows.iter().map(|row| head(row).map_err(classify)).collect()
}

/// See [`pipeline::LogStore::dead_letter`].
pub(crate) async fn get(pool: &PgPool, id: i64) -> Result<Option<DeadLetter>> {
    let row = sqlx::query(include_str!("../queries/select_dead_letter.sql"))
        .bind(id)
        .fetch_optional(pool)
        .await
        .map_err(classify)?;
    row.as_ref().map(dead_letter).transpose().map_err(classify)
}

fn head(row: &PgRow) -> sqlx::Result<DeadLetterHead> {
    let time: Instant = row.try_get(1)?;
    let batch_id: Option<[u8; 16]> = row.try_get(4)?;
    Ok(DeadLetterHead {
        id: row.try_get(0)?,
        time: Nanos::from(time.join(0)),
        reason: row.try_get(2)?,
        producer: row.try_get(3)?,
        batch_id: batch_id.map(BatchId),
        records: u32::try_from(row.try_get::<i64, _>(5)?).unwrap_or(u32::MAX),
        bytes: row.try_get::<i64, _>(6)?.unsigned_abs(),
        services: row.try_get::<Option<Vec<String>>, _>(7)?.unwrap_or_default(),
    })
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
pub(crate) async fn remove(pool: &PgPool, ids: &[i64]) -> Result<u64> {
    let removed = sqlx::query("delete from logboom.dead_letters where id = any($1)")
        .bind(ids)
        .execute(pool)
        .await
        .map_err(classify)?;
    Ok(removed.rows_affected())
}

/// Drops the letters beyond the limits. If several nodes do so at once, each counts only those that it deleted.
pub(crate) async fn bound(connection: &mut PgConnection, bounds: DeadLetterBounds) -> sqlx::Result<()> {
    let (letters, records) = delete_past_bounds(connection, bounds).await?;
    log_dropped(letters, records);
    Ok(())
}

/// Deletes the letters beyond the limits. Returns the number of letters and of their records.
pub(crate) async fn delete_past_bounds(
    connection: &mut PgConnection,
    bounds: DeadLetterBounds,
) -> sqlx::Result<(u64, u64)> {
    let dropped = sqlx::query(include_str!("../queries/drop_dead_letters.sql"))
        .bind(i64::try_from(bounds.bytes).unwrap_or(i64::MAX))
        .bind(bounds.age.as_secs_f64())
        .fetch_optional(connection)
        .await?;
    let Some(row) = dropped else { return Ok((0, 0)) };
    Ok((row.try_get::<i64, _>(0)?.unsigned_abs(), row.try_get::<i64, _>(1)?.unsigned_abs()))
}

/// The counts of stored and of dropped letters.
pub(crate) async fn status(pool: &PgPool) -> sqlx::Result<DeadLettersStatus> {
    let row = sqlx::query(include_str!("../queries/status_dead_letters.sql")).fetch_one(pool).await?;
    let number = |place: usize| row.try_get::<i64, _>(place).map(i64::unsigned_abs);
    Ok(DeadLettersStatus { letters: number(0)?, bytes: number(1)?, dropped: number(2)?, dropped_records: number(3)? })
}
