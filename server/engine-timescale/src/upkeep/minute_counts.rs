//! Keeps `logboom.minute_counts` up to date, where there is no continuous aggregate.

use sqlx::Row;

use super::one;
use crate::{
    summaries::runs::{self, Limits},
    turn::Turn,
    types::Instant,
};

/// The records counted in one transaction.
const MOST: Limits = Limits { records: 1_000_000, bytes: i64::MAX };

/// Counts what was stored since the last time, and afresh the minutes from which records were deleted. Each step is a
/// transaction, so nothing is counted twice.
pub(super) async fn refresh(turn: &mut Turn<'_>) -> sqlx::Result<()> {
    while add_stored(turn).await? {}
    let changed = sqlx::query("select id, earliest, latest from logboom.minute_counts_changed order by id")
        .fetch_all(turn.connection())
        .await?;
    for change in &changed {
        recount(turn, change.try_get(0)?, change.try_get(1)?, change.try_get(2)?).await?;
    }
    Ok(())
}

/// Counts the first records that are not counted yet. `false` if there are none.
async fn add_stored(turn: &mut Turn<'_>) -> sqlx::Result<bool> {
    // Everything up to here is committed.
    let upto: i64 = one(turn.connection(), "select logboom.final_position()").await?;
    let known: i64 = one(turn.connection(), "select position from logboom.minute_counts_upto").await?;
    if known >= upto {
        return Ok(false);
    }
    let mut step = turn.begin().await?;
    let span = runs::next(step.connection(), known, upto, MOST).await?;
    if let Some(span) = &span {
        // Planned for these values: the bounds of time exclude partitions and chunks.
        sqlx::query(include_str!("../../queries/count_minutes.sql"))
            .bind(known)
            .bind(span.last)
            .bind(span.earliest)
            .bind(span.latest)
            .persistent(false)
            .execute(step.connection())
            .await?;
    }
    // Without runs there are no records up to the newest position.
    sqlx::query("update logboom.minute_counts_upto set position = $1")
        .bind(span.map_or(upto, |span| span.last))
        .execute(step.connection())
        .await?;
    step.commit().await?;
    Ok(true)
}

/// Counts the minutes of a deletion afresh. One that commits meanwhile has an id of its own, and is counted later.
async fn recount(turn: &mut Turn<'_>, id: i64, earliest: Instant, latest: Instant) -> sqlx::Result<()> {
    let mut step = turn.begin().await?;
    let upto: i64 = one(step.connection(), "select position from logboom.minute_counts_upto").await?;
    sqlx::query(include_str!("../../queries/delete_minute_counts.sql"))
        .bind(earliest)
        .bind(latest)
        .execute(step.connection())
        .await?;
    sqlx::query(include_str!("../../queries/recount_minutes.sql"))
        .bind(earliest)
        .bind(latest)
        .bind(upto)
        .persistent(false)
        .execute(step.connection())
        .await?;
    sqlx::query("delete from logboom.minute_counts_changed where id = $1").bind(id).execute(step.connection()).await?;
    step.commit().await
}
