//! Retention: deletes records beyond the limits of age and size.
//!
//! Both limits drop whole days, oldest first, which frees their space at once; a record may live a day longer. Rows
//! outside a day partition are deleted in pieces, and those of services with their own retention an hour at a time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::{PgConnection, Row};

use super::one;
use crate::{
    Options,
    migrate::Layout,
    summaries::forget,
    turn::{Step, Turn},
    types::Instant,
};

/// The maximum number of rows per deletion; each is a transaction.
const ROWS: i64 = 20_000;

/// The limits, and how far each service was cleared.
pub(super) struct Retention {
    age: Option<Duration>,
    bytes: Option<i64>,
    services: Vec<Service>,
}

/// A service with its own retention.
struct Service {
    name: String,
    age: Duration,
    cleared: Option<Cleared>,
}

/// How far a service was cleared.
#[derive(Clone, Copy)]
struct Cleared {
    end: Instant,
    /// Records stored after this position may be older than `end`.
    position: i64,
}

impl Retention {
    pub(super) fn new(options: &Options) -> Self {
        let services = options.retention_services.iter();
        Self {
            age: options.retention,
            bytes: options.retention_bytes.map(|bytes| i64::try_from(bytes).unwrap_or(i64::MAX)),
            services: services.map(|(name, age)| Service { name: name.clone(), age: *age, cleared: None }).collect(),
        }
    }

    /// Deletes records beyond the limits. Returns whether there were any.
    pub(super) async fn keep_to(&mut self, turn: &mut Turn<'_>, layout: &Layout) -> sqlx::Result<bool> {
        let mut deleted = false;
        if let Some(age) = self.age {
            let end = before_now(age);
            deleted |= drop_days(turn, layout, end).await?;
            if matches!(layout, Layout::Partitions { .. }) {
                deleted |= delete_other(turn, layout, end).await? > 0;
            }
            // Runs stay as long as their records, because readers find the newest records by them.
            let gone = gone_before(turn.connection(), layout, end).await?;
            deleted |= delete(turn, include_str!("../../queries/delete_runs.sql"), gone).await? > 0;
        }
        if let Some(most) = self.bytes {
            deleted |= self.keep_to_size(turn, layout, most).await?;
        }
        for service in &mut self.services {
            deleted |= service.keep_to(turn, layout).await?;
        }
        if deleted {
            turn.execute(sqlx::query(include_str!("../../queries/delete_blocks.sql"))).await?;
        }
        Ok(deleted)
    }

    /// Drops the oldest days until the rest takes at most `most` bytes. The newest day always stays.
    async fn keep_to_size(&self, turn: &mut Turn<'_>, layout: &Layout, most: i64) -> sqlx::Result<bool> {
        let (size, oldest) = match layout {
            Layout::Hypertable { .. } => {
                (include_str!("../../queries/bytes_hypertable.sql"), include_str!("../../queries/oldest_chunk.sql"))
            }
            Layout::Partitions { .. } => {
                (include_str!("../../queries/bytes_partitions.sql"), include_str!("../../queries/oldest_partition.sql"))
            }
        };
        let mut deleted = false;
        while one::<i64>(turn.connection(), size).await? > most {
            let Some(day) = sqlx::query(oldest).fetch_optional(turn.connection()).await? else { break };
            let end: Instant = day.try_get(0)?;
            if !drop_days(turn, layout, end).await? {
                break;
            }
            delete(turn, include_str!("../../queries/delete_runs.sql"), end).await?;
            deleted = true;
        }
        Ok(deleted)
    }
}

impl Service {
    async fn keep_to(&mut self, turn: &mut Turn<'_>, layout: &Layout) -> sqlx::Result<bool> {
        let end = before_now(self.age);
        // There is no index by service, so only times that may have expired records are read.
        let position: i64 = one(turn.connection(), "select logboom.final_position()").await?;
        let begin = match self.cleared {
            Some(cleared) => {
                Some(cleared.end.min(earliest_since(turn.connection(), cleared.position).await?.unwrap_or(end)))
            }
            None => None,
        };
        let sql = include_str!("../../queries/delete_service.sql");
        let mut deleted = 0;
        // By hours, from the first remaining record.
        loop {
            let first: Option<Instant> = sqlx::query(include_str!("../../queries/first_of_service.sql"))
                .bind(&self.name)
                .bind(begin)
                .bind(end)
                .fetch_one(turn.connection())
                .await?
                .try_get(0)?;
            let Some(first) = first else { break };
            let hour = first.later(Duration::from_secs(3_600)).min(end);
            let mut step = begin_deletion(turn).await?;
            let delete = sqlx::query(sql).bind(&self.name).bind(first).bind(hour);
            deleted += delete.execute(step.connection()).await?.rows_affected();
            layout.minutes().note_deletion(step.connection(), first, hour).await?;
            forget::of_service(step.connection(), &self.name, first, hour).await?;
            step.commit().await?;
        }
        self.cleared = Some(Cleared { end, position });
        if deleted > 0 {
            tracing::info!(service = self.name, records = deleted, "retention deleted records of a service");
        }
        Ok(deleted > 0)
    }
}

async fn earliest_since(connection: &mut PgConnection, position: i64) -> sqlx::Result<Option<Instant>> {
    let earliest = include_str!("../../queries/earliest_since.sql");
    sqlx::query(earliest).bind(position).fetch_one(connection).await?.try_get(0)
}

/// Drops the partitions or chunks that end at or before `end`.
async fn drop_days(turn: &mut Turn<'_>, layout: &Layout, end: Instant) -> sqlx::Result<bool> {
    let drop_days = match layout {
        Layout::Hypertable { .. } => include_str!("../../queries/drop_chunks.sql"),
        Layout::Partitions { .. } => "select logboom.drop_days($1)",
    };
    let mut step = begin_deletion(turn).await?;
    let dropped = sqlx::query(drop_days).bind(end).fetch_all(step.connection()).await?;
    if !dropped.is_empty() {
        let before = gone_before(step.connection(), layout, end).await?;
        layout.minutes().note_deletion(step.connection(), Instant::BEFORE_ALL, before).await?;
        forget::before(step.connection(), before).await?;
    }
    step.commit().await?;
    for day in &dropped {
        tracing::info!(day = day.try_get::<String, _>(0)?, "retention deleted a day");
    }
    Ok(!dropped.is_empty())
}

/// All records of days from before this time are gone, after days were dropped up to `end`.
async fn gone_before(connection: &mut PgConnection, layout: &Layout, end: Instant) -> sqlx::Result<Instant> {
    let sql = match layout {
        Layout::Hypertable { .. } => include_str!("../../queries/dropped_before_chunks.sql"),
        Layout::Partitions { .. } => include_str!("../../queries/dropped_before_days.sql"),
    };
    sqlx::query(sql).bind(end).fetch_one(connection).await?.try_get(0)
}

/// Begins a step that deletes records. It waits briefly for locks, then lets other sessions proceed.
async fn begin_deletion<'t>(turn: &'t mut Turn<'_>) -> sqlx::Result<Step<'t>> {
    let mut step = turn.begin().await?;
    sqlx::query("set local lock_timeout = '3s'").execute(step.connection()).await?;
    forget::hold(step.connection()).await?;
    Ok(step)
}

/// Deletes old records outside of all days, in pieces.
async fn delete_other(turn: &mut Turn<'_>, layout: &Layout, end: Instant) -> sqlx::Result<usize> {
    let mut deleted = 0;
    loop {
        let mut step = begin_deletion(turn).await?;
        let delete = sqlx::query(include_str!("../../queries/delete_other.sql")).bind(end).bind(ROWS);
        let rows = delete.fetch_all(step.connection()).await?;
        if rows.is_empty() {
            step.undo().await?;
            return Ok(deleted);
        }
        deleted += rows.len();
        let positions = rows.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<Vec<i64>>>()?;
        let times = rows.iter().map(|row| row.try_get(1)).collect::<sqlx::Result<Vec<Instant>>>()?;
        let (earliest, latest) = (times.iter().min().copied(), times.iter().max().copied());
        let (earliest, latest) = earliest.zip(latest).unwrap_or((end, end));
        layout.minutes().note_deletion(step.connection(), earliest, latest).await?;
        forget::positions(step.connection(), &positions).await?;
        step.commit().await?;
    }
}

/// Deletes in pieces until nothing is left to delete.
async fn delete(turn: &mut Turn<'_>, sql: &'static str, end: Instant) -> sqlx::Result<u64> {
    let mut deleted = 0;
    loop {
        match turn.execute(sqlx::query(sql).bind(end).bind(ROWS)).await? {
            0 => return Ok(deleted),
            rows => deleted += rows,
        }
    }
}

fn before_now(age: Duration) -> Instant {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let micros = i64::try_from(now.saturating_sub(age).as_micros()).unwrap_or(i64::MAX);
    Instant::from_unix_micros(micros)
}
