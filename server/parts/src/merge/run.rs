//! Iterates over the rows of all parts in the order of the merged part.

use std::{collections::BinaryHeap, sync::Arc};

use arrow_array::{RecordBatch, types::Int64Type};
use arrow_select::filter::filter_record_batch;
use pipeline::{Error, ErrorClass, Result};

use super::{
    Keep, RUN_ROWS,
    layout::{Adapter, Merged},
    refused, retained,
};
use crate::{
    columns,
    reader::Part,
    reading::{Batches, Reading},
    schema,
};

/// The length from which writing a stretch directly is cheaper than copying its rows. Logs arrive almost in the order
/// of their times, so most rows belong to such stretches.
const LONG: usize = 128;

/// The time and the position of a row. Rows are in the descending order of their keys.
type Key = (i64, i64);

/// The rows of one part, batch by batch.
struct Run<'a> {
    part: &'a Part,
    /// `None` before its newest row is due, and after its last one.
    reader: Option<Reader<'a>>,
    keep: Option<&'a Keep>,
    head: Option<Head>,
}

/// The open file of a part.
struct Reader<'a> {
    batches: Box<dyn Iterator<Item = Result<Batches<'a>>> + 'a>,
    current: Option<Batches<'a>>,
    adapter: Adapter,
}

/// The batch that contains the next rows.
struct Head {
    batch: RecordBatch,
    /// The sort keys of its rows, descending.
    keys: Vec<Key>,
    row: usize,
}

impl Head {
    fn key(&self) -> Option<Key> {
        self.keys.get(self.row).copied()
    }

    /// The number of next rows before `bar`, at least one.
    fn stretch(&self, bar: Option<Key>) -> usize {
        let keys = &self.keys[self.row..];
        bar.map_or(keys.len(), |bar| keys.partition_point(|key| *key > bar).max(1))
    }
}

/// The times and positions of a batch.
pub(super) fn keys(batch: &RecordBatch) -> Result<(&[i64], &[i64])> {
    let times = columns::times(batch, schema::TIME)?;
    Ok((times, columns::numbers::<Int64Type>(batch, schema::POSITION)?.values()))
}

impl<'a> Run<'a> {
    /// Opens the part and advances to its first batch.
    fn open(&mut self, merged: &Merged) -> Result<()> {
        let part = self.part;
        let footer = part.footer()?;
        let (adapter, batch_rows) = (merged.adapter(&footer)?, merged.run_rows);
        let batches = (0..footer.groups.len()).map(move |place| {
            let rows = footer.groups.get(place).map_or(0, |group| group.rows);
            let reading = Reading { columns: footer.all_columns(), batch_rows, ..Reading::default() };
            part.read(&footer, place, std::slice::from_ref(&(0..rows)), reading)
        });
        self.reader = Some(Reader { batches: Box::new(batches), current: None, adapter });
        self.advance()?;
        // Rows newer than listed would have been due before: the result would not be in order.
        if self.key().is_some_and(|(time, _)| time > part.info.max_time) {
            return Err(part.damage_error("it has rows outside of the times in the catalogue"));
        }
        Ok(())
    }

    /// Advances to the next batch with a retained row, if any.
    fn advance(&mut self) -> Result<()> {
        self.head = None;
        let Some(reader) = &mut self.reader else { return Ok(()) };
        let part = self.part;
        // A damaged part is set aside, and not merged again and again.
        let damaged = |error: Error| match error.class {
            ErrorClass::Corrupt if part.damage().is_none() => part.damage_error(&error.message),
            _ => error,
        };
        while let Some(mut batch) = reader.read().map_err(damaged)? {
            if let Some(keep) = self.keep {
                batch = filter_record_batch(&batch, &retained(&batch, keep)?).map_err(refused)?;
            }
            let (times, positions) = keys(&batch)?;
            let keys: Vec<_> = times.iter().copied().zip(positions.iter().copied()).collect();
            if !keys.is_empty() {
                self.head = Some(Head { batch, keys, row: 0 });
                return Ok(());
            }
        }
        // Pages and dictionaries are not needed any more.
        self.reader = None;
        Ok(())
    }

    fn key(&self) -> Option<Key> {
        self.head.as_ref().and_then(Head::key)
    }
}

impl Reader<'_> {
    /// The next batch, with the merged columns.
    fn read(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            let Some(current) = &mut self.current else {
                match self.batches.next() {
                    Some(next) => self.current = Some(next?),
                    None => return Ok(None),
                }
                continue;
            };
            match current.next() {
                Some(batch) => return self.adapter.adapt(&batch?).map(Some),
                None => self.current = None,
            }
        }
    }
}

/// The runs of all parts.
pub(super) struct Runs<'a> {
    merged: &'a Merged,
    runs: Vec<Run<'a>>,
    /// The runs with rows left, each with the key of its next row. For a part that is not open, an upper bound of it.
    due: BinaryHeap<(Key, usize)>,
}

/// The next rows.
pub(super) enum Picked {
    /// Consecutive rows of one part.
    Stretch(RecordBatch),
    /// Rows of several parts, each as the index of its batch and of its row.
    Mixed { batches: Vec<RecordBatch>, rows: Vec<(usize, usize)> },
}

impl<'a> Runs<'a> {
    pub(super) fn of(parts: &'a [Arc<Part>], merged: &'a Merged, keep: Option<&'a Keep>) -> Self {
        let run = |part: &'a Arc<Part>| Run { part, reader: None, keep, head: None };
        // No position is as large.
        let due = |(place, part): (usize, &Arc<Part>)| ((part.info.max_time, i64::MAX), place);
        Self { merged, runs: parts.iter().map(run).collect(), due: parts.iter().enumerate().map(due).collect() }
    }

    /// The next rows, at most [`RUN_ROWS`]; `None` at the end.
    pub(super) fn pick(&mut self) -> Result<Option<Picked>> {
        // The index of each run's head among the selected batches.
        let mut places: Vec<Option<usize>> = vec![None; self.runs.len()];
        let (mut batches, mut rows) = (Vec::new(), Vec::new());
        while rows.len() < RUN_ROWS {
            let Some((key, first)) = self.due.pop() else { break };
            let (Some(run), Some(place)) = (self.runs.get_mut(first), places.get_mut(first)) else { break };
            let Some(head) = &mut run.head else {
                run.open(self.merged)?;
                self.due.extend(run.key().map(|key| (key, first)));
                continue;
            };
            // The key of the row after these in the other runs.
            let stretch = head.stretch(self.due.peek().map(|(key, _)| *key));
            let is_long = stretch >= LONG;
            if is_long && !rows.is_empty() {
                self.due.push((key, first));
                break;
            }
            if is_long {
                let picked = head.batch.slice(head.row, stretch);
                head.row += stretch;
                if head.key().is_none() {
                    run.advance()?;
                }
                self.due.extend(run.key().map(|key| (key, first)));
                return Ok(Some(Picked::Stretch(picked)));
            }
            let stretch = stretch.min(RUN_ROWS - rows.len());
            let batch = *place.get_or_insert_with(|| {
                batches.push(head.batch.clone());
                batches.len() - 1
            });
            rows.extend((head.row..head.row + stretch).map(|row| (batch, row)));
            head.row += stretch;
            if head.key().is_none() {
                run.advance()?;
                *place = None;
            }
            self.due.extend(run.key().map(|key| (key, first)));
        }
        Ok((!rows.is_empty()).then_some(Picked::Mixed { batches, rows }))
    }
}
