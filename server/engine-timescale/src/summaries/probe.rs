//! Leaves out blocks in which no record can match.

use std::{collections::HashMap, sync::Arc};

use indexes::{
    filter,
    messages::{Sets, Text},
};
use model::{
    Query, Record,
    query::{Expr, Field, Test},
};
use pipeline::Result;
use sqlx::Row;

use super::{Cache, Head};
use crate::{error::classify, session::Session};

/// A query with more values is not tested by filters: each value of each block costs a read.
const VALUES: usize = 64;
/// The blocks whose sets or filters are read by one statement.
const BLOCKS: usize = 512;

/// Texts that the message of every matching record contains, in any case.
pub(crate) fn texts_of(query: &Query) -> Vec<&str> {
    query.required().iter().filter_map(text_of).collect()
}

/// A text that the message of every record contains for which the expression holds.
fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Contains(text) | Expr::Field(Field::Message, Test::Prefix(text)) => Some(text.as_str()),
        Expr::Field(Field::Message, Test::Regex(pattern)) => pattern.required_literal(),
        _ => None,
    }
}

/// The blocks in which a record may match.
pub(crate) async fn keep(session: &mut Session, cache: &Cache, query: &Query, heads: Vec<Head>) -> Result<Vec<Head>> {
    let leaves = Leaves::of(&query.expr);
    let mut kept = Vec::new();
    let mut heads = heads.into_iter().peekable();
    while heads.peek().is_some() {
        let some: Vec<Head> = heads.by_ref().take(BLOCKS).collect();
        let known = Known {
            by_pair: leaves.by_pair,
            sets: if leaves.has_texts { sets_of(session, cache, &some).await? } else { HashMap::new() },
            slices: if leaves.hashes.is_empty() { HashMap::new() } else { slices_of(session, &leaves, &some).await? },
        };
        kept.extend(some.into_iter().filter(|head| known.may_match(query, head)));
    }
    Ok(kept)
}

/// What a query tests of messages and values.
#[derive(Debug, Default)]
struct Leaves {
    has_texts: bool,
    /// Whether it tests services or level classes.
    by_pair: bool,
    /// Of the values; empty if there are too many.
    hashes: Vec<u64>,
}

impl Leaves {
    fn of(expr: &Expr) -> Self {
        let mut leaves = Self::default();
        leaves.visit(expr);
        if leaves.hashes.len() > VALUES {
            leaves.hashes.clear();
        }
        leaves
    }

    fn visit(&mut self, expr: &Expr) {
        match expr {
            Expr::And(operands) | Expr::Or(operands) => operands.iter().for_each(|operand| self.visit(operand)),
            Expr::Not(operand) => self.visit(operand),
            Expr::Field(Field::Service | Field::Level, _) => self.by_pair = true,
            Expr::Field(field, Test::AnyOf(values)) if is_filtered(field) => {
                let seed = filter::seed_of(&field.name());
                self.hashes.extend(values.iter().map(|value| filter::hash_of(seed, value)));
            }
            other => self.has_texts |= text_of(other).is_some_and(|text| !Text::of(text).is_everywhere()),
        }
    }
}

/// Whether the values of the field may be in a filter.
fn is_filtered(field: &Field) -> bool {
    matches!(field, Field::Node | Field::TraceId | Field::SpanId | Field::Attribute(_))
}

/// The sets of messages. A damaged one is left out, so that it rules out nothing.
async fn sets_of(session: &mut Session, cache: &Cache, heads: &[Head]) -> Result<HashMap<i64, Arc<Sets>>> {
    let mut sets: HashMap<i64, Arc<Sets>> = HashMap::new();
    let mut unknown: Vec<i64> = Vec::new();
    for head in heads.iter().filter(|head| head.is_built) {
        match cache.get(head.first) {
            Some(known) => drop(sets.insert(head.first, known)),
            None => unknown.push(head.first),
        }
    }
    if unknown.is_empty() {
        return Ok(sets);
    }
    let query = sqlx::query(include_str!("../../queries/select_message_sets.sql")).bind(unknown);
    for row in query.fetch_all(session.connection()?).await.map_err(classify)? {
        let first: i64 = row.try_get(0).map_err(classify)?;
        match Sets::read(row.try_get(1).map_err(classify)?) {
            Ok(read) => {
                let read = Arc::new(read);
                cache.add(first, Arc::clone(&read));
                sets.insert(first, read);
            }
            Err(error) => tracing::warn!("the messages of the block at position {first}: {error}"),
        }
    }
    Ok(sets)
}

/// The pieces of the filters that have the bits of a hash, by block and hash.
async fn slices_of(session: &mut Session, leaves: &Leaves, heads: &[Head]) -> Result<HashMap<(i64, u64), Vec<u8>>> {
    let firsts: Vec<i64> = heads.iter().filter(|head| head.id_blocks.is_some()).map(|head| head.first).collect();
    let uppers: Vec<i64> = leaves.hashes.iter().map(|hash| (hash >> 32) as i64).collect();
    let query = sqlx::query(include_str!("../../queries/select_id_slices.sql")).bind(firsts).bind(uppers);
    let rows = query.fetch_all(session.connection()?).await.map_err(classify)?;
    let mut slices = HashMap::with_capacity(rows.len());
    for row in &rows {
        let first: i64 = row.try_get(0).map_err(classify)?;
        let place: i64 = row.try_get(1).map_err(classify)?;
        let slice: Option<Vec<u8>> = row.try_get(2).map_err(classify)?;
        let hash = usize::try_from(place - 1).ok().and_then(|place| leaves.hashes.get(place));
        if let (Some(hash), Some(slice)) = (hash, slice) {
            slices.insert((first, *hash), slice);
        }
    }
    Ok(slices)
}

/// What was read of some blocks.
#[derive(Debug)]
struct Known {
    by_pair: bool,
    sets: HashMap<i64, Arc<Sets>>,
    slices: HashMap<(i64, u64), Vec<u8>>,
}

impl Known {
    fn may_match(&self, query: &Query, head: &Head) -> bool {
        if !head.is_built {
            return true;
        }
        let block = Block { known: self, head };
        if block.verdict(&query.expr, None) == Some(false) {
            return false;
        }
        let may_match = |record: &Record| block.verdict(&query.expr, Some(record)) != Some(false);
        !self.by_pair || head.totals.is_none() || head.pairs().any(|pair| may_match(&pair.record))
    }
}

/// A block, and what was read of it.
#[derive(Clone, Copy)]
struct Block<'k> {
    known: &'k Known,
    head: &'k Head,
}

impl Block<'_> {
    /// Whether the expression holds for all records of the block with the service and the level class of `record`, or
    /// for none; `None` if that is not known. Without a record, for all records of the block.
    fn verdict(self, expr: &Expr, record: Option<&Record>) -> Option<bool> {
        match expr {
            Expr::All => Some(true),
            Expr::And(operands) => self.joined(operands, record, false),
            Expr::Or(operands) => self.joined(operands, record, true),
            Expr::Not(operand) => self.verdict(operand, record).map(|holds| !holds),
            Expr::Field(field @ Field::Service, test) => record.map(|record| test.holds(field, record)),
            Expr::Field(field @ Field::Level, test) if test.is_by_severity() => {
                record.map(|record| test.holds(field, record))
            }
            Expr::Field(field, Test::AnyOf(values)) if is_filtered(field) => {
                (!self.may_have(field, values)).then_some(false)
            }
            other => {
                let text = Text::of(text_of(other)?);
                let sets = self.known.sets.get(&self.head.first)?;
                (!sets.may_contain(0, &text)).then_some(false)
            }
        }
    }

    /// `decisive`: the outcome of one operand that is the outcome of all.
    fn joined(self, operands: &[Expr], record: Option<&Record>, decisive: bool) -> Option<bool> {
        let mut outcome = Some(!decisive);
        for operand in operands {
            match self.verdict(operand, record) {
                Some(operand) if operand == decisive => return Some(decisive),
                Some(_) => {}
                None => outcome = None,
            }
        }
        outcome
    }

    fn may_have(self, field: &Field, values: &[String]) -> bool {
        let name = field.name();
        if self.head.unfiltered.iter().any(|unfiltered| *unfiltered == name) {
            return true;
        }
        let seed = filter::seed_of(&name);
        values.iter().any(|value| {
            let hash = filter::hash_of(seed, value);
            self.known.slices.get(&(self.head.first, hash)).is_none_or(|slice| filter::may_have(slice, hash))
        })
    }
}
