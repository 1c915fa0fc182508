//! Keeps `logboom.minute_counts` up to date, where there is no continuous aggregate.

use std::time::{Duration, Instant as Clock};

use sqlx::Row;

use super::one;
use crate::{
    summaries::runs::{self, Limits},
    turn::Turn,
    types::Instant,
};

/// The records counted in one transaction.
const MOST: Limits = Limits { records: 1_000_000, bytes: i64::MAX };
/// The time for each kind of work in a round. A long backlog must not delay the other upkeep.
const LONGEST: Duration = Duration::from_secs(10);
/// About how many records are compared with their counts in a round.
const COMPARED: i64 = 100_000;
const MINUTE: Duration = Duration::from_secs(60);

/// What is remembered between rounds.
#[derive(Default)]
pub(super) struct MinuteCounts {
    /// The minute from which counts are compared next; `None`: the first one.
    next: Option<Instant>,
}

impl MinuteCounts {
    /// Counts what was stored since the last time, and afresh the minutes from which records were deleted. Each step is a
    /// transaction, so nothing is counted twice.
    pub(super) async fn refresh(&mut self, turn: &mut Turn<'_>) -> sqlx::Result<()> {
        let begun = Clock::now();
        while begun.elapsed() < LONGEST && add_stored(turn).await? {}
        recount(turn).await?;
        self.compare(turn).await
    }

    /// Compares some minutes with the records, so that records which are gone without a note are noticed: the loss ledger
    /// goes by these counts. From the first minute to the last, then again.
    async fn compare(&mut self, turn: &mut Turn<'_>) -> sqlx::Result<()> {
        let from = self.next.unwrap_or(Instant::BEFORE_ALL);
        let last: Option<Instant> = sqlx::query(include_str!("../../queries/select_compared.sql"))
            .bind(from)
            .bind(COMPARED)
            .fetch_one(turn.connection())
            .await?
            .try_get(0)?;
        self.next = last.map(|last| last.later(MINUTE));
        let Some(last) = last else { return Ok(()) };
        let differ: bool = sqlx::query(include_str!("../../queries/compare_minutes.sql"))
            .bind(from)
            .bind(last)
            .persistent(false)
            .fetch_one(turn.connection())
            .await?
            .try_get(0)?;
        if differ {
            tracing::warn!("the counts of minutes differ from the records; they are counted again");
            let note = "insert into logboom.minute_counts_changed (earliest, latest) values ($1, $2)";
            turn.execute(sqlx::query(note).bind(from).bind(last)).await?;
        }
        Ok(())
    }
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

/// Counts the minutes of deletions afresh. One that commits meanwhile has an id of its own, and is counted later.
async fn recount(turn: &mut Turn<'_>) -> sqlx::Result<()> {
    let changed = "select id, earliest, latest from logboom.minute_counts_changed order by earliest, latest desc";
    let rows = sqlx::query(changed).fetch_all(turn.connection()).await?;
    let mut changes: Vec<Change> = Vec::new();
    for row in &rows {
        let change = Change { ids: vec![row.try_get(0)?], earliest: row.try_get(1)?, latest: row.try_get(2)? };
        match changes.last_mut() {
            // It lies within minutes that are counted anyway.
            Some(last) if change.latest <= last.latest => last.ids.extend(change.ids),
            _ => changes.push(change),
        }
    }
    let begun = Clock::now();
    for change in changes {
        if begun.elapsed() >= LONGEST {
            break;
        }
        change.recount(turn).await?;
    }
    Ok(())
}

/// The times of deletions.
struct Change {
    ids: Vec<i64>,
    earliest: Instant,
    latest: Instant,
}

impl Change {
    async fn recount(self, turn: &mut Turn<'_>) -> sqlx::Result<()> {
        let mut step = turn.begin().await?;
        let upto: i64 = one(step.connection(), "select position from logboom.minute_counts_upto").await?;
        sqlx::query(include_str!("../../queries/delete_minute_counts.sql"))
            .bind(self.earliest)
            .bind(self.latest)
            .execute(step.connection())
            .await?;
        sqlx::query(include_str!("../../queries/recount_minutes.sql"))
            .bind(self.earliest)
            .bind(self.latest)
            .bind(upto)
            .persistent(false)
            .execute(step.connection())
            .await?;
        let forget = sqlx::query("delete from logboom.minute_counts_changed where id = any($1)").bind(self.ids);
        forget.execute(step.connection()).await?;
        step.commit().await
    }
}
