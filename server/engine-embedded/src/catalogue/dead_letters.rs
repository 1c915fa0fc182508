//! The table of dead letters.

use std::time::{SystemTime, UNIX_EPOCH};

use pipeline::{
    BatchId, DeadLetter, DeadLetterBounds, DeadLetterHead, DeadLetterRequest, DeadLettersStatus, Error, NewDeadLetter,
    Result, dead_letters::log_dropped,
};
use sqlx::{Row, SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::{Catalogue, failed};

/// How many of the oldest letters are examined per step to free space.
const OLDEST: i64 = 100;

pub(super) async fn status(pool: &SqlitePool) -> Result<DeadLettersStatus> {
    let row = sqlx::query(include_str!("sql/dead_status.sql")).fetch_one(pool).await.map_err(failed)?;
    let number = |place: usize| row.try_get::<i64, _>(place).map(|number| number as u64).map_err(failed);
    Ok(DeadLettersStatus { letters: number(0)?, bytes: number(1)?, dropped: number(2)?, dropped_records: number(3)? })
}

/// The dropped letters.
#[derive(Debug, Clone, Copy, Default)]
struct Dropped {
    letters: u64,
    records: u64,
    bytes: u64,
}

impl Catalogue {
    /// Adds dead letters; beyond the limits the oldest are dropped. With `frame`, they are those of the write-ahead log
    /// up to that frame, which is recorded in the same transaction so that a replay does not add them again.
    pub(crate) async fn put_dead_letters(
        &self,
        letters: &[NewDeadLetter],
        frame: Option<u64>,
        bounds: DeadLetterBounds,
    ) -> Result<()> {
        let time = now();
        let mut transaction = self.pool.begin_with("begin immediate").await.map_err(failed)?;
        for letter in letters {
            let services =
                serde_json::to_string(&letter.services()).map_err(|error| Error::internal(error.to_string()))?;
            sqlx::query(include_str!("sql/dead_add.sql"))
                .bind(time)
                .bind(&letter.reason)
                .bind(&letter.producer)
                .bind(letter.batch_id.map(|id| id.0.to_vec()))
                .bind(i64::from(letter.records))
                .bind(&letter.payload)
                .bind(services)
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
        let bytes = letters.iter().map(NewDeadLetter::weight).sum::<u64>();
        let there = self.dead_letters.lock().bytes.saturating_add(bytes);
        let dropped = make_room(&mut transaction, there, bounds).await?;
        transaction.commit().await.map_err(failed)?;
        {
            let mut status = self.dead_letters.lock();
            status.letters += letters.len() as u64;
            status.bytes += bytes;
        }
        self.count_dropped(dropped);
        Ok(())
    }

    /// Drops the dead letters beyond the limits.
    pub(crate) async fn bound_dead_letters(&self, bounds: DeadLetterBounds) -> Result<()> {
        let DeadLettersStatus { letters, bytes, .. } = self.dead_letter_status();
        if letters == 0 {
            return Ok(());
        }
        let mut transaction = self.pool.begin_with("begin immediate").await.map_err(failed)?;
        let dropped = make_room(&mut transaction, bytes, bounds).await?;
        transaction.commit().await.map_err(failed)?;
        self.count_dropped(dropped);
        Ok(())
    }

    fn count_dropped(&self, dropped: Dropped) {
        {
            let mut status = self.dead_letters.lock();
            status.letters = status.letters.saturating_sub(dropped.letters);
            status.bytes = status.bytes.saturating_sub(dropped.bytes);
            status.dropped += dropped.letters;
            status.dropped_records += dropped.records;
        }
        log_dropped(dropped.letters, dropped.records);
    }

    /// A page of dead letters, newest first.
    pub(crate) async fn dead_letters(&self, request: &DeadLetterRequest) -> Result<Vec<DeadLetterHead>> {
        let filter = &request.filter;
        let rows = sqlx::query(include_str!("sql/dead_list.sql"))
            .bind(request.before.unwrap_or(i64::MAX))
            .bind(filter.upto.unwrap_or(i64::MAX))
            .bind(filter.range.from)
            .bind(filter.range.to)
            .bind(&filter.reason)
            .bind(&filter.producer)
            .bind(&filter.service)
            .bind(i64::try_from(request.limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        rows.iter().map(head).collect()
    }

    pub(crate) async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>> {
        let row =
            sqlx::query(include_str!("sql/dead_get.sql")).bind(id).fetch_optional(&self.pool).await.map_err(failed)?;
        row.as_ref().map(letter).transpose()
    }

    /// Deletes the dead letters with these ids; unknown ids are ignored.
    pub(crate) async fn remove_dead_letters(&self, ids: &[i64]) -> Result<u64> {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        let removed: Vec<i64> = sqlx::query_scalar(include_str!("sql/dead_remove.sql"))
            .bind(format!("[{}]", ids.join(",")))
            .fetch_all(&self.pool)
            .await
            .map_err(failed)?;
        let mut status = self.dead_letters.lock();
        status.letters = status.letters.saturating_sub(removed.len() as u64);
        status.bytes = status.bytes.saturating_sub(removed.iter().sum::<i64>() as u64);
        Ok(removed.len() as u64)
    }

    /// The counts, from memory.
    pub(crate) fn dead_letter_status(&self) -> DeadLettersStatus {
        *self.dead_letters.lock()
    }
}

/// Drops expired letters, then the oldest until the rest fits. `there` is the total in bytes.
async fn make_room(connection: &mut SqliteConnection, there: u64, bounds: DeadLetterBounds) -> Result<Dropped> {
    let mut dropped = expire(connection, bounds).await?;
    let mut last = None;
    while there.saturating_sub(dropped.bytes) > bounds.bytes {
        let rows = sqlx::query(include_str!("sql/dead_oldest.sql"))
            .bind(OLDEST)
            .fetch_all(&mut *connection)
            .await
            .map_err(failed)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            if there.saturating_sub(dropped.bytes) <= bounds.bytes {
                break;
            }
            let number = |name| row.try_get::<i64, _>(name).map_err(failed);
            last = Some(number("id")?);
            dropped.letters += 1;
            dropped.records += number("records")? as u64;
            dropped.bytes += number("bytes")? as u64;
        }
        sqlx::query(include_str!("sql/dead_drop.sql")).bind(last).execute(&mut *connection).await.map_err(failed)?;
    }
    if dropped.letters > 0 {
        sqlx::query(include_str!("sql/dead_dropped.sql"))
            .bind(dropped.letters as i64)
            .bind(dropped.records as i64)
            .execute(&mut *connection)
            .await
            .map_err(failed)?;
    }
    Ok(dropped)
}

async fn expire(connection: &mut SqliteConnection, bounds: DeadLetterBounds) -> Result<Dropped> {
    let oldest = now().saturating_sub(i64::try_from(bounds.age.as_nanos()).unwrap_or(i64::MAX));
    let row = sqlx::query(include_str!("sql/dead_expired.sql"))
        .bind(oldest)
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let number = |place: usize| row.try_get::<i64, _>(place).map(|number| number as u64).map_err(failed);
    let dropped = Dropped { letters: number(0)?, records: number(1)?, bytes: number(2)? };
    if dropped.letters > 0 {
        sqlx::query(include_str!("sql/dead_expire.sql")).bind(oldest).execute(connection).await.map_err(failed)?;
    }
    Ok(dropped)
}

fn batch_id(row: &SqliteRow) -> Result<Option<BatchId>> {
    let bytes = row.try_get::<Option<Vec<u8>>, _>("batch_id").map_err(failed)?;
    let read = |bytes: Vec<u8>| {
        bytes.try_into().map(BatchId).map_err(|_| Error::corrupt("the batch id of a dead letter is not 16 bytes long"))
    };
    bytes.map(read).transpose()
}

fn head(row: &SqliteRow) -> Result<DeadLetterHead> {
    let services: Option<String> = row.try_get("services").map_err(failed)?;
    Ok(DeadLetterHead {
        id: row.try_get("id").map_err(failed)?,
        time: row.try_get("time").map_err(failed)?,
        reason: row.try_get("reason").map_err(failed)?,
        producer: row.try_get("producer").map_err(failed)?,
        batch_id: batch_id(row)?,
        records: row.try_get::<i64, _>("records").map_err(failed)? as u32,
        bytes: row.try_get::<i64, _>("bytes").map_err(failed)? as u64,
        services: services.and_then(|services| serde_json::from_str(&services).ok()).unwrap_or_default(),
    })
}

fn letter(row: &SqliteRow) -> Result<DeadLetter> {
    Ok(DeadLetter {
        id: row.try_get("id").map_err(failed)?,
        time: row.try_get("time").map_err(failed)?,
        letter: NewDeadLetter {
            reason: row.try_get("reason").map_err(failed)?,
            producer: row.try_get("producer").map_err(failed)?,
            batch_id: batch_id(row)?,
            payload: row.try_get("payload").map_err(failed)?,
            records: row.try_get::<i64, _>("records").map_err(failed)? as u32,
        },
    })
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}
