//! Blocks after a position: from memory if this process stored them, otherwise from the database.

use std::{ops::RangeInclusive, sync::Arc};

use model::{Position, StoredRecord, Text};
use pipeline::{Batch, BatchId, Block, Error, Result};
use sqlx::{PgPool, Row, postgres::PgRow};
use tokio::sync::watch;

use super::Recent;
use crate::{error::classify, read::stored_record, types::Instant};

/// The limit of runs per result.
const RUNS: i64 = 1_000;
/// The limits of records and bytes read per result; at least one run is read.
const RECORDS: usize = 20_000;
const BYTES: i64 = 16 << 20;

/// See [`pipeline::Log::follow`].
pub(crate) async fn follow(
    pool: &PgPool,
    recent: &Recent,
    mut newest: watch::Receiver<Position>,
    after: Position,
) -> Result<Vec<Block>> {
    let mut after = after;
    loop {
        let upto = *newest.borrow_and_update();
        if upto > after {
            let (blocks, reached) = blocks_between(pool, recent, after, upto).await?;
            if !blocks.is_empty() {
                return Ok(blocks);
            }
            // All records of those positions were deleted.
            after = reached;
            continue;
        }
        newest.changed().await.map_err(|_| Error::unavailable("the store is closed"))?;
    }
}

/// The first blocks with `after < position <= upto`, and the position that they reach.
async fn blocks_between(
    pool: &PgPool,
    recent: &Recent,
    after: Position,
    upto: Position,
) -> Result<(Vec<Block>, Position)> {
    let rows = sqlx::query(include_str!("../../queries/select_runs.sql"))
        .bind(after.0)
        .bind(upto.0)
        .bind(RUNS)
        .fetch_all(pool)
        .await
        .map_err(classify)?;
    let complete = (rows.len() as i64) < RUNS;
    let mut blocks = Vec::new();
    let (mut records, mut bytes) = (0, 0);
    let mut reached = after;
    for row in &rows {
        let run = Run::read(row).map_err(classify)?;
        reached = Position(run.last());
        // What is in memory has all records of the run.
        if let Some(block) = recent.get(run.first).filter(|_| run.first > after.0 && run.removed == 0) {
            blocks.push(block);
            continue;
        }
        blocks.extend(run.fetch(pool, after).await?);
        records += run.records;
        bytes += run.bytes;
        if records >= RECORDS as i64 || bytes >= BYTES {
            return Ok((blocks, reached));
        }
    }
    Ok((blocks, if complete { upto } else { reached }))
}

/// A row of `logboom.runs`.
struct Run {
    first: i64,
    records: i64,
    bytes: i64,
    batch_id: BatchId,
    client_id: bool,
    producer: Text,
    observed_time: i64,
    times: RangeInclusive<Instant>,
    /// How many of its records a deletion has removed.
    removed: i32,
}

impl Run {
    fn read(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            first: row.try_get(0)?,
            records: i64::from(row.try_get::<i32, _>(1)?),
            bytes: row.try_get(2)?,
            batch_id: BatchId(row.try_get(3)?),
            client_id: row.try_get(4)?,
            producer: row.try_get::<&str, _>(5)?.into(),
            observed_time: row.try_get(6)?,
            times: row.try_get(7)?..=row.try_get(8)?,
            removed: row.try_get(9)?,
        })
    }

    fn last(&self) -> i64 {
        self.first + self.records - 1
    }

    /// Reads the run's records after a position. Deleted records split the run into several blocks.
    async fn fetch(&self, pool: &PgPool, after: Position) -> Result<Vec<Block>> {
        let rows = sqlx::query(include_str!("../../queries/select_records.sql"))
            .bind(self.first.max(after.0.saturating_add(1)))
            .bind(self.last())
            .bind(*self.times.start())
            .bind(*self.times.end())
            .fetch_all(pool)
            .await
            .map_err(classify)?;
        let mut pieces: Vec<Vec<StoredRecord>> = Vec::new();
        for row in &rows {
            let stored = stored_record(row)?;
            match pieces.last_mut() {
                Some(piece) if piece.last().is_some_and(|last| last.position.0 + 1 == stored.position.0) => {
                    piece.push(stored);
                }
                _ => pieces.push(vec![stored]),
            }
        }
        Ok(pieces.into_iter().filter_map(|piece| self.block(piece)).collect())
    }

    fn block(&self, piece: Vec<StoredRecord>) -> Option<Block> {
        let first = piece.first()?.position;
        let batch = Batch {
            id: self.batch_id,
            client_id: self.client_id,
            producer: self.producer.clone(),
            observed_time: self.observed_time,
            records: piece.into_iter().map(|stored| stored.record).collect(),
        };
        Some(Block { first, batch: Arc::new(batch) })
    }
}
