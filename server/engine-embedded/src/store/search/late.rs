//! Finds the rows of a result by their keys, and reads their records at the end.
//!
//! A row that matches is known by its part, its row group and its number there. Only the rows that are in the result are
//! read, those of one row group together. Matches may be far from each other, so that each is in a page of its own, and
//! slices that are searched in parallel find more than the result keeps.

use std::{ops::Range, sync::Arc};

use arrow_array::{ArrayRef, RecordBatch, StringArray, types::Int64Type};
use model::{StoredRecord, limits};
use parts::{
    columns::{self, Texts},
    decode,
    reading::Reading,
    schema,
    writer::PAGE_ROWS,
};
use pipeline::{Error, Result};
use rayon::prelude::*;

use super::{
    Order, Scan,
    found::{Candidate, Found, Row},
    sources::GroupOfPart,
    window::Key,
};

/// The least number of pages that a thread reads of a row group: it reads the dictionaries of all columns as well.
const LEAST_PAGES: usize = 4;
/// The most rows that are read at once: Arrow counts the bytes of their messages in 31 bits.
const MOST_ROWS: usize = i32::MAX as usize / limits::MESSAGE_BYTES;

/// A row and the place of its record in the result.
type Placed = (usize, Row);

impl Scan<'_> {
    /// Finds the rows that match `what` by their keys. Returns the last key.
    pub(super) fn find(
        &self,
        group: &GroupOfPart,
        rows: &[Range<usize>],
        mut what: Reading,
        found: &mut Found,
    ) -> Result<Option<Key>> {
        let GroupOfPart { part, footer, place, .. } = group;
        what.columns = [schema::TIME, schema::POSITION].map(|name| footer.columns.place(name)).to_vec();
        // By position, most rows of a part are better than the ones before them: their messages would be kept for nothing.
        let message = [footer.columns.place(schema::MESSAGE)];
        let kept = if self.order == Order::Position { &[][..] } else { &message[..] };
        let matching = part.matching(footer, *place, rows, what, kept)?;
        self.cancel.check()?;
        if matching.rows.is_empty() {
            return Ok(None);
        }
        let read = &matching.columns;
        let times = columns::times(read, schema::TIME)?;
        let positions = columns::numbers::<Int64Type>(read, schema::POSITION)?.values();
        let has_messages = read.column_by_name(schema::MESSAGE).is_some();
        let messages = has_messages.then(|| Texts::named(read, schema::MESSAGE)).transpose()?;
        let mut last = None;
        let keys = times.iter().zip(positions.iter()).map(|(time, position)| self.order.key(*time, *position));
        for ((number, row), key) in matching.rows.iter().enumerate().zip(keys) {
            last = last.max(Some(key));
            if found.wants(key) {
                let message = messages.and_then(|messages| messages.get(number)).map(Box::from);
                let row = Row { part: part.clone(), group: *place, row: *row, message };
                found.add(key, Candidate::Row(row));
            }
        }
        Ok(last)
    }

    /// The records of the candidates, in their order.
    ///
    /// # Errors
    /// The errors of the search: a part may turn out to be damaged here.
    pub(super) fn records(&self, candidates: Vec<Candidate>) -> Result<Vec<StoredRecord>> {
        let (mut records, mut rows) = (Vec::with_capacity(candidates.len()), Vec::new());
        for (place, candidate) in candidates.into_iter().enumerate() {
            records.push(match candidate {
                Candidate::Memory(block, number) => block.stored(number),
                Candidate::Part(stored) => Some(*stored),
                Candidate::Row(row) => {
                    rows.push((place, row));
                    None
                }
            });
        }
        rows.sort_unstable_by_key(|(_, row)| (address(row), row.group, row.row));
        let read: Vec<Vec<(usize, StoredRecord)>> = tasks(&rows, rayon::current_num_threads())
            .into_par_iter()
            .with_max_len(1)
            .map(|rows| self.read(rows))
            .collect::<Result<_>>()?;
        for (place, stored) in read.into_iter().flatten() {
            if let Some(slot) = records.get_mut(place) {
                *slot = Some(stored);
            }
        }
        let missing = || Error::internal("a row of a part was not read");
        records.into_iter().map(|stored| stored.ok_or_else(missing)).collect()
    }

    /// Reads the records of rows of one row group, in the order of the row group.
    fn read(&self, rows: &[Placed]) -> Result<Vec<(usize, StoredRecord)>> {
        let Some((_, Row { part, group, .. })) = rows.first() else { return Ok(Vec::new()) };
        self.cancel.check()?;
        let footer = part.footer()?;
        let messages: Option<Vec<&str>> = rows.iter().map(|(_, row)| row.message.as_deref()).collect();
        let mut columns = footer.all_columns();
        if messages.is_some() {
            let message = footer.columns.place(schema::MESSAGE);
            columns.retain(|column| *column != message);
        }
        let numbers: Vec<usize> = rows.iter().map(|(_, row)| row.row).collect();
        let mut batch = part.rows(&footer, *group, &numbers, &columns)?;
        if let Some(messages) = messages {
            batch = with_messages(&batch, messages)?;
        }
        let records = decode::records(&batch, &footer.columns)?;
        Ok(rows.iter().map(|(place, _)| *place).zip(records).collect())
    }
}

/// The batch with a column of messages.
fn with_messages(batch: &RecordBatch, messages: Vec<&str>) -> Result<RecordBatch> {
    let names = batch.schema_ref().fields().iter().map(|field| field.name().as_str());
    let messages: ArrayRef = Arc::new(StringArray::from(messages));
    let columns = names.zip(batch.columns().iter().cloned()).chain([(schema::MESSAGE, messages)]);
    RecordBatch::try_from_iter(columns)
        .map_err(|error| Error::internal(format!("rows of a part do not go with their messages: {error}")))
}

/// What tells a part from all others that are held.
fn address(row: &Row) -> usize {
    Arc::as_ptr(&row.part).addr()
}

/// Divides sorted rows among threads: each piece is of one row group and has whole pages, as far as it has no more than
/// [`MOST_ROWS`].
fn tasks(rows: &[Placed], threads: usize) -> Vec<&[Placed]> {
    let is_beside = |one: &Row, next: &Row| address(one) == address(next) && one.group == next.group;
    let is_same_page = |one: &Row, next: &Row| is_beside(one, next) && one.row / PAGE_ROWS == next.row / PAGE_ROWS;
    let pages = rows.chunk_by(|(_, one), (_, next)| is_same_page(one, next)).count();
    let most = pages.div_ceil(threads.max(1)).max(LEAST_PAGES);
    let mut tasks = Vec::new();
    for mut group in rows.chunk_by(|(_, one), (_, next)| is_beside(one, next)) {
        while !group.is_empty() {
            let pages = group.chunk_by(|(_, one), (_, next)| is_same_page(one, next));
            let rows: usize = pages.take(most).map(<[Placed]>::len).sum();
            let (task, later) = group.split_at(rows.min(MOST_ROWS));
            tasks.push(task);
            group = later;
        }
    }
    tasks
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use parts::{PartInfo, reader::Part};

    use super::*;

    fn part() -> Arc<Part> {
        Arc::new(Part::new(PartInfo::default(), Path::new(""), Arc::default()))
    }

    #[test]
    fn threads_share_whole_pages_of_row_groups() {
        let parts = [part(), part()];
        let row = |place: usize, part: usize, group: usize, page: usize, row: usize| {
            (place, Row { part: parts[part].clone(), group, row: page * PAGE_ROWS + row, message: None })
        };
        // Ten pages of one row group with two rows each, and rows of three other ones.
        let mut rows: Vec<Placed> = (0..20).map(|number| row(number, 0, 0, number / 2, number % 2)).collect();
        rows.extend([row(20, 0, 1, 9, 0), row(21, 1, 1, 9, 0), row(22, 1, 2, 9, 0)]);
        let lengths = |threads| tasks(&rows, threads).into_iter().map(<[Placed]>::len).collect::<Vec<_>>();
        assert_eq!(lengths(1), [20, 1, 1, 1]);
        assert_eq!(lengths(2), [14, 6, 1, 1, 1]);
        assert_eq!(lengths(64), [8, 8, 4, 1, 1, 1]);
        let all: Vec<usize> = tasks(&rows, 3).into_iter().flatten().map(|(place, _)| *place).collect();
        assert_eq!(all, (0..23).collect::<Vec<_>>());
        assert!(tasks(&[], 2).is_empty());
        // The messages of many rows of one page would not fit into a column.
        let many: Vec<Placed> = (0..5_000).map(|number| row(number, 0, 0, 0, number)).collect();
        assert_eq!(tasks(&many, 1).into_iter().map(<[Placed]>::len).collect::<Vec<_>>(), [2_047, 2_047, 906]);
    }
}
