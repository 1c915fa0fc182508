//! Page pruning by the page index.

use std::{iter, ops::Range};

use parquet::file::page_index::{column_index::ColumnIndexMetaData, offset_index::PageLocation};

use super::{ranges::push_joined, reader::Footer};

impl Footer {
    /// The pages of a column in a row group, with the first row of each. `None` without a page index, or if that does not
    /// fit the rows.
    pub(crate) fn pages(&self, group: usize, column: usize) -> Option<(&[PageLocation], Vec<usize>)> {
        let rows = self.groups.get(group)?.rows;
        let pages = self.metadata.metadata().page_index()?.offset_index(group, column)?.page_locations().as_slice();
        let starts: Vec<usize> =
            pages.iter().map(|page| usize::try_from(page.first_row_index).ok()).collect::<Option<_>>()?;
        let are_pages = starts.first() == Some(&0)
            && starts.is_sorted_by(|one, next| one < next)
            && starts.last().is_some_and(|last| *last < rows);
        are_pages.then_some((pages, starts))
    }

    /// The rows of the pages of an integer column whose inclusive bounds pass `wanted`; all rows without a page
    /// index.
    pub fn rows_of_pages(&self, group: usize, place: usize, wanted: impl Fn((i64, i64)) -> bool) -> Vec<Range<usize>> {
        let rows = self.groups.get(group).map_or(0, |group| group.rows);
        let pages = || {
            let index = self.metadata.metadata().page_index()?;
            let Some(ColumnIndexMetaData::INT64(bounds)) = index.column_index(group, place) else { return None };
            let (_, starts) = self.pages(group, place)?;
            let bounds: Vec<_> = bounds.min_values_iter().zip(bounds.max_values_iter()).collect();
            (starts.len() == bounds.len()).then_some((starts, bounds))
        };
        let Some((starts, bounds)) = pages() else { return iter::once(0..rows).collect() };
        let ends = starts.iter().skip(1).copied().chain([rows]);
        let mut ranges = Vec::new();
        for ((start, end), bounds) in starts.iter().zip(ends).zip(bounds) {
            let is_wanted = match bounds {
                (Some(least), Some(greatest)) => wanted((*least, *greatest)),
                _ => true,
            };
            if is_wanted {
                push_joined(&mut ranges, *start..end);
            }
        }
        ranges
    }
}

#[cfg(test)]
mod tests {
    use std::{slice, sync::Arc};

    use model::{Record, RecordId, Severity};

    use super::super::{
        builder::Row,
        reader::{Footers, Part},
        schema, writer,
    };

    const ROWS: usize = 20_000;

    #[test]
    fn pages_outside_the_bounds_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let record = |row: usize| Record {
            id: RecordId::base(1, 0),
            // Newest first, so row 5 has the time 5 before it.
            time: 1_767_323_045_000_000_000 - row as i64,
            observed_time: 0,
            severity: Severity::INFO,
            level: "info".into(),
            service: "api".into(),
            node: "n1".into(),
            message: format!("row {row}"),
            attributes: Vec::new(),
            trace_id: None,
            span_id: None,
        };
        let records: Vec<Record> = (0..ROWS).map(record).collect();
        let rows: Vec<Row<'_>> =
            records.iter().map(|record| Row { record, position: 7, id_base: RecordId::base(1, 0) }).collect();
        let info = writer::write(folder.path(), "2026-01-02", &rows, writer::Effort::Quick).unwrap();
        let newest = info.max_time;
        let footer = Part::new(info, folder.path(), Arc::new(Footers::default())).footer().unwrap();

        let time = footer.columns.place(schema::TIME);
        let between = |first: i64, last: i64| {
            footer.rows_of_pages(0, time, |(least, greatest)| least <= newest - first && greatest >= newest - last)
        };
        for (first, last, rows) in [
            (0, ROWS as i64, 0..ROWS),
            (0, 0, 0..4_096),
            (4_095, 4_096, 0..8_192),
            (9_000, 9_001, 8_192..12_288),
            (19_999, 30_000, 16_384..ROWS),
        ] {
            assert_eq!(between(first, last), slice::from_ref(&rows));
        }
        assert!(between(ROWS as i64, 30_000).is_empty());
        let none = footer.rows_of_pages(0, footer.columns.place(schema::POSITION), |bounds| bounds != (7, 7));
        assert!(none.is_empty());
        let unknown = footer.rows_of_pages(0, footer.columns.place(schema::MESSAGE), |_| false);
        assert_eq!(unknown, slice::from_ref(&(0..ROWS)));
    }
}
