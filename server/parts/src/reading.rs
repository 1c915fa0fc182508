//! Reads rows of a part: evaluates conditions first, then reads columns of the rows that passed.

use std::{fs::File, ops::Range, sync::Arc};

use arrow_array::{Array, BooleanArray, RecordBatch, cast::AsArray};
use arrow_schema::{ArrowError, Schema};
use arrow_select::{
    concat::{concat, concat_batches},
    filter::filter_record_batch,
};
use parquet::arrow::{
    ProjectionMask,
    arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection},
};
use pipeline::Result;

use super::{
    file,
    reader::{Footer, Part},
    scan::{KEPT_BYTES, MessageTest},
};

/// Rows per decoded batch; a scan checks for cancellation between batches. Small enough that the messages stay in the
/// core's cache while they are searched: with four times as many, counting a text took up to a quarter longer.
const BATCH_ROWS: usize = 2_048;

type Arrow<T> = std::result::Result<T, ArrowError>;

/// A test of rows. A closure that selects the rows of a batch is one.
pub trait RowTest: Send {
    /// The rows of a batch that pass, without nulls.
    ///
    /// # Errors
    /// `Corrupt` if the batch is damaged.
    fn rows(&mut self, batch: &RecordBatch) -> Result<BooleanArray>;

    /// The same test on pages of messages; `None` for a test that reads other columns.
    fn on_pages(&mut self) -> Option<&mut dyn MessageTest> {
        None
    }
}

impl<F: FnMut(&RecordBatch) -> Result<BooleanArray> + Send> RowTest for F {
    fn rows(&mut self, batch: &RecordBatch) -> Result<BooleanArray> {
        self(batch)
    }
}

/// A condition on rows, with the columns it reads.
pub struct Condition {
    /// Column indexes in the part's schema.
    pub columns: Vec<usize>,
    pub test: Box<dyn RowTest>,
}

/// The columns, conditions and limits of a read.
pub struct Reading {
    /// Column indexes in the part's schema.
    pub columns: Vec<usize>,
    pub conditions: Vec<Condition>,
    pub limit: Option<usize>,
    /// Rows per batch.
    pub batch_rows: usize,
}

impl Default for Reading {
    /// No columns, no conditions.
    fn default() -> Self {
        Self { columns: Vec::new(), conditions: Vec::new(), limit: None, batch_rows: BATCH_ROWS }
    }
}

impl Reading {
    /// The columns read for every row.
    pub fn first_columns(&self) -> &[usize] {
        self.conditions.first().map_or(&self.columns, |first| &first.columns)
    }
}

impl Part {
    /// Reads `columns` of the given rows of the row group that pass all conditions, in batches; at most `limit` rows.
    ///
    /// The conditions run in order. Each reads its columns only for rows that passed the previous ones. Wanted
    /// columns that a condition has decoded are reused: messages are most of a part, and decompressing them is most
    /// of the cost of a search. Maps are read again, since copying their entries costs about as much. A condition on
    /// messages alone is tested on their pages, and decodes those that pass.
    pub fn read(&self, footer: &Footer, group: usize, rows: &[Range<usize>], what: Reading) -> Result<Batches<'_>> {
        let Reading { columns, conditions, limit, batch_rows } = what;
        let file = self.open()?;
        let opened = Opened { part: self, file: &file, footer, group, batch_rows };
        match opened.passed(rows, columns, conditions)? {
            Some(Passed { selection, decoded, columns }) => {
                Ok(Batches { kept: decoded, ..opened.batches(&columns, selection, limit)? })
            }
            None => Ok(Batches { part: self, reader: None, kept: DecodedColumns::default() }),
        }
    }

    /// Prefetches the bytes that [`Self::read`] will read of these columns, in the background.
    pub fn read_ahead(&self, footer: &Footer, group: usize, rows: &[Range<usize>], columns: &[usize]) {
        if columns.is_empty() {
            return;
        }
        // The later read reports errors of the file.
        let _ = self.open().and_then(|file| {
            self.guarded(|| {
                footer.read_ahead(&file, group, columns, selection(footer, group, rows).as_ref());
                Ok(())
            })
        });
    }
}

/// A row group of an open file.
pub(crate) struct Opened<'p, 'o> {
    pub(crate) part: &'p Part,
    pub(crate) file: &'o File,
    pub(crate) footer: &'o Footer,
    pub(crate) group: usize,
    /// Rows per batch.
    pub(crate) batch_rows: usize,
}

/// The rows of a row group that pass conditions.
pub(crate) struct Passed {
    /// `None` selects all rows.
    selection: Option<RowSelection>,
    /// The wanted columns that a condition has decoded.
    decoded: DecodedColumns,
    /// The other wanted columns.
    pub(crate) columns: Vec<usize>,
}

impl<'p> Opened<'p, '_> {
    /// The rows among the given ones that pass all conditions. `None` if none does.
    pub(crate) fn passed(
        &self,
        rows: &[Range<usize>],
        mut columns: Vec<usize>,
        conditions: Vec<Condition>,
    ) -> Result<Option<Passed>> {
        let Self { part, file, footer, group, .. } = *self;
        let mut selection = selection(footer, group, rows);
        let damaged = |error: ArrowError| part.damage_error(&error.to_string());
        let mut kept = DecodedColumns::default();
        for Condition { columns: read, mut test } in conditions {
            let is_reused = |column: &mut usize| footer.columns.is_flat(*column) && read.contains(column);
            let wanted: Vec<usize> = columns.extract_if(.., is_reused).collect();
            let scanned = match test.on_pages() {
                Some(test) => part.scan_messages(file, footer, group, selection.as_ref(), test, !wanted.is_empty())?,
                None => None,
            };
            let (masks, mut found, are_dropped) = match scanned {
                Some(scanned) => (scanned.masks, scanned.messages, scanned.are_dropped),
                None => {
                    let (mut masks, mut found, mut bytes) = (Vec::new(), Vec::new(), 0);
                    for batch in self.batches(&read, selection.clone(), None)? {
                        let batch = batch?;
                        let mask = test.rows(&batch)?;
                        if !wanted.is_empty() && bytes <= KEPT_BYTES {
                            let batch = narrowed(&batch, &read, &wanted, &mask).map_err(damaged)?;
                            bytes += batch.get_array_memory_size();
                            found.push(batch);
                        }
                        masks.push(mask);
                    }
                    (masks, found, bytes > KEPT_BYTES)
                }
            };
            if masks.iter().all(|mask| mask.true_count() == 0) {
                return Ok(None);
            }
            if are_dropped {
                found.clear();
                columns.extend(wanted);
            }
            kept.narrow(&masks).and_then(|()| kept.add(&found)).map_err(damaged)?;
            let passed = RowSelection::from_filters(&masks);
            selection = Some(match selection {
                // A damaged column may have fewer rows than the ones before it.
                Some(selection) => part.guarded(|| Ok(selection.and_then(&passed)))?,
                None => passed,
            });
        }
        Ok(Some(Passed { selection, decoded: kept, columns }))
    }

    /// Decodes columns of the selected rows.
    fn batches(&self, columns: &[usize], selection: Option<RowSelection>, limit: Option<usize>) -> Result<Batches<'p>> {
        let Self { part, file, footer, group, batch_rows } = *self;
        part.guarded(|| {
            footer.read_ahead(file, group, columns, selection.as_ref());
            Ok(())
        })?;
        let file = file.try_clone().map_err(|error| file::failed("open", &part.path, &error))?;
        let mask = ProjectionMask::leaves(footer.metadata.parquet_schema(), columns.iter().copied());
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, footer.metadata.clone())
            .with_row_groups(vec![group])
            .with_batch_size(batch_rows)
            .with_projection(mask);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        if let Some(limit) = limit {
            builder = builder.with_limit(limit);
        }
        let reader = part.guarded(|| builder.build().map_err(|error| part.damage_error(&error.to_string())))?;
        Ok(Batches { part, reader: Some(reader), kept: DecodedColumns::default() })
    }
}

impl Passed {
    /// The numbers of the rows in their row group of `all` rows, at most `limit`.
    pub(crate) fn rows(&self, all: usize, limit: Option<usize>) -> Vec<usize> {
        let limit = limit.unwrap_or(usize::MAX);
        let Some(selection) = &self.selection else { return (0..all.min(limit)).collect() };
        let (mut rows, mut start) = (Vec::new(), 0);
        for selector in selection.iter() {
            let end = start + selector.row_count;
            if !selector.skip {
                rows.extend((start..end).take(limit.saturating_sub(rows.len())));
            }
            start = end;
        }
        rows
    }

    /// The decoded columns of the first rows. `None` if they have fewer.
    pub(crate) fn decoded(&self, rows: usize) -> Option<Vec<RecordBatch>> {
        let first = |batch: &RecordBatch| (batch.num_rows() >= rows).then(|| batch.slice(0, rows));
        self.decoded.columns.iter().map(first).collect()
    }
}

/// The selection of rows in a row group; `None` selects all.
fn selection(footer: &Footer, group: usize, rows: &[Range<usize>]) -> Option<RowSelection> {
    let all = footer.groups.get(group).map_or(0, |group| group.rows);
    let is_all = rows.iter().map(Range::len).sum::<usize>() >= all;
    (!is_all).then(|| RowSelection::from_consecutive_ranges(rows.iter().cloned(), all))
}

/// The iterator over the batches of a read.
pub struct Batches<'a> {
    part: &'a Part,
    /// `None` at the end, and after an error.
    reader: Option<ParquetRecordBatchReader>,
    kept: DecodedColumns,
}

impl Iterator for Batches<'_> {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut reader = self.reader.take()?;
        let (part, kept) = (self.part, &mut self.kept);
        let damaged = |error: ArrowError| part.damage_error(&error.to_string());
        let read = || match reader.next() {
            Some(batch) => batch.and_then(|batch| kept.join(batch)).map(Some).map_err(damaged),
            None => Ok(None),
        };
        let batch = part.guarded(read).transpose()?;
        self.reader = batch.is_ok().then_some(reader);
        Some(batch)
    }
}

/// Decoded columns of the rows that passed, for reuse.
#[derive(Default)]
struct DecodedColumns {
    columns: Vec<RecordBatch>,
    /// The number of rows already returned.
    given: usize,
}

impl DecodedColumns {
    /// Applies the masks of another condition.
    fn narrow(&mut self, masks: &[BooleanArray]) -> Arrow<()> {
        if self.columns.is_empty() {
            return Ok(());
        }
        let masks: Vec<&dyn Array> = masks.iter().map(|mask| mask as &dyn Array).collect();
        let mask = concat(&masks)?;
        for columns in &mut self.columns {
            *columns = filter_record_batch(columns, mask.as_boolean())?;
        }
        Ok(())
    }

    fn add(&mut self, found: &[RecordBatch]) -> Arrow<()> {
        if let Some(first) = found.first() {
            self.columns.push(concat_batches(first.schema_ref(), found)?);
        }
        Ok(())
    }

    /// Adds the kept columns of the same rows to the batch.
    fn join(&mut self, batch: RecordBatch) -> Arrow<RecordBatch> {
        if self.columns.is_empty() {
            return Ok(batch);
        }
        let rows = batch.num_rows();
        let mut fields = batch.schema().fields().to_vec();
        let mut arrays = batch.columns().to_vec();
        for columns in &self.columns {
            fields.extend(columns.schema().fields().iter().cloned());
            arrays.extend(columns.columns().iter().map(|column| column.slice(self.given, rows)));
        }
        self.given += rows;
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
    }
}

/// The wanted columns among the decoded ones, of the rows that passed.
fn narrowed(batch: &RecordBatch, read: &[usize], wanted: &[usize], mask: &BooleanArray) -> Arrow<RecordBatch> {
    // Decoded columns are in the order of the part, and maps with their two leaves come last.
    let place = |column: &usize| read.iter().filter(|other| *other < column).count();
    filter_record_batch(&batch.project(&wanted.iter().map(place).collect::<Vec<_>>())?, mask)
}
