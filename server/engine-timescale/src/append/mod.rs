//! Appends: ledger, block number, records, runs and block, in one transaction.

mod careful;
mod plan;

use std::{collections::HashSet, sync::Arc};

use pipeline::{Appended, Batch, BatchId, Block, Content, Delivery, NewDeadLetter, Result};
use sqlx::{Connection, PgConnection, PgPool, Row};

use self::plan::{Plan, Run};
use crate::{
    dead_letters,
    error::{classify, data_refusal},
    insert,
    partitions::{Days, days_of},
    session::Session,
};

/// The lower bits of a position are the record's ordinal in its block.
pub(crate) const ORDINAL_BITS: u32 = 20;
/// The limit of records per block.
const BLOCK_RECORDS: usize = 1 << ORDINAL_BITS;

/// The result of an append.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) appended: Appended,
    /// The stored blocks, in position order.
    pub(crate) blocks: Vec<Block>,
}

/// Stores the deliveries, in one transaction per block.
pub(crate) async fn append(pool: &PgPool, days: Option<&Days>, deliveries: &[Delivery]) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    for part in parts(deliveries) {
        if let Some(days) = days {
            let records = part.batches.iter().flat_map(|batch| &batch.records);
            let wanted = days_of(records.map(|record| record.time));
            days.prepare(pool, wanted).await;
        }
        let mut session = Session::open(pool).await?;
        let stored = match store(session.connection()?, &part, false).await {
            // Some record is refused as data: retries with bisection.
            Err(error) if data_refusal(&error).is_some() => store(session.connection()?, &part, true).await,
            other => other,
        };
        let stored = stored.map_err(classify)?;
        session.end();
        outcome.appended.append(stored.appended);
        outcome.blocks.extend(stored.blocks);
    }
    Ok(outcome)
}

/// The content of one transaction.
#[derive(Debug, Default)]
struct Part {
    /// Without duplicates.
    batches: Vec<Arc<Batch>>,
    /// Duplicates of these batches.
    repeated: Vec<Arc<Batch>>,
    letters: Vec<NewDeadLetter>,
    records: usize,
}

fn parts(deliveries: &[Delivery]) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    let mut seen = HashSet::new();
    for delivery in deliveries {
        let records = match &delivery.content {
            Content::Batch(batch) => batch.records.len(),
            Content::Undecodable { .. } => 0,
        };
        if parts.last().is_some_and(|part| part.records + records > BLOCK_RECORDS) {
            parts.push(Part::default());
        }
        let Some(part) = parts.last_mut() else { continue };
        match &delivery.content {
            Content::Batch(batch) if !seen.insert(batch.id) => part.repeated.push(Arc::clone(batch)),
            Content::Batch(batch) => {
                part.records += records;
                part.batches.push(Arc::clone(batch));
            }
            Content::Undecodable { bytes, reason } => part.letters.push(NewDeadLetter {
                reason: reason.clone(),
                producer: String::new(),
                batch_id: None,
                payload: bytes.clone(),
                records: 0,
            }),
        }
    }
    parts
}

/// Runs one transaction. If the response to the commit is lost, the ledger deduplicates the retry.
async fn store(connection: &mut PgConnection, part: &Part, careful: bool) -> sqlx::Result<Outcome> {
    let mut transaction = connection.begin().await?;
    let new = insert_ledger(&mut transaction, &part.batches).await?;
    let mut outcome = Outcome::default();
    let new_ids: HashSet<BatchId> = new.iter().map(|batch| batch.id).collect();
    let known = part.batches.iter().filter(|batch| !new_ids.contains(&batch.id));
    known.chain(&part.repeated).for_each(|batch| outcome.appended.duplicate(batch));
    let mut letters = part.letters.clone();

    let mut runs = Vec::new();
    let mut plan = Plan::new(&new);
    if plan.records() > 0 {
        let block: i64 = sqlx::query("select logboom.draw_block()").fetch_one(&mut *transaction).await?.try_get(0)?;
        plan.begin_at(block << ORDINAL_BITS);
        if careful {
            let refused = careful::store_valid(&mut transaction, &plan).await?;
            letters.extend(refused.letters);
            for (batch, place) in &refused.places {
                let record = new.get(*batch).and_then(|batch| batch.records.get(*place));
                record.into_iter().for_each(|record| outcome.appended.buried.add(record));
            }
            runs = plan.runs(|batch, place| refused.places.contains(&(batch, place)));
        } else {
            insert::store(&mut transaction, &plan.pieces()).await?;
            runs = plan.runs(|_, _| false);
        }
        insert_runs(&mut transaction, &runs).await?;
        outcome.appended.records = runs.iter().map(|run| run.places.len() as u64).sum();
        if let Some(last) = runs.last() {
            sqlx::query(include_str!("../../queries/insert_block.sql"))
                .bind(block)
                .bind(outcome.appended.records as i64)
                .bind(last.last())
                .execute(&mut *transaction)
                .await?;
            sqlx::query("select pg_notify('logboom_blocks', '')").execute(&mut *transaction).await?;
        }
    }
    outcome.appended.dead = letters.len() as u64;
    dead_letters::insert(&mut transaction, &letters).await?;
    transaction.commit().await?;
    outcome.blocks = runs.iter().map(Run::block).collect();
    Ok(outcome)
}

/// Adds the batches to the ledger; returns the new ones, in the given order.
async fn insert_ledger(connection: &mut PgConnection, batches: &[Arc<Batch>]) -> sqlx::Result<Vec<Arc<Batch>>> {
    if batches.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Vec<u8>> = batches.iter().map(|batch| batch.id.0.to_vec()).collect();
    let from_clients: Vec<bool> = batches.iter().map(|batch| batch.client_id).collect();
    let rows = sqlx::query(include_str!("../../queries/insert_ledger.sql"))
        .bind(ids)
        .bind(from_clients)
        .fetch_all(&mut *connection)
        .await?;
    let new = rows.iter().map(|row| row.try_get(0).map(BatchId)).collect::<sqlx::Result<HashSet<_>>>()?;
    Ok(batches.iter().filter(|batch| new.contains(&batch.id)).cloned().collect())
}

async fn insert_runs(connection: &mut PgConnection, runs: &[Run]) -> sqlx::Result<()> {
    if runs.is_empty() {
        return Ok(());
    }
    let producers: Vec<String> = runs.iter().map(|run| run.batch.producer.replace('\0', "\u{fffd}")).collect();
    sqlx::query(include_str!("../../queries/insert_runs.sql"))
        .bind(runs.iter().map(|run| run.first).collect::<Vec<i64>>())
        .bind(runs.iter().map(|run| run.places.len() as i32).collect::<Vec<i32>>())
        .bind(runs.iter().map(|run| run.bytes() as i64).collect::<Vec<i64>>())
        .bind(runs.iter().map(Run::first_id).collect::<Vec<_>>())
        .bind(runs.iter().map(|run| run.batch.id.0.to_vec()).collect::<Vec<_>>())
        .bind(runs.iter().map(|run| run.batch.client_id).collect::<Vec<bool>>())
        .bind(producers)
        .bind(runs.iter().map(|run| run.batch.observed_time).collect::<Vec<i64>>())
        .bind(runs.iter().map(|run| run.times().0).collect::<Vec<_>>())
        .bind(runs.iter().map(|run| run.times().1).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    Ok(())
}
