//! Reads the pages of messages of a row group, and tests them.

use std::{fs::File, ops::Range, slice, sync::Arc};

use arrow_array::{BooleanArray, RecordBatch, builder::StringBuilder};
use arrow_schema::{DataType, Field, Schema};
use parquet::{
    arrow::arrow_reader::RowSelection,
    basic::{Encoding, Type},
    column::page::PageReader,
    file::{
        metadata::ColumnChunkMetaData, page_index::offset_index::PageLocation, serialized_reader::SerializedPageReader,
    },
};
use pipeline::{Error, ErrorClass, Result};

use super::{MessageTest, Page};
use crate::{
    file,
    ranges::{common, push_joined},
    reader::{Footer, Part},
    schema,
};

/// The bytes of texts that are kept for reuse. More are read again, of those rows that are wanted in the end: a page of
/// messages may have a gibibyte.
pub(crate) const KEPT_BYTES: usize = 64 << 20;

/// What a test has found in the selected rows of a row group.
#[derive(Default)]
pub(crate) struct Scanned {
    /// A mask of the selected rows for each page that has some.
    pub(crate) masks: Vec<BooleanArray>,
    /// The messages that pass, as a column; empty if they are not wanted.
    pub(crate) messages: Vec<RecordBatch>,
    /// Whether they were too large to be kept.
    pub(crate) are_dropped: bool,
}

impl Part {
    /// Tests the messages of the selected rows. `None` if the pages are not as this program writes them: then the column
    /// must be decoded.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be opened, `Corrupt` if it is damaged, and the errors of the test.
    pub(crate) fn scan_messages(
        &self,
        file: &File,
        footer: &Footer,
        group: usize,
        selection: Option<&RowSelection>,
        test: &mut dyn MessageTest,
        are_wanted: bool,
    ) -> Result<Option<Scanned>> {
        let column = footer.columns.place(schema::MESSAGE);
        let Some(pages) = Pages::of(footer, group, column) else { return Ok(None) };
        let damaged = |error: parquet::errors::ParquetError| self.damage_error(&error.to_string());
        // The error of a page has no name of a part yet.
        let named = |error: Error| match error.class {
            ErrorClass::Corrupt => self.damage_error(&error.message),
            _ => error,
        };
        let own = file.try_clone().map_err(|error| file::failed("open", &self.path, &error))?;
        let mut reader = self.guarded(|| {
            footer.read_ahead(file, group, &[column], selection);
            let locations = Some(pages.locations.to_vec());
            SerializedPageReader::new(Arc::new(own), pages.chunk, pages.rows, locations).map_err(damaged)
        })?;
        let selected = selection.map(ranges);
        let schema = Arc::new(Schema::new(vec![Field::new(schema::MESSAGE, DataType::Utf8, false)]));
        let mut scanned = Scanned::default();
        let (mut passes, mut bytes) = (Vec::new(), 0);
        for rows in pages.rows_of_each() {
            let wanted = match &selected {
                Some(selected) => common(slice::from_ref(&rows), selected),
                None => vec![rows.clone()],
            };
            if wanted.is_empty() {
                self.guarded(|| reader.skip_next_page().map_err(damaged))?;
                continue;
            }
            let page = self.guarded(|| reader.get_next_page().map_err(damaged))?;
            let page = page.filter(|page| page.is_data_page() && page.encoding() == Encoding::DELTA_LENGTH_BYTE_ARRAY);
            let page = page.ok_or_else(|| self.damage_error("a page of its messages is missing"))?;
            let page = Page::new(page.buffer(), rows.len()).map_err(named)?;
            passes.clear();
            passes.resize(rows.len(), false);
            let within = |range: &Range<usize>| range.start - rows.start..range.end - rows.start;
            wanted.iter().for_each(|range| passes[within(range)].fill(true));
            test.scan(&page, &mut passes).map_err(named)?;
            let passed = || wanted.iter().flat_map(&within).filter(|row| passes[*row]);
            if are_wanted && !scanned.are_dropped && passed().next().is_some() {
                let mut column = StringBuilder::new();
                for row in passed() {
                    let message = page.message(row).map_err(named)?;
                    bytes += message.len();
                    if bytes > KEPT_BYTES {
                        scanned.are_dropped = true;
                        break;
                    }
                    column.append_value(message);
                }
                if scanned.are_dropped {
                    scanned.messages.clear();
                } else {
                    let messages = RecordBatch::try_new(schema.clone(), vec![Arc::new(column.finish())]);
                    scanned.messages.push(messages.map_err(|error| self.damage_error(&error.to_string()))?);
                }
            }
            let mask: Vec<bool> = wanted.iter().flat_map(|range| passes[within(range)].iter().copied()).collect();
            scanned.masks.push(BooleanArray::from(mask));
        }
        Ok(Some(scanned))
    }
}

/// The selected rows.
fn ranges(selection: &RowSelection) -> Vec<Range<usize>> {
    let (mut ranges, mut start) = (Vec::new(), 0);
    for selector in selection.iter() {
        let end = start + selector.row_count;
        if !selector.skip {
            push_joined(&mut ranges, start..end);
        }
        start = end;
    }
    ranges
}

/// Where the pages of a column are.
struct Pages<'f> {
    chunk: &'f ColumnChunkMetaData,
    locations: &'f [PageLocation],
    /// The first row of each page.
    starts: Vec<usize>,
    /// The rows of the row group.
    rows: usize,
}

impl<'f> Pages<'f> {
    /// `None` if the column has nulls, a dictionary, another encoding or no index of its pages.
    fn of(footer: &'f Footer, group: usize, column: usize) -> Option<Self> {
        let metadata = footer.metadata.metadata();
        let chunk = metadata.row_groups().get(group)?.columns().get(column)?;
        let descriptor = chunk.column_descr();
        let has_levels = descriptor.max_def_level() > 0 || descriptor.max_rep_level() > 0;
        // The second one is the encoding of the levels, of which there are none.
        let is_known = |encoding| matches!(encoding, Encoding::DELTA_LENGTH_BYTE_ARRAY | Encoding::RLE);
        if has_levels || chunk.column_type() != Type::BYTE_ARRAY || !chunk.encodings().all(is_known) {
            return None;
        }
        let rows = footer.groups.get(group)?.rows;
        let (locations, starts) = footer.pages(group, column)?;
        // What precedes the first page would be a dictionary.
        if locations.first()?.offset != chunk.data_page_offset() || chunk.dictionary_page_offset().is_some() {
            return None;
        }
        Some(Self { chunk, locations, starts, rows })
    }

    fn rows_of_each(&self) -> impl Iterator<Item = Range<usize>> {
        let ends = self.starts.iter().skip(1).copied().chain([self.rows]);
        self.starts.iter().zip(ends).map(|(start, end)| *start..end)
    }
}
