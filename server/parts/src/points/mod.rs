//! Reads single rows of a part.
//!
//! A search for a rare value finds rows that are far from each other, and wants all their columns. Parquet's reader sets
//! up decoders for each column and decodes all that precedes a row in its page. Here only the wanted values of a page are
//! decoded: keys of dictionaries and fixed values are jumped to, differences are summed up, and of large pages no more is
//! decompressed than what precedes the last wanted value.
//!
//! Flat columns of the usual types and encodings are read in this way. Whatever else there is, also damage, is left to
//! Parquet's reader, which decides whether a part is damaged.

mod arrays;
mod cells;
mod column;
mod header;
mod page;
mod runs;
#[cfg(test)]
mod tests;
mod values;

use std::{fs::File, ops::Range, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow_schema::{FieldRef, Schema};
use arrow_select::concat::concat_batches;
use pipeline::{Error, Result};

use self::{column::Column, page::Scratch};
use crate::{
    ranges::push_joined,
    reader::{Footer, Part},
    reading::{Opened, Reading},
};

/// Rows that pass conditions, with columns of them.
pub struct Matching {
    /// The numbers of the rows in their row group, in order.
    pub rows: Vec<usize>,
    pub columns: RecordBatch,
}

/// A column that was read, with the index of its field.
type Found = (usize, FieldRef, ArrayRef);

impl Part {
    /// Reads `columns` of single rows of a row group, given by their numbers in ascending order. The columns of the batch
    /// are in the order of the part, and their types are those of [`Self::read`]. Without rows there are no columns.
    ///
    /// # Errors
    /// `Unavailable` if the file cannot be opened, `Corrupt` if it is damaged.
    pub fn rows(&self, footer: &Footer, group: usize, rows: &[usize], columns: &[usize]) -> Result<RecordBatch> {
        self.rows_of(&self.open()?, footer, group, rows, columns)
    }

    /// Finds the given rows that pass all conditions, at most as many as the limit, and reads the columns of these rows. Of
    /// `kept`, those columns are returned as well that a condition has decoded.
    ///
    /// # Errors
    /// As [`Self::rows`], and those of the conditions.
    pub fn matching(
        &self,
        footer: &Footer,
        group: usize,
        rows: &[Range<usize>],
        what: Reading,
        kept: &[usize],
    ) -> Result<Matching> {
        let Reading { mut columns, conditions, limit, batch_rows } = what;
        columns.extend(kept);
        let file = self.open()?;
        let opened = Opened { part: self, file: &file, footer, group, batch_rows };
        let Some(passed) = opened.passed(rows, columns, conditions)? else {
            return Ok(Matching { rows: Vec::new(), columns: batch(Vec::new(), Vec::new(), 0)? });
        };
        let rows = passed.rows(footer.groups.get(group).map_or(0, |group| group.rows), limit);
        let left: Vec<usize> = passed.columns.iter().copied().filter(|column| !kept.contains(column)).collect();
        let read = self.rows_of(&file, footer, group, &rows, &left)?;
        let decoded = passed.decoded(rows.len()).ok_or_else(|| self.damage_error("its columns differ in length"))?;
        let batches = || decoded.iter().chain([&read]);
        let fields: Vec<FieldRef> = batches().flat_map(|batch| batch.schema_ref().fields().iter().cloned()).collect();
        let arrays: Vec<ArrayRef> = batches().flat_map(|batch| batch.columns().iter().cloned()).collect();
        Ok(Matching { columns: batch(fields, arrays, rows.len())?, rows })
    }

    fn rows_of(
        &self,
        file: &File,
        footer: &Footer,
        group: usize,
        rows: &[usize],
        columns: &[usize],
    ) -> Result<RecordBatch> {
        let of_group = footer.groups.get(group).map_or(0, |group| group.rows);
        if !rows.is_sorted_by(|one, next| one < next) || rows.last().is_some_and(|last| *last >= of_group) {
            return Err(Error::internal("rows of a part are out of order or not in their row group"));
        }
        if rows.is_empty() {
            return batch(Vec::new(), Vec::new(), 0);
        }
        let fields = footer.metadata.schema().fields();
        let (mut found, mut others) = (Vec::<Found>::with_capacity(columns.len()), Vec::new());
        self.guarded(|| {
            let known: Vec<_> =
                columns.iter().map(|leaf| (*leaf, Column::of(footer, group, *leaf, self.info.bytes))).collect();
            // All at once, because disks are slow at one page after the other.
            known.iter().filter_map(|(_, column)| column.as_ref()).for_each(|column| column.read_ahead(file, rows));
            Scratch::with(|scratch| {
                let mut read = |column: &Column<'_>| -> Option<Found> {
                    let array = column.read(file, scratch, rows)?;
                    Some((column.field, fields.get(column.field)?.clone(), array))
                };
                for (leaf, column) in &known {
                    match column.as_ref().and_then(&mut read) {
                        Some(column) => found.push(column),
                        None => others.push(*leaf),
                    }
                }
            });
            Ok(())
        })?;
        if !others.is_empty() {
            found.extend(self.decoded(footer, group, rows, others)?);
        }
        found.sort_by_key(|(field, ..)| *field);
        let (fields, arrays) = found.into_iter().map(|(_, field, array)| (field, array)).unzip();
        batch(fields, arrays, rows.len())
    }

    /// Reads columns of single rows by Parquet's reader.
    fn decoded(&self, footer: &Footer, group: usize, rows: &[usize], columns: Vec<usize>) -> Result<Vec<Found>> {
        let mut ranges = Vec::new();
        rows.iter().for_each(|row| push_joined(&mut ranges, *row..*row + 1));
        let reading = Reading { columns, batch_rows: rows.len(), ..Reading::default() };
        let batches = self.read(footer, group, &ranges, reading)?.collect::<Result<Vec<_>>>()?;
        let joined = match &batches[..] {
            [] => None,
            [first, ..] => self.guarded(|| {
                let joined = concat_batches(first.schema_ref(), &batches);
                joined.map(Some).map_err(|error| self.damage_error(&error.to_string()))
            })?,
        };
        let Some(joined) = joined.filter(|joined| joined.num_rows() == rows.len()) else {
            return Err(self.damage_error("its columns differ in length"));
        };
        let place = |field: &FieldRef| footer.metadata.schema().index_of(field.name()).unwrap_or(usize::MAX);
        let fields = joined.schema_ref().fields().iter();
        Ok(fields.zip(joined.columns()).map(|(field, array)| (place(field), field.clone(), array.clone())).collect())
    }
}

/// A batch of `rows` rows, also without columns.
fn batch(fields: Vec<FieldRef>, arrays: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| Error::internal(format!("rows of a part do not make a batch: {error}")))
}
