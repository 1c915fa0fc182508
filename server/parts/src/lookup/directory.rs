//! The directory: where the tables of each row group are, and the ranges of integers. It stays in memory.
//!
//! Layout, in little endian: the version (1 byte); the number of row groups (4); for each its number of rows (4), its
//! tables, the number of its ranges (2) and the ranges. A table: 1 if the table is known, or 0 (1 byte), its offset (8),
//! buckets (4), low bits (1), and whether it has slabs (1). A range: field (8), slab (1), least and greatest value (8 each).

use pipeline::{Error, Result};

use super::{GROUP_ROWS, table::Shape};

const VERSION: u8 = 1;
/// The tables of a row group: trace ids, span ids, and all other values.
pub(super) const TABLES: usize = 3;
/// The maximum number of ranges per row group.
pub(super) const MOST_RANGES: usize = 256;

const HEAD_BYTES: u64 = 1 + 4;
const TABLE_BYTES: usize = 1 + 8 + 4 + 1 + 1;
const RANGE_BYTES: usize = 8 + 1 + 8 + 8;
/// The maximum for a row group.
const GROUP_BYTES: usize = 4 + TABLES * TABLE_BYTES + 2 + MOST_RANGES * RANGE_BYTES;

/// The part of a directory for one row group.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Group {
    pub(super) rows: u32,
    /// `None` if any value may be there.
    pub(super) tables: [Option<Shape>; TABLES],
    /// Sorted by field and slab.
    pub(super) ranges: Vec<Range>,
}

/// The bounds of an integer field in one slab, in place of its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Range {
    pub(super) field: u64,
    pub(super) slab: u8,
    pub(super) least: i64,
    pub(super) greatest: i64,
}

impl Group {
    /// The slabs whose range of the field includes the number.
    pub(super) fn slabs_in_range(&self, field: u64, number: i64) -> u16 {
        let first = self.ranges.partition_point(|range| range.field < field);
        let own = self.ranges.iter().skip(first).take_while(|range| range.field == field);
        own.filter(|range| (range.least..=range.greatest).contains(&number))
            .fold(0, |slabs, range| slabs | 1_u16.checked_shl(range.slab.into()).unwrap_or_default())
    }
}

/// The maximum number of bytes of the directory of a part with so many rows.
pub(super) fn most_bytes(rows: u64) -> u64 {
    rows.div_ceil(GROUP_ROWS as u64).saturating_mul(GROUP_BYTES as u64).saturating_add(HEAD_BYTES)
}

pub(super) fn write(groups: &[Group], out: &mut Vec<u8>) {
    out.push(VERSION);
    out.extend_from_slice(&(groups.len() as u32).to_le_bytes());
    for Group { rows, tables, ranges } in groups {
        out.extend_from_slice(&rows.to_le_bytes());
        for table in tables {
            let Shape { offset, buckets, low_bits, located } = table.unwrap_or_default();
            out.push(table.is_some().into());
            out.extend_from_slice(&offset.to_le_bytes());
            out.extend_from_slice(&buckets.to_le_bytes());
            out.extend_from_slice(&[low_bits, located.into()]);
        }
        out.extend_from_slice(&(ranges.len() as u16).to_le_bytes());
        for Range { field, slab, least, greatest } in ranges {
            out.extend_from_slice(&field.to_le_bytes());
            out.push(*slab);
            out.extend_from_slice(&least.to_le_bytes());
            out.extend_from_slice(&greatest.to_le_bytes());
        }
    }
}

/// # Errors
/// `Corrupt` if the bytes are not a directory of this version.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Group>> {
    let mut bytes = Bytes(bytes);
    bytes.groups().filter(|_| bytes.0.is_empty()).ok_or_else(|| Error::corrupt("its lookup has an unknown directory"))
}

/// The rest of a directory.
struct Bytes<'b>(&'b [u8]);

impl Bytes<'_> {
    fn next<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (next, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*next)
    }

    fn groups(&mut self) -> Option<Vec<Group>> {
        let ([VERSION], count) = (self.next()?, u32::from_le_bytes(self.next()?)) else { return None };
        // Not allocated beforehand: a damaged count may be any number.
        (0..count).map(|_| self.group()).collect()
    }

    fn group(&mut self) -> Option<Group> {
        let rows = u32::from_le_bytes(self.next()?);
        let mut tables = [None; TABLES];
        for table in &mut tables {
            *table = self.table()?;
        }
        let count = u16::from_le_bytes(self.next()?);
        let ranges = (0..count).map(|_| self.range()).collect::<Option<Vec<_>>>()?;
        ranges.is_sorted_by_key(|range| range.field).then_some(Group { rows, tables, ranges })
    }

    fn table(&mut self) -> Option<Option<Shape>> {
        let [is_known] = self.next()?;
        let offset = u64::from_le_bytes(self.next()?);
        let buckets = u32::from_le_bytes(self.next()?);
        let [low_bits, located] = self.next()?;
        let shape = Shape { offset, buckets, low_bits, located: located != 0 };
        shape.is_valid().then_some((is_known != 0).then_some(shape))
    }

    fn range(&mut self) -> Option<Range> {
        let field = u64::from_le_bytes(self.next()?);
        let [slab] = self.next()?;
        let [least, greatest] = [self.next()?, self.next()?].map(i64::from_le_bytes);
        Some(Range { field, slab, least, greatest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<Group> {
        let shape = |offset| Shape { offset, buckets: 1_024, low_bits: 5, located: offset > 100 };
        let range =
            |field, slab| Range { field, slab, least: -(i64::from(slab)), greatest: i64::MAX - i64::from(slab) };
        vec![
            Group {
                rows: 131_072,
                tables: [Some(shape(0)), None, Some(shape(4_711))],
                ranges: vec![range(1, 3), range(1, 4), range(9, 0)],
            },
            Group { rows: 7, ..Group::default() },
        ]
    }

    #[test]
    fn a_directory_is_read_as_it_was_written() {
        let mut bytes = Vec::new();
        write(&groups(), &mut bytes);
        assert_eq!(read(&bytes).unwrap(), groups());
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length]).is_err(), "{length}");
        }
        bytes.push(0);
        assert!(read(&bytes).is_err());
        assert!(read(&[VERSION, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    #[test]
    fn a_directory_has_a_maximum_length() {
        let range = Range { field: 1, slab: 2, least: 3, greatest: 4 };
        let full = Group { rows: GROUP_ROWS as u32, ranges: vec![range; MOST_RANGES], ..Group::default() };
        for (count, rows) in [(1, 1), (1, GROUP_ROWS), (2, GROUP_ROWS + 1), (3, 3 * GROUP_ROWS)] {
            let mut bytes = Vec::new();
            write(&vec![full.clone(); count], &mut bytes);
            assert_eq!(bytes.len() as u64, most_bytes(rows as u64));
        }
    }

    #[test]
    fn a_number_is_in_the_slabs_whose_range_includes_it() {
        let group = &groups()[0];
        for (field, number, slabs) in
            [(1, -4, 1 << 4), (1, 0, 0b11 << 3), (1, i64::MAX, 0), (9, i64::MAX, 1), (2, 0, 0), (0, 0, 0), (10, 0, 0)]
        {
            assert_eq!(group.slabs_in_range(field, number), slabs, "{field}: {number}");
        }
    }
}
