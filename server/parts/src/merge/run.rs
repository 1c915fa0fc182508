//! The rows of the parts in the order of the merged one.

use arrow_array::{BooleanArray, RecordBatch, types::Int64Type};
use arrow_select::filter::filter_record_batch;
use pipeline::Result;

use super::{
    Keep, RUN_ROWS,
    layout::{Adapter, Merged},
    refused,
};
use crate::{
    columns::{self, Texts},
    reader::Part,
    reading::{Batches, Reading},
    schema,
};

/// From so many rows on it is cheaper to write them on their own than to copy them to others.
/// Logs come nearly in the order of their times, so most rows of a merge are of such stretches.
const LONG: usize = 128;

/// The rows of one part, a batch at a time.
pub(super) struct Run<'a> {
    batches: Box<dyn Iterator<Item = Result<Batches<'a>>> + 'a>,
    current: Option<Batches<'a>>,
    adapter: Adapter,
    keep: Option<&'a Keep>,
    head: Option<Head>,
}

/// The batch whose rows come next.
struct Head {
    batch: RecordBatch,
    /// The order's keys of its rows, which descend.
    keys: Vec<(i64, i64)>,
    row: usize,
}

impl Head {
    fn key(&self) -> Option<(i64, i64)> {
        self.keys.get(self.row).copied()
    }

    /// How many rows come before the bar, of which the next one is known to.
    fn stretch(&self, bar: Option<(i64, i64)>) -> usize {
        let keys = &self.keys[self.row..];
        bar.map_or(keys.len(), |bar| keys.partition_point(|key| *key > bar).max(1))
    }
}

/// Times and positions of a batch.
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

    /// Makes the next batch with a row that stays the head, if there is one.
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
                batch = filter_record_batch(&batch, &stays(&batch, keep)?).map_err(refused)?;
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

fn stays(batch: &RecordBatch, keep: &Keep) -> Result<BooleanArray> {
    let times = columns::times(batch, schema::TIME)?;
    let services = Texts::named(batch, schema::SERVICE)?;
    Ok(times.iter().enumerate().map(|(row, time)| Some(keep(services.get(row).unwrap_or_default(), *time))).collect())
}

/// All runs.
pub(super) struct Runs<'a>(Vec<Run<'a>>);

/// Rows that come next.
pub(super) enum Picked {
    /// They follow one another in one part already.
    Stretch(RecordBatch),
    /// Of several parts, each as the place of its batch and the row in it.
    Mixed { batches: Vec<RecordBatch>, rows: Vec<(usize, usize)> },
}

impl<'a> Runs<'a> {
    pub(super) fn new(runs: Vec<Run<'a>>) -> Self {
        Self(runs)
    }

    /// The next rows, at most [`RUN_ROWS`]; `None` at the end.
    pub(super) fn pick(&mut self) -> Result<Option<Picked>> {
        // Where the head of each run is among the picked batches.
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

    /// The run whose next row comes first, and the key of the one that comes second.
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
