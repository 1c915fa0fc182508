//! Reads the wanted rows of one column of a row group.

use std::{fs::File, ops::Range};

use arrow_array::ArrayRef;
use arrow_schema::DataType;
use parquet::{
    basic::Compression,
    file::{metadata::ColumnChunkMetaData, page_index::offset_index::PageLocation},
};

use super::{
    arrays,
    cells::Cells,
    header::{Encoding, Header, Kind},
    page::{Page, Scratch},
    runs,
    values::{self, Physical, Step},
};
use crate::reader::{Footer, advise};

/// The bytes of a large page that are decompressed at first, at least.
const FIRST_BYTES: usize = 64 << 10;

/// A column of a row group, and the places of its pages.
pub(super) struct Column<'f> {
    /// The index of its field.
    pub(super) field: usize,
    data_type: &'f DataType,
    chunk: &'f ColumnChunkMetaData,
    physical: Physical,
    is_nullable: bool,
    is_compressed: bool,
    pages: &'f [PageLocation],
    /// The first row of each page.
    starts: Vec<usize>,
    /// The rows of the row group.
    rows: usize,
    /// The bytes of the file.
    bytes: u64,
}

impl<'f> Column<'f> {
    /// A column by the index of its leaf. `None` if it is nested, has no index of its pages, or a type or compression that
    /// is not read here.
    pub(super) fn of(footer: &'f Footer, group: usize, leaf: usize, bytes: u64) -> Option<Self> {
        let metadata = footer.metadata.metadata();
        let chunk = metadata.row_groups().get(group)?.columns().get(leaf)?;
        let descriptor = chunk.column_descr();
        let field = footer.metadata.parquet_schema().get_column_root_idx(leaf);
        let data_type = footer.metadata.schema().fields().get(field)?.data_type();
        let physical = Physical::of(chunk.column_type(), descriptor.type_length())?;
        let is_nested = descriptor.max_rep_level() > 0 || descriptor.max_def_level() > 1 || data_type.is_nested();
        if is_nested || !arrays::is_known(data_type, physical) {
            return None;
        }
        let is_compressed = match chunk.compression() {
            Compression::UNCOMPRESSED => false,
            Compression::ZSTD(_) => true,
            _ => return None,
        };
        let (pages, starts) = footer.pages(group, leaf)?;
        let rows = footer.groups.get(group)?.rows;
        let is_nullable = descriptor.max_def_level() > 0;
        Some(Self { field, data_type, chunk, physical, is_nullable, is_compressed, pages, starts, rows, bytes })
    }

    /// Prefetches the pages that [`Self::read`] will read.
    pub(super) fn read_ahead(&self, file: &File, rows: &[usize]) {
        if let Some(dictionary) = self.dictionary() {
            advise(file, dictionary);
        }
        self.pages_of(rows).filter_map(|(page, ..)| self.place(page)).for_each(|place| advise(file, place));
    }

    /// The values of the rows, which are in order. `None` if the pages are damaged or not read here: Parquet's own reader
    /// finds out.
    pub(super) fn read(&self, file: &File, scratch: &mut Scratch, rows: &[usize]) -> Option<ArrayRef> {
        let mut cells = Cells::with_capacity(rows.len());
        for (page, of_page, rows) in self.pages_of(rows) {
            self.read_page(file, scratch, self.place(page)?, of_page, rows, &mut cells)?;
        }
        if cells.len() != rows.len() {
            return None;
        }
        self.resolve(file, scratch, &mut cells)?;
        arrays::array(self.data_type, self.physical, &cells)
    }

    /// The pages with the rows, each with its range of rows and those that are wanted.
    fn pages_of<'r>(&self, rows: &'r [usize]) -> impl Iterator<Item = (&'f PageLocation, Range<usize>, &'r [usize])> {
        let mut left = rows;
        std::iter::from_fn(move || {
            let first = left.first()?;
            let number = self.starts.partition_point(|start| start <= first).checked_sub(1)?;
            let end = self.starts.get(number + 1).copied().unwrap_or(self.rows);
            let (rows, later) = left.split_at_checked(left.partition_point(|row| *row < end))?;
            left = later;
            // Otherwise there is no such row.
            let page = self.pages.get(number).filter(|_| !rows.is_empty())?;
            Some((page, *self.starts.get(number)?..end, rows))
        })
    }

    /// The bytes of a page, which are in the file.
    fn place(&self, page: &PageLocation) -> Option<Range<u64>> {
        let start = u64::try_from(page.offset).ok()?;
        let end = start.checked_add(u64::try_from(page.compressed_page_size).ok()?)?;
        (end <= self.bytes).then_some(start..end)
    }

    /// The bytes of the page with the dictionary: it is what precedes the other pages.
    fn dictionary(&self) -> Option<Range<u64>> {
        let start = self.chunk.dictionary_page_offset().unwrap_or(self.chunk.data_page_offset());
        let start = u64::try_from(start).ok()?;
        let end = u64::try_from(self.pages.first()?.offset).ok()?;
        (start < end && end <= self.bytes).then_some(start..end)
    }

    /// Appends the values of rows of a page.
    fn read_page(
        &self,
        file: &File,
        scratch: &mut Scratch,
        place: Range<u64>,
        of_page: Range<usize>,
        rows: &[usize],
        cells: &mut Cells,
    ) -> Option<()> {
        let rows: Vec<usize> = rows.iter().map(|row| row.checked_sub(of_page.start)).collect::<Option<_>>()?;
        let mut page = Page::read(scratch, file, place, self.is_compressed)?;
        let header = page.header;
        if header.kind == Kind::Dictionary || header.values != of_page.len() {
            return None;
        }
        let before = cells.len();
        // This estimate assumes values of equal length.
        let share = header.uncompressed / of_page.len().max(1);
        let mut wanted = share.saturating_mul(rows.last()?.saturating_add(1)).max(FIRST_BYTES);
        loop {
            let bytes = page.upto(wanted)?;
            let (there, is_whole) = (bytes.len(), bytes.len() >= header.uncompressed);
            match self.step(&header, bytes, &rows, cells) {
                Some(Step::Done) => return Some(()),
                _ if is_whole => return None,
                Some(Step::Needs(needed)) => wanted = needed.max(there + 1),
                None => wanted = there.saturating_mul(2),
            }
            cells.truncate(before);
        }
    }

    /// Appends the values of rows of a page, as far as the page is there.
    fn step(&self, header: &Header, bytes: &[u8], rows: &[usize], cells: &mut Cells) -> Option<Step> {
        let (levels, encoded) = match header.kind {
            Kind::Second { levels, .. } => bytes.split_at_checked(levels)?,
            _ if self.is_nullable => {
                let (length, rest) = bytes.split_first_chunk()?;
                rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?
            }
            _ => bytes.split_at_checked(0)?,
        };
        let before = bytes.len().checked_sub(encoded.len())?;
        let all = header.uncompressed.checked_sub(before)?;
        let step = |places: &[usize], cells: &mut Cells| {
            values::at(self.physical, header.encoding, encoded, all, places, cells).map(|step| match step {
                Step::Needs(needed) => Step::Needs(needed.saturating_add(before)),
                Step::Done => Step::Done,
            })
        };
        if !self.is_nullable {
            return step(rows, cells);
        }
        let places = runs::places_of(levels, rows)?;
        let of_values: Vec<usize> = places.iter().copied().flatten().collect();
        let from = cells.len();
        let step = step(&of_values, cells)?;
        if step == Step::Done {
            cells.spread(from, places.iter().map(Option::is_some))?;
        }
        Some(step)
    }

    /// Replaces keys by the values of the dictionary.
    fn resolve(&self, file: &File, scratch: &mut Scratch, cells: &mut Cells) -> Option<()> {
        let keys = cells.keys();
        let Some(last) = keys.last().and_then(|last| usize::try_from(*last).ok()) else { return Some(()) };
        let mut page = Page::read(scratch, file, self.dictionary()?, self.is_compressed)?;
        let header = page.header;
        let is_plain = matches!(header.encoding, Encoding::Plain | Encoding::Dictionary);
        if header.kind != Kind::Dictionary || !is_plain || last >= header.values {
            return None;
        }
        // Values that are frequent are among the first ones.
        let share = header.uncompressed / header.values.max(1);
        let mut wanted = share.saturating_mul(last.saturating_add(1)).max(FIRST_BYTES);
        loop {
            let bytes = page.upto(wanted)?;
            let (there, is_whole) = (bytes.len(), bytes.len() >= header.uncompressed);
            match self.of_dictionary(bytes, &keys, cells) {
                Some(values) => return cells.resolve(&keys, &values),
                None if is_whole => return None,
                None => wanted = there.saturating_mul(2),
            }
        }
    }

    /// The values of keys, which are in order, as their places in the cells.
    fn of_dictionary(&self, bytes: &[u8], keys: &[u32], cells: &mut Cells) -> Option<Vec<Range<usize>>> {
        let mut places = Vec::with_capacity(keys.len());
        if let Some(width) = self.physical.width() {
            for key in keys {
                let start = usize::try_from(*key).ok()?.checked_mul(width)?;
                places.push(cells.stored(bytes.get(start..start.checked_add(width)?)?));
            }
            return Some(places);
        }
        let (mut rest, mut before) = (bytes, 0);
        for key in keys {
            for _ in before..*key {
                rest = values::next_text(rest)?.1;
            }
            let (text, after) = values::next_text(rest)?;
            places.push(cells.stored(text));
            rest = after;
            before = key.checked_add(1)?;
        }
        Some(places)
    }
}
