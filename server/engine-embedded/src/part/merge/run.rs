//! The rows of the parts in the order of the merged one.

use arrow_array::{RecordBatch, types::Int64Type};
use pipeline::Result;

use super::{
    Keep, RUN_ROWS,
    layout::{Adapter, Merged},
};
use crate::part::{
    columns::{self, Texts},
    reader::Part,
    reading::{Batches, Reading},
    schema,
};

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
    /// The order's keys of its rows, and those that stay.
    keys: Vec<(i64, i64)>,
    stays: Option<Vec<bool>>,
    row: usize,
}

impl Head {
    fn key(&self) -> Option<(i64, i64)> {
        self.keys.get(self.row).copied()
    }

    /// Goes on to the next row that stays.
    fn settle(&mut self) {
        while self.stays.as_ref().is_some_and(|stays| stays.get(self.row) == Some(&false)) {
            self.row += 1;
        }
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
            let batch = self.adapter.adapt(&batch?)?;
            let (times, positions) = keys(&batch)?;
            let keys = times.iter().copied().zip(positions.iter().copied()).collect();
            let stays = self.keep.map(|keep| stays(&batch, times, keep)).transpose()?;
            let mut head = Head { batch, keys, stays, row: 0 };
            head.settle();
            if head.key().is_some() {
                self.head = Some(head);
                return Ok(());
            }
        }
    }

    fn key(&self) -> Option<(i64, i64)> {
        self.head.as_ref().and_then(Head::key)
    }
}

fn stays(batch: &RecordBatch, times: &[i64], keep: &Keep) -> Result<Vec<bool>> {
    let services = Texts::named(batch, schema::SERVICE)?;
    Ok(times.iter().enumerate().map(|(row, time)| keep(services.get(row).unwrap_or_default(), *time)).collect())
}

/// All runs.
pub(super) struct Runs<'a>(Vec<Run<'a>>);

/// Rows that come next, as the place of their batch and the row in it.
pub(super) struct Picked {
    pub(super) batches: Vec<RecordBatch>,
    pub(super) rows: Vec<(usize, usize)>,
}

impl<'a> Runs<'a> {
    pub(super) fn new(runs: Vec<Run<'a>>) -> Self {
        Self(runs)
    }

    /// The next rows, at most so many; `None` at the end.
    pub(super) fn pick(&mut self, most: usize) -> Result<Option<Picked>> {
        // Where the head of each run is among the picked batches.
        let mut places: Vec<Option<usize>> = vec![None; self.0.len()];
        let mut picked = Picked { batches: Vec::new(), rows: Vec::with_capacity(most) };
        while picked.rows.len() < most {
            let Some((first, bar)) = self.first() else { break };
            let (Some(run), Some(place)) = (self.0.get_mut(first), places.get_mut(first)) else { break };
            let Some(head) = &mut run.head else { break };
            let batch = *place.get_or_insert_with(|| {
                picked.batches.push(head.batch.clone());
                picked.batches.len() - 1
            });
            // As long as no other run comes before it.
            while picked.rows.len() < most
                && let Some(key) = head.key().filter(|key| bar.is_none_or(|bar| *key > bar))
            {
                debug_assert!(key >= head.keys.last().copied().unwrap_or(key), "a part is out of order");
                picked.rows.push((batch, head.row));
                head.row += 1;
                head.settle();
            }
            if head.key().is_none() {
                run.advance()?;
                *place = None;
            }
        }
        Ok((!picked.rows.is_empty()).then_some(picked))
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
