//! The task that seals and builds blocks, on one node at a time.

use std::time::{Duration, Instant};

use pipeline::{ErrorClass, Lease, Result, hold, holder};
use sqlx::{PgPool, Row};
use tokio_util::sync::CancellationToken;

use super::{
    build::Unbuilt,
    forget,
    seal::{Rules, seal},
};
use crate::{
    Options,
    error::{classify, is_lease_lost},
    leases::StoredLeases,
    session::Session,
    turn::Turn,
    types,
};

/// The name of the lease under which a node builds summaries.
const LEASE: &str = "summaries";
/// The duration of the lease, and so the time until another node takes over from one that has vanished.
const LASTS: Duration = Duration::from_secs(30);
/// How many rounds there are for each round of upkeep, and the shortest pause.
const ROUNDS: u32 = 15;
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// The most records of a block: their ordinals are numbers of 16 bits.
const MOST_RECORDS: i64 = 1 << 16;
/// One block is checked in so many rounds.
const CHECK_EVERY: u32 = 15;
/// After so many rounds, blocks that could not be built are tried again.
const TRY_AGAIN_EVERY: u32 = 1_800;

/// Builds the summaries of a store.
pub(crate) struct Summaries {
    pool: PgPool,
    rules: Rules,
    pause: Duration,
    rounds: u32,
    /// Blocks that cannot be built, because some record cannot be read. They do not keep the others waiting.
    failed: Vec<i64>,
}

impl Summaries {
    pub(crate) fn new(pool: PgPool, options: &Options) -> Self {
        let records = i64::try_from(options.summary_rows).unwrap_or(MOST_RECORDS).clamp(1, MOST_RECORDS);
        Self {
            pool,
            rules: Rules { records, idle: options.summary_idle },
            pause: (options.upkeep_pause / ROUNDS).max(SHORTEST_PAUSE),
            rounds: 0,
            failed: Vec::new(),
        }
    }

    /// Runs a round after each pause, until `stop` is cancelled.
    pub(crate) async fn run(&mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(self.pause) => {}
            }
            let leases = StoredLeases::new(self.pool.clone());
            let holder = holder();
            let held = hold(&leases, LEASE, &holder, LASTS, async |lease| {
                tokio::select! {
                    () = stop.cancelled() => Ok(()),
                    done = self.round(lease) => done,
                }
            });
            match held.await {
                Ok(None | Some(Ok(()))) => {}
                Ok(Some(Err(error))) | Err(error) if error.class == ErrorClass::Conflict => {
                    tracing::warn!("another node builds the summaries now: {error}");
                }
                Ok(Some(Err(error))) | Err(error) => tracing::debug!("cannot build the summaries now: {error}"),
            }
        }
    }

    /// Seals what is final, builds all blocks that are not built, and checks one that is.
    async fn round(&mut self, lease: Lease) -> Result<()> {
        let mut session = Session::open(&self.pool).await?;
        let turn = &mut Turn::new(session.connection()?, lease);
        loop {
            seal(turn, self.rules).await.map_err(classify)?;
            let unbuilt = Unbuilt::newest(turn.connection(), &self.failed).await.map_err(classify)?;
            let Some(block) = unbuilt else { break };
            let begun = Instant::now();
            match block.build(turn).await {
                Ok(()) => {}
                Err(error) if is_lease_lost(&error) => return Err(classify(error)),
                Err(error) => {
                    let error = classify(error);
                    if !matches!(error.class, ErrorClass::Corrupt | ErrorClass::Internal) {
                        return Err(error);
                    }
                    tracing::warn!("the block at position {} has no summary: {error}", block.first);
                    self.failed.push(block.first);
                }
            }
            // At most half of a core, so that appends and searches come first.
            tokio::time::sleep(begun.elapsed()).await;
        }
        self.rounds = self.rounds.wrapping_add(1);
        if self.rounds.is_multiple_of(TRY_AGAIN_EVERY) {
            self.failed.clear();
        }
        if self.rounds.is_multiple_of(CHECK_EVERY) {
            check(turn).await.map_err(classify)?;
        }
        session.end();
        Ok(())
    }
}

/// Checks whether the block that was checked longest ago has as many records as when it was built. Rows that were deleted
/// by hand, or by a node of an older version, make it forgotten.
async fn check(turn: &mut Turn<'_>) -> sqlx::Result<()> {
    let oldest = sqlx::query(include_str!("../../queries/select_unchecked.sql"));
    let Some(block) = oldest.fetch_optional(turn.connection()).await? else { return Ok(()) };
    let first: i64 = block.try_get(0)?;
    let counted = sqlx::query(include_str!("../../queries/count_block.sql"))
        .bind(first)
        .bind(block.try_get::<i64, _>(1)?)
        .bind(block.try_get::<types::Instant, _>(2)?)
        .bind(block.try_get::<types::Instant, _>(3)?)
        .persistent(false)
        .fetch_one(turn.connection())
        .await?;
    let (left, records): (i64, Option<i64>) = (counted.try_get(0)?, counted.try_get(1)?);
    let mut step = turn.begin().await?;
    if let Some(records) = records
        && records != left
    {
        tracing::warn!(first, records, left, "records of a block were deleted without its summary; it is built again");
        forget::block(step.connection(), first).await?;
    } else {
        let checked = "update logboom.summaries set checked_at = now() where first_position = $1";
        sqlx::query(checked).bind(first).execute(step.connection()).await?;
    }
    step.commit().await
}
