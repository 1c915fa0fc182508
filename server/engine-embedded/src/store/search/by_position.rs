//! Search in the order of positions, with a limit of bytes.
//!
//! A part is sorted by time, so the first records by position may be anywhere in a row group. Their positions are found
//! first, and only these rows are decoded. Otherwise each page of a reader that catches up would decode whole row
//! groups.

use std::ops::Range;

use arrow_array::{BooleanArray, RecordBatch, types::Int64Type};
use arrow_buffer::BooleanBuffer;
use parts::{
    columns, decode,
    reading::{Condition, Reading},
    schema::{self, Columns},
};
use pipeline::Result;
use rayon::prelude::*;

use super::{
    Scan,
    found::{Candidate, Found},
    sources::GroupOfPart,
};

impl Scan<'_> {
    /// Searches the rows of a row group, given in slices.
    pub(super) fn search_by_position(
        &self,
        group: &GroupOfPart,
        slices: &[Vec<Range<usize>>],
        found: &mut Found,
    ) -> Result<()> {
        let mut positions: Vec<Vec<i64>> = slices
            .par_iter()
            .with_max_len(1)
            .map(|rows| self.matching_positions(group, rows, found))
            .collect::<Result<_>>()?;
        let mut all = positions.concat();
        let most = found.limit.records;
        if all.len() > most {
            let (_, last, _) = all.select_nth_unstable(most - 1);
            let last = *last;
            positions.iter_mut().for_each(|positions| positions.retain(|position| *position <= last));
        }
        let mut wanted: Vec<_> = slices.iter().zip(positions).filter(|(_, positions)| !positions.is_empty()).collect();
        // In rounds, because the records of each slice may reach the limit of bytes.
        while !wanted.is_empty() {
            let round = wanted.split_off(wanted.len().saturating_sub(rayon::current_num_threads()));
            let parts: Vec<Found> = round
                .into_par_iter()
                .with_max_len(1)
                .map(|(rows, positions)| {
                    let mut own = found.fork();
                    self.take(group, rows, positions, &mut own)?;
                    Ok(own)
                })
                .collect::<Result<_>>()?;
            parts.into_iter().for_each(|own| found.merge(own));
        }
        Ok(())
    }

    /// The positions of the matching rows that are still wanted.
    fn matching_positions(&self, group: &GroupOfPart, rows: &[Range<usize>], found: &Found) -> Result<Vec<i64>> {
        let GroupOfPart { part, footer, place, .. } = group;
        let Some(group) = footer.groups.get(*place) else { return Ok(Vec::new()) };
        self.cancel.check()?;
        let Some(conditions) = self.conditions(group, footer) else { return Ok(Vec::new()) };
        let columns = vec![footer.columns.place(schema::POSITION)];
        let mut positions = Vec::new();
        for batch in part.read(footer, *place, rows, Reading { columns, conditions, ..Reading::default() })? {
            self.cancel.check()?;
            let batch = batch?;
            let matching = columns::numbers::<Int64Type>(&batch, schema::POSITION)?.values();
            positions.extend(matching.iter().copied().filter(|position| found.wants((*position, 0))));
        }
        Ok(positions)
    }

    /// Decodes the rows with these positions.
    fn take(&self, group: &GroupOfPart, rows: &[Range<usize>], positions: Vec<i64>, found: &mut Found) -> Result<()> {
        let GroupOfPart { part, footer, place, .. } = group;
        let conditions = vec![is_one_of(positions, &footer.columns)];
        let reading = Reading { columns: footer.all_columns(), conditions, ..Reading::default() };
        for batch in part.read(footer, *place, rows, reading)? {
            self.cancel.check()?;
            for stored in decode::records(&batch?, &footer.columns)? {
                let key = (stored.position.0, 0);
                if found.wants(key) {
                    found.add(key, Candidate::Part(Box::new(stored)));
                }
            }
        }
        Ok(())
    }
}

fn is_one_of(mut wanted: Vec<i64>, layout: &Columns) -> Condition {
    wanted.sort_unstable();
    let test = move |batch: &RecordBatch| {
        let positions = columns::numbers::<Int64Type>(batch, schema::POSITION)?.values();
        let is_wanted = |row: usize| wanted.binary_search(&positions[row]).is_ok();
        Ok(BooleanArray::new(BooleanBuffer::collect_bool(batch.num_rows(), is_wanted), None))
    };
    Condition { columns: vec![layout.place(schema::POSITION)], test: Box::new(test) }
}
