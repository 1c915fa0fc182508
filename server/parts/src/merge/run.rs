//! Iterates over the rows of all parts in the order of the merged part.

use arrow_array::{RecordBatch, types::Int64Type};
use arrow_select::filter::filter_record_batch;
use pipeline::Result;

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

/// The rows of one part, batch by batch.
pub(super) struct Run<'a> {
    batches: Box<dyn Iterator<Item = Result<Batches<'a>>> + 'a>,
    current: Option<Batches<'a>>,
    adapter: Adapter,
    keep: Option<&'a Keep>,
    head: Option<Head>,
}

/// The batch that contains the next rows.
struct Head {
    batch: RecordBatch,
    /// The sort keys of its rows, descending.
    keys: Vec<(i64, i64)>,
    row: usize,
}

impl Head {
    fn key(&self) -> Option<(i64, i64)> {
        self.keys.get(self.row).copied()
    }

    /// The number of next rows before `bar`, at least one.
    fn stretch(&self, bar: Option<(i64, i64)>) -> usize {
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
    pub(super) fn open(part: &'a Part, merged: &Merged, keep: Option<&'a Keep>) -> Result<Self> {
        let footer = part.footer()?;
        let adapter = merged.adapter(&footer);
        let batches = (0..footer.groups.len()).map(move |place| {
            let rows = footer.groups.get(place).map_or(0, |group| group.rows);
            let reading = Reading { columns: footer.all_columns(), batch_rows: RUN_ROWS, ..Reading::default() };
            part.read(&footer, place, std::slice::from_ref(&(0..rows)), reading)
        });
        let mut run = Self { batches: Box::new(batches), current: None, adapter, keep, head: None };
        run.advance()?;
        Ok(run)
    }

    /// Advances to the next batch with a retained row, if any.
    fn advance(&mut self) -> Result<()> {
        self.head = None;
        loop {
            let Some(current) = &mut self.current else {
                match self.batches.next() {
                    Some(next) => self.current = Some(next?),
                    None => return Ok(()),
                }
                continue;
            };
            let Some(batch) = current.next() else {
                self.current = None;
                continue;
            };
            let mut batch = self.adapter.adapt(&batch?)?;
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
    }

    fn key(&self) -> Option<(i64, i64)> {
        self.head.as_ref().and_then(Head::key)
    }
}

/// The runs of all parts.
pub(super) struct Runs<'a>(Vec<Run<'a>>);

/// The next rows.
pub(super) enum Picked {
    /// Consecutive rows of one part.
    Stretch(RecordBatch),
    /// Rows of several parts, each as the index of its batch and of its row.
    Mixed { batches: Vec<RecordBatch>, rows: Vec<(usize, usize)> },
}

impl<'a> Runs<'a> {
    pub(super) fn new(runs: Vec<Run<'a>>) -> Self {
        Self(runs)
    }

    /// The next rows, at most [`RUN_ROWS`]; `None` at the end.
    pub(super) fn pick(&mut self) -> Result<Option<Picked>> {
        // The index of each run's head among the selected batches.
        let mut places: Vec<Option<usize>> = vec![None; self.0.len()];
        let (mut batches, mut rows) = (Vec::new(), Vec::new());
        while rows.len() < RUN_ROWS {
            let Some((first, bar)) = self.first() else { break };
            let (Some(run), Some(place)) = (self.0.get_mut(first), places.get_mut(first)) else { break };
            let Some(head) = &mut run.head else { break };
            let mut stretch = head.stretch(bar);
            let is_long = stretch >= LONG;
            if is_long && rows.is_empty() {
                let picked = head.batch.slice(head.row, stretch);
                head.row += stretch;
                if head.key().is_none() {
                    run.advance()?;
                }
                return Ok(Some(Picked::Stretch(picked)));
            }
            if is_long {
                break;
            }
            stretch = stretch.min(RUN_ROWS - rows.len());
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
        }
        Ok((!rows.is_empty()).then_some(Picked::Mixed { batches, rows }))
    }

    /// The run with the next row, and the key of the row after it in the other runs.
    fn first(&self) -> Option<(usize, Option<(i64, i64)>)> {
        let mut best: Option<(usize, (i64, i64))> = None;
        let mut second = None;
        for (place, key) in self.0.iter().enumerate().filter_map(|(place, run)| Some((place, run.key()?))) {
            match best {
                Some((_, leading)) if key <= leading => second = second.max(Some(key)),
                _ => {
                    second = second.max(best.map(|(_, leading)| leading));
                    best = Some((place, key));
                }
            }
        }
        best.map(|(place, _)| (place, second))
    }
}
