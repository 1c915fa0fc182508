//! The values of the wanted rows of a column, before they are an array.

use std::ops::Range;

/// The value of one row.
#[derive(Debug)]
enum Cell {
    Null,
    /// The place of its bytes. Numbers have the bytes of their type, in little-endian order.
    Bytes(Range<usize>),
    /// Its key in the dictionary of the row group.
    Key(u32),
}

/// The values of the wanted rows, in order.
#[derive(Default)]
pub(super) struct Cells {
    cells: Vec<Cell>,
    /// The bytes of all values; those of a dictionary once.
    bytes: Vec<u8>,
}

impl Cells {
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self { cells: Vec::with_capacity(rows), bytes: Vec::new() }
    }

    /// Drops the rows from this number on, to read them again.
    pub(super) fn truncate(&mut self, rows: usize) {
        self.cells.truncate(rows);
    }

    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    pub(super) fn push(&mut self, value: &[u8]) {
        let range = self.stored(value);
        self.cells.push(Cell::Bytes(range));
    }

    pub(super) fn push_key(&mut self, key: u32) {
        self.cells.push(Cell::Key(key));
    }

    /// Appends rows: each gets the value that was pushed for it after `from`, in order, or is null. `None` if there are
    /// fewer values.
    pub(super) fn spread(&mut self, from: usize, has_value: impl Iterator<Item = bool>) -> Option<()> {
        let values = self.cells.split_off(from.min(self.cells.len()));
        let mut values = values.into_iter();
        for has_value in has_value {
            self.cells.push(if has_value { values.next()? } else { Cell::Null });
        }
        Some(())
    }

    /// The keys that occur, in order.
    pub(super) fn keys(&self) -> Vec<u32> {
        let key = |cell: &Cell| if let Cell::Key(key) = cell { Some(*key) } else { None };
        let mut keys: Vec<u32> = self.cells.iter().filter_map(key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Replaces the keys by their values, which `values` has in the order of `keys`.
    pub(super) fn resolve(&mut self, keys: &[u32], values: &[Range<usize>]) -> Option<()> {
        for cell in &mut self.cells {
            if let Cell::Key(key) = cell {
                *cell = Cell::Bytes(values.get(keys.binary_search(key).ok()?)?.clone());
            }
        }
        Some(())
    }

    /// Keeps the bytes of a value, and returns their place.
    pub(super) fn stored(&mut self, value: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(value);
        start..self.bytes.len()
    }

    /// The bytes at a place.
    pub(super) fn bytes(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }

    /// The place of the value of each row; `None` for a null. A key without a value is none, too.
    pub(super) fn places(&self) -> impl Iterator<Item = Option<&Range<usize>>> {
        self.cells.iter().map(|cell| if let Cell::Bytes(place) = cell { Some(place) } else { None })
    }

    /// The value of each row; `None` for a null.
    pub(super) fn values(&self) -> impl Iterator<Item = Option<&[u8]>> {
        self.places().map(|place| place.map(|place| self.bytes(place)))
    }
}
