//! Prunes rows by the indexes of a part.
//!
//! A row group consists of blocks. A query is tested against the blocks' sets in the message index, and in parts of earlier
//! versions against the Bloom filters of the whole group; the result is one bit per block. The lookup of the part and the
//! bytes of ids decide about shorter ranges of rows (`wanted.rs`). Whatever these cannot exclude counts as possible.

use std::ops::Range;

use model::query::{Expr, Field, Query, Test};
use parquet::data_type::AsBytes;
use parts::{
    message_index::BLOCK_ROWS,
    ranges::{common, push_joined},
    reader::{Footer, Part},
    schema::{self, Kind},
};
use pipeline::Result;

use super::wanted;

/// The given rows of a row group that may match, as ranges in order.
///
/// # Errors
/// `Unavailable` and `Corrupt` as for reading the part.
pub(crate) fn candidates(
    query: &Query,
    part: &Part,
    footer: &Footer,
    group: usize,
    rows: &[Range<usize>],
) -> Result<Vec<Range<usize>>> {
    let rows = wanted::rows(query, part, group, rows);
    if rows.is_empty() {
        return Ok(rows);
    }
    let all = footer.groups.get(group).map_or(0, |group| group.rows);
    let pruner = Pruner { part, footer, group, blocks: all.div_ceil(BLOCK_ROWS) };
    let mask = pruner.may_match(&query.expr)?;
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for block in (0..pruner.blocks).filter(|block| mask & (1 << block) != 0) {
        push_joined(&mut ranges, block * BLOCK_ROWS..((block + 1) * BLOCK_ROWS).min(all));
    }
    wanted::rows_with_ids(query, part, footer, group, common(&rows, &ranges))
}

/// Prefetches the Bloom filters that [`candidates`] will check.
pub(crate) fn read_ahead(expr: &Expr, part: &Part, footer: &Footer) {
    let layout = &footer.columns;
    match expr {
        Expr::And(operands) | Expr::Or(operands) => {
            operands.iter().for_each(|operand| read_ahead(operand, part, footer))
        }
        Expr::Field(field @ (Field::TraceId | Field::SpanId), Test::AnyOf(values)) => {
            let column = layout.place(if *field == Field::TraceId { schema::TRACE_ID } else { schema::SPAN_ID });
            ids(values).iter().for_each(|id| part.read_filters_ahead(footer, column, id.as_slice()));
        }
        Expr::Field(Field::Attribute(key), Test::AnyOf(values)) if layout.rest.is_none() => {
            for (place, _) in layout.of_attribute(key).filter(|(_, attribute)| attribute.kind == Kind::Text) {
                values.iter().for_each(|text| part.read_filters_ahead(footer, *place, text.as_str()));
            }
        }
        _ => {}
    }
}

/// The ids as bytes; invalid ids are dropped, since they match nothing.
fn ids(values: &[String]) -> Vec<Vec<u8>> {
    values.iter().filter_map(|text| hex::decode(text).ok()).collect()
}

/// Whether the query tests for specific traces or spans, which have few records.
pub(crate) fn names_ids(query: &Query) -> bool {
    fn names(expr: &Expr) -> bool {
        match expr {
            Expr::And(operands) => operands.iter().any(names),
            Expr::Or(operands) => operands.iter().all(names),
            Expr::Field(Field::TraceId | Field::SpanId, Test::AnyOf(_)) => true,
            _ => false,
        }
    }
    names(&query.expr)
}

/// A bit per block of a row group, which has fewer than 64.
type Mask = u64;

struct Pruner<'a> {
    part: &'a Part,
    footer: &'a Footer,
    group: usize,
    blocks: usize,
}

impl Pruner<'_> {
    fn all(&self) -> Mask {
        (1 << self.blocks) - 1
    }

    fn may_match(&self, expr: &Expr) -> Result<Mask> {
        match expr {
            Expr::And(operands) => {
                let mut mask = self.all();
                // Cheapest tests first: the sets are in memory, the filters on disk.
                for cheap in [true, false] {
                    for operand in operands.iter().filter(|operand| matches!(operand, Expr::Contains(_)) == cheap) {
                        if mask == 0 {
                            return Ok(0);
                        }
                        mask &= self.may_match(operand)?;
                    }
                }
                Ok(mask)
            }
            Expr::Or(operands) => operands.iter().try_fold(0, |mask, operand| Ok(mask | self.may_match(operand)?)),
            Expr::Contains(text) | Expr::Field(Field::Message, Test::Prefix(text)) => Ok(self.may_contain(text)),
            Expr::Field(field, Test::AnyOf(values)) => Ok(if self.may_have(field, values)? { self.all() } else { 0 }),
            Expr::All | Expr::Not(_) | Expr::Field(..) => Ok(self.all()),
        }
    }

    /// The blocks with messages that may contain the text.
    fn may_contain(&self, text: &str) -> Mask {
        let Some(sets) = self.part.message_index(self.footer) else { return self.all() };
        let before: usize =
            self.footer.groups.iter().take(self.group).map(|group| group.rows.div_ceil(BLOCK_ROWS)).sum();
        (0..self.blocks).filter(|block| sets.may_contain(before + block, text)).fold(0, |mask, block| mask | 1 << block)
    }

    /// Whether some row may have one of these text forms as the field's value.
    fn may_have(&self, field: &Field, values: &[String]) -> Result<bool> {
        let layout = &self.footer.columns;
        match field {
            Field::TraceId => self.may_have_id(schema::TRACE_ID, values),
            Field::SpanId => self.may_have_id(schema::SPAN_ID, values),
            Field::Attribute(_) if layout.rest.is_some() => Ok(true),
            Field::Attribute(key) => {
                for (place, attribute) in layout.of_attribute(key) {
                    let possible = match attribute.kind {
                        Kind::Text => self.any(values.iter().map(String::as_str), *place)?,
                        Kind::Int | Kind::Float | Kind::Bool => true,
                    };
                    if possible {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    fn may_have_id(&self, column: &str, values: &[String]) -> Result<bool> {
        self.any(ids(values).iter().map(Vec::as_slice), self.footer.columns.place(column))
    }

    /// Whether the column may contain one of the values.
    fn any<'v, T: AsBytes + ?Sized + 'v>(&self, values: impl Iterator<Item = &'v T>, place: usize) -> Result<bool> {
        for value in values {
            if self.part.may_have(self.footer, self.group, place, value)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
