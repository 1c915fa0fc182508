//! Reads counted values of a field.

use std::collections::HashMap;

use indexes::{
    Damaged,
    values::{Found, read_counts, read_pairs, slot_of},
};
use pipeline::{Error, Result};
use sqlx::Row;

use crate::{error::classify, session::Session};

/// The blocks whose counts are in memory at once.
const BLOCKS: usize = 64;

/// The records of a block to count.
#[derive(Debug)]
pub(crate) struct OfBlock {
    pub(crate) first: i64,
    /// By pair ([`indexes::values::pair_of`]); `None`: all.
    pub(crate) pairs: Option<Vec<bool>>,
    /// How many records of these pairs the block has.
    pub(crate) records: u64,
}

/// The counts of a field's values.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) values: HashMap<String, u64>,
    /// Records without a value.
    pub(crate) missing: u64,
    /// The blocks in which the field is not counted, by their first positions.
    pub(crate) left_out: Vec<i64>,
}

/// Counts a field's values; `None` if there are more than `most`, or if counts are damaged.
pub(crate) async fn count(
    session: &mut Session,
    field: &str,
    blocks: Vec<OfBlock>,
    most: usize,
) -> Result<Option<Counts>> {
    let mut all = Counts::default();
    let mut blocks = blocks.into_iter().peekable();
    while blocks.peek().is_some() {
        let some: Vec<OfBlock> = blocks.by_ref().take(BLOCKS).collect();
        let tasks = read(session, field, some).await?;
        for counts in merge_all(field, tasks, most).await? {
            match counts {
                Ok(Some(counts)) => all.merge(counts),
                Ok(None) => return Ok(None),
                Err(error) => {
                    tracing::warn!("the counts of values of {field}: {error}; the records are read");
                    return Ok(None);
                }
            }
        }
        if all.values.len() > most {
            return Ok(None);
        }
    }
    Ok(Some(all))
}

/// A block, with the bytes of the field's slot; `None` if no field of the slot has a value.
type Task = (OfBlock, Option<Vec<u8>>);

async fn read(session: &mut Session, field: &str, blocks: Vec<OfBlock>) -> Result<Vec<Task>> {
    let mut slots: HashMap<i64, Vec<u8>> = HashMap::with_capacity(blocks.len());
    let (counts, pairs) =
        (include_str!("../../queries/select_counts.sql"), include_str!("../../queries/select_pairs.sql"));
    for (sql, is_meant) in [(counts, true), (pairs, false)] {
        let firsts: Vec<i64> =
            blocks.iter().filter(|block| block.pairs.is_none() == is_meant).map(|block| block.first).collect();
        if firsts.is_empty() {
            continue;
        }
        let query = sqlx::query(sql).bind(slot_of(field)).bind(firsts);
        for row in query.fetch_all(session.connection()?).await.map_err(classify)? {
            slots.insert(row.try_get(0).map_err(classify)?, row.try_get(1).map_err(classify)?);
        }
    }
    Ok(blocks
        .into_iter()
        .map(|block| {
            let slot = slots.remove(&block.first);
            (block, slot)
        })
        .collect())
}

/// The counts of some blocks; `None` if they have too many values.
type Merged = std::result::Result<Option<Counts>, Damaged>;

/// Decodes and merges in two threads.
async fn merge_all(field: &str, mut tasks: Vec<Task>, most: usize) -> Result<[Merged; 2]> {
    let others = tasks.split_off(tasks.len() / 2);
    let spawn = |tasks: Vec<Task>| {
        let field = field.to_owned();
        tokio::task::spawn_blocking(move || merge(&field, tasks, most))
    };
    let (one, other) = (spawn(tasks), spawn(others));
    let ended = |error: tokio::task::JoinError| Error::internal(format!("a count ended: {error}"));
    Ok([one.await.map_err(ended)?, other.await.map_err(ended)?])
}

fn merge(field: &str, tasks: Vec<Task>, most: usize) -> Merged {
    let mut counts = Counts::default();
    for (block, slot) in tasks {
        let mut counted = 0;
        let found = match (&slot, &block.pairs) {
            (None, _) => Found::Nothing,
            (Some(slot), None) => read_counts(slot, field, |value, records| {
                counted += records;
                counts.add(value, records);
            })?,
            (Some(slot), Some(pairs)) => read_pairs(slot, field, |value, pair, records| {
                if pairs.get(pair as usize).copied().unwrap_or_default() {
                    counted += records;
                    counts.add(value, records);
                }
            })?,
        };
        match found {
            Found::LeftOut => counts.left_out.push(block.first),
            Found::Nothing | Found::Counted => counts.missing += block.records.checked_sub(counted).ok_or(Damaged)?,
        }
        if counts.values.len() > most {
            return Ok(None);
        }
    }
    Ok(Some(counts))
}

impl Counts {
    fn add(&mut self, value: &str, records: u64) {
        match self.values.get_mut(value) {
            Some(known) => *known += records,
            None => {
                self.values.insert(value.to_owned(), records);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        self.missing += other.missing;
        self.left_out.extend(other.left_out);
        if self.values.is_empty() {
            self.values = other.values;
            return;
        }
        for (value, records) in other.values {
            *self.values.entry(value).or_default() += records;
        }
    }
}
