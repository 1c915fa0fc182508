//! What a query wants, and which slabs may hold it.

use std::ops::Range;

use super::{
    ReadAt, SLAB_ROWS,
    directory::{Group, TABLES},
    hash::{self, Field},
    table::{ALL, SLABS},
};
use crate::ranges::push_joined;

/// The values that a record must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// Any of these values; without any, no record.
    Any(Vec<Probe>),
    And(Vec<Wanted>),
    Or(Vec<Wanted>),
}

/// One value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    table: usize,
    field: u64,
    hashes: Vec<u64>,
    number: Option<i64>,
}

/// The table of a field.
pub(super) fn table_of(field: Field<'_>) -> usize {
    match field {
        Field::Trace => 0,
        Field::Span => 1,
        Field::Service | Field::Node | Field::Attribute(_) => TABLES - 1,
    }
}

impl Probe {
    /// The value of a field of any type with this text form.
    pub fn text(field: Field<'_>, text: &str) -> Self {
        let seed = field.seed();
        let (hashes, number) = (hash::of_text_form(seed, text), hash::integer_of(text));
        Self { table: table_of(field), field: seed, hashes, number }
    }

    /// An id by its bytes.
    pub fn id(field: Field<'_>, id: &[u8]) -> Self {
        let seed = field.seed();
        Self { table: table_of(field), field: seed, hashes: vec![hash::bytes(seed, id)], number: None }
    }

    /// Whether it is an id.
    pub fn is_id(&self) -> bool {
        self.table + 1 < TABLES
    }

    fn slabs(&self, group: &Group, read: &ReadAt<'_>) -> u16 {
        let Some(Some(table)) = group.tables.get(self.table) else { return ALL };
        let in_range = self.number.map_or(0, |number| group.slabs_in_range(self.field, number));
        self.hashes.iter().fold(in_range, |slabs, hash| slabs | table.slabs(*hash, read).unwrap_or(ALL))
    }
}

impl Wanted {
    /// The number of values, which is proportional to the cost of a question.
    pub fn values(&self) -> usize {
        match self {
            Self::Any(probes) => probes.len(),
            Self::And(operands) | Self::Or(operands) => operands.iter().map(Self::values).sum(),
        }
    }

    /// The slabs of a row group that may hold a record with these values.
    pub(super) fn slabs(&self, group: &Group, read: &ReadAt<'_>) -> u16 {
        self.may_hold(group, read) & all_slabs(group.rows as usize)
    }

    fn may_hold(&self, group: &Group, read: &ReadAt<'_>) -> u16 {
        let (mut slabs, operands) = match self {
            Self::Any(probes) => return probes.iter().fold(0, |slabs, probe| slabs | probe.slabs(group, read)),
            Self::And(operands) => (ALL, operands),
            Self::Or(operands) => {
                return operands.iter().fold(0, |slabs, operand| slabs | operand.may_hold(group, read));
            }
        };
        for operand in operands {
            slabs &= operand.may_hold(group, read);
            if slabs == 0 {
                break;
            }
        }
        slabs
    }
}

/// The slabs of a row group with so many rows.
fn all_slabs(rows: usize) -> u16 {
    match rows.div_ceil(SLAB_ROWS) {
        slabs if slabs < SLABS => (1 << slabs) - 1,
        _ => ALL,
    }
}

/// A set of slabs for each row group of a part, one bit a slab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slabs(pub(super) Vec<u16>);

impl Slabs {
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|slabs| *slabs == 0)
    }

    pub fn count(&self) -> usize {
        self.0.iter().map(|slabs| slabs.count_ones() as usize).sum()
    }

    /// Those of a row group.
    pub fn of_group(&self, group: usize) -> u16 {
        self.0.get(group).copied().unwrap_or(ALL)
    }
}

/// The rows of some slabs of a row group, which may go past its last row.
pub fn rows_of(slabs: u16) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for slab in (0..SLABS).filter(|slab| slabs & 1 << slab != 0) {
        push_joined(&mut ranges, slab * SLAB_ROWS..(slab + 1) * SLAB_ROWS);
    }
    ranges
}

/// The slabs that overlap some rows of a row group.
pub fn slabs_of(rows: &[Range<usize>]) -> u16 {
    let slabs = |rows: &Range<usize>| rows.start / SLAB_ROWS..rows.end.div_ceil(SLAB_ROWS).min(SLABS);
    rows.iter().flat_map(slabs).fold(0, |slabs, slab| slabs | 1 << slab)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slabs_are_rows_and_rows_are_slabs() {
        assert_eq!(rows_of(0b1011), [0..2 * SLAB_ROWS, 3 * SLAB_ROWS..4 * SLAB_ROWS]);
        assert!(rows_of(0).is_empty());
        assert_eq!(slabs_of(&[0..1, SLAB_ROWS - 1..SLAB_ROWS + 1, 5 * SLAB_ROWS..6 * SLAB_ROWS]), 0b10_0011);
        assert_eq!(slabs_of(&rows_of(ALL)), ALL);
        assert_eq!([0, 1, SLAB_ROWS, SLAB_ROWS + 1, usize::MAX].map(all_slabs), [0, 1, 1, 0b11, ALL]);
    }
}
