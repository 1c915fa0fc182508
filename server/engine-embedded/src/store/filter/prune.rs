//! Prunes rows by the indexes of a part.
//!
//! A row group consists of blocks. A query is tested against the blocks' sets in the message index, and in parts of
//! earlier versions against the Bloom filters of the whole group; the result is one bit per block. The lookup of the part
//! and the bytes of ids decide about shorter ranges of rows (`wanted.rs`), and so do the bounds of pages (`pages.rs`).
//! Whatever these cannot exclude counts as possible.

use std::{cell::OnceCell, ops::Range};

use model::query::{Expr, Field, Query, Test};
use parquet::data_type::AsBytes;
use parts::{
    message_index::{BLOCK_ROWS, Sets, Wanted},
    ranges::{common, push_joined},
    reader::{Footer, Part},
    schema::{self, AttributeColumn, Kind},
};
use pipeline::Result;

use super::{pages, wanted};

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
    let pruner = Pruner { part, footer, group, blocks: all.div_ceil(BLOCK_ROWS), sets: OnceCell::new() };
    let mask = pruner.may_match(&query.expr)?;
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for block in (0..pruner.blocks).filter(|block| mask & (1 << block) != 0) {
        push_joined(&mut ranges, block * BLOCK_ROWS..((block + 1) * BLOCK_ROWS).min(all));
    }
    let rows = pages::rows(&query.expr, footer, group, common(&rows, &ranges));
    wanted::rows_with_ids(query, part, footer, group, rows)
}

/// Prefetches the Bloom filters and the sets of messages that [`candidates`] will check.
pub(crate) fn read_ahead(expr: &Expr, part: &Part, footer: &Footer) {
    let layout = &footer.columns;
    match expr {
        Expr::And(operands) | Expr::Or(operands) => {
            operands.iter().for_each(|operand| read_ahead(operand, part, footer))
        }
        expr if text_of(expr).is_some() => part.read_message_sets_ahead(footer),
        Expr::Field(field @ (Field::TraceId | Field::SpanId), Test::AnyOf(values)) => {
            let column = layout.place(if *field == Field::TraceId { schema::TRACE_ID } else { schema::SPAN_ID });
            ids(values).iter().for_each(|id| part.read_filters_ahead(footer, column, id.as_slice()));
        }
        Expr::Field(Field::Attribute(key), Test::AnyOf(values)) if layout.rest_of(key).is_none() => {
            for (place, _) in layout.of_attribute(key).filter(|(_, attribute)| has_filter(attribute)) {
                values.iter().for_each(|text| part.read_filters_ahead(footer, *place, text.as_str()));
            }
        }
        _ => {}
    }
}

/// Whether the column may have a Bloom filter of texts.
fn has_filter(attribute: &AttributeColumn) -> bool {
    attribute.kind == Kind::Text && attribute.form.is_plain()
}

/// A text that the messages of all matching records contain, in some case.
fn text_of(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Contains(text) | Expr::Field(Field::Message, Test::Prefix(text)) => Some(text),
        Expr::Field(Field::Message, Test::Regex(pattern)) => pattern.required_literal(),
        _ => None,
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
    /// The sets of messages of the blocks, if the part has them; read on first use.
    sets: OnceCell<Option<Vec<Sets>>>,
}

impl Pruner<'_> {
    fn all(&self) -> Mask {
        (1 << self.blocks) - 1
    }

    fn may_match(&self, expr: &Expr) -> Result<Mask> {
        if let Some(text) = text_of(expr) {
            return Ok(self.may_contain(text));
        }
        match expr {
            Expr::And(operands) => {
                let mut mask = self.all();
                // Cheapest tests first: the sets are in memory for all texts once they are read for one.
                for cheap in [true, false] {
                    for operand in operands.iter().filter(|operand| text_of(operand).is_some() == cheap) {
                        if mask == 0 {
                            return Ok(0);
                        }
                        mask &= self.may_match(operand)?;
                    }
                }
                Ok(mask)
            }
            Expr::Or(operands) => operands.iter().try_fold(0, |mask, operand| Ok(mask | self.may_match(operand)?)),
            Expr::Field(field, Test::AnyOf(values)) => Ok(if self.may_have(field, values)? { self.all() } else { 0 }),
            Expr::All | Expr::Not(_) | Expr::Contains(_) | Expr::Field(..) => Ok(self.all()),
        }
    }

    /// The blocks with messages that may contain the text.
    fn may_contain(&self, text: &str) -> Mask {
        if let Some(sets) = self.sets.get_or_init(|| self.part.message_sets(self.footer, self.group)) {
            let wanted = Wanted::of(text);
            let may_contain = |block: &usize| sets.get(*block).is_none_or(|sets| sets.may_contain(&wanted));
            return (0..self.blocks).filter(may_contain).fold(0, |mask, block| mask | 1 << block);
        }
        // A part of an earlier version, or none with an index.
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
            Field::Attribute(key) if !layout.rest_of(key).is_none() => Ok(true),
            Field::Attribute(key) => {
                for (place, attribute) in layout.of_attribute(key) {
                    let is_possible = !has_filter(attribute) || self.any(values.iter().map(String::as_str), *place)?;
                    if is_possible {
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

#[cfg(test)]
mod tests {
    use std::{iter, sync::Arc};

    use model::{Record, RecordId, Severity};
    use parts::{
        builder::Row,
        reader::Footers,
        writer::{self, Effort},
    };

    use super::*;

    #[test]
    fn blocks_that_lack_a_text_are_left_out() {
        const MESSAGES: [&str; 2] = ["order of the day accepted", "payment refused by the bank"];
        let folder = tempfile::tempdir().unwrap();
        let rows = BLOCK_ROWS + 10;
        let records: Vec<Record> = (0..rows)
            .map(|row| Record {
                id: RecordId::base(1, 0),
                // Newest first, so the second block has the oldest records.
                time: 1_767_323_045_000_000_000 - row as i64,
                observed_time: 0,
                severity: Severity::INFO,
                level: "info".into(),
                service: "shop".into(),
                node: "n1".into(),
                message: MESSAGES[row / BLOCK_ROWS].to_owned(),
                attributes: Vec::new(),
                trace_id: None,
                span_id: None,
            })
            .collect();
        let written = |effort: Effort| {
            let row = |record| Row { record, position: 7, id_base: RecordId::base(1, 0) };
            let rows: Vec<Row<'_>> = records.iter().map(row).collect();
            let info = writer::write(folder.path(), "2026-01-02", &rows, effort).unwrap();
            Part::new(info, folder.path(), Arc::new(Footers::default()))
        };
        let found = |part: &Part, query: &str| {
            let footer = part.footer().unwrap();
            let query = Query::parse(query).unwrap();
            read_ahead(&query.expr, part, &footer);
            candidates(&query, part, &footer, 0, &[0..5, 100..rows]).unwrap()
        };
        let (all, first) = (vec![0..5, 100..rows], vec![0..5, 100..BLOCK_ROWS]);
        let (second, none) = (iter::once(BLOCK_ROWS..rows).collect(), Vec::new());
        let part = written(Effort::Quick);
        for (query, expected) in [
            ("ORDER", &first),
            ("\"refused by\"", &second),
            ("the", &all),
            ("\"by refused\"", &none),
            ("order refused", &none),
            ("order OR refused", &all),
            ("-order", &all),
            ("message:pay*", &second),
            ("message:/re(f|v)used by the/", &second),
            ("message:/^order of (the|a) day/", &first),
            ("message:/(?i)ORDER/", &all),
            ("service:shop payment", &second),
        ] {
            assert_eq!(found(&part, query), *expected, "{query}");
        }
        // A passing part has no index.
        assert_eq!(found(&written(Effort::Passing), "nowhere"), all);
    }
}
