//! Counting: how many, over time, and by value.
//!
//! All threads count at once, each for itself what it comes to; in the end one adds up. While
//! a thread unpacks one row group, the disk is at its next.

mod count;
mod facets;
mod histogram;

use std::{ops::Range, sync::Arc, vec};

use arrow_array::RecordBatch;
use model::{LevelClass, Query, Record};
use parking_lot::Mutex;
use parts::{
    reader::{Footer, Group, Part},
    reading::Reading,
    schema::Columns,
};
use pipeline::{Result, TimeRange};
use rayon::prelude::*;

pub(super) use self::{count::count, facets::facets, histogram::histogram};
use super::{
    filter::{self, Bound},
    memtable::Entry,
    scans::Cancel,
    search::{Order, Window},
    snapshot::Snapshot,
};

/// What counts the matching records.
trait Counter: Send + Sync {
    /// One of the same kind that has counted nothing.
    fn fork(&self) -> Self;
    /// Adds what another one has counted.
    fn merge(&mut self, other: Self);
    /// The columns it reads of a part.
    fn columns(&self, layout: &Columns) -> Vec<usize>;
    fn record(&mut self, record: &Record);
    fn batch(&mut self, batch: &RecordBatch, layout: &Columns) -> Result<()>;
    /// Whether it needs no more of the matching rows of a row group than their services and
    /// level classes.
    fn is_by_service_and_class(&self, group: &Group) -> bool;
    /// Adds rows of such a row group.
    fn rows(&mut self, group: &Group, service: &str, class: LevelClass, rows: u64);
}

/// What one thread looks at in one go.
enum Task {
    Entry(Arc<Entry>),
    Group { part: Arc<Part>, footer: Arc<Footer>, place: usize },
}

/// Rows of a row group that have to be read.
struct Rows {
    part: Arc<Part>,
    footer: Arc<Footer>,
    place: usize,
    rows: Vec<Range<usize>>,
    reading: Reading,
}

struct Run<'a> {
    query: &'a Query,
    window: Window,
    cancel: &'a Cancel,
    /// Whether a row group's totals say how many of its rows match.
    by_service_and_class: bool,
}

fn run<C: Counter>(snapshot: &Snapshot, query: &Query, range: TimeRange, cancel: &Cancel, mut counter: C) -> Result<C> {
    let by_service_and_class = query.is_by_service_and_class();
    let run = Run { query, window: Window::of_time(range), cancel, by_service_and_class };
    let tasks = Mutex::new(run.tasks(snapshot)?.into_iter());
    let total = (0..rayon::current_num_threads())
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let counted = run.work_off(&tasks, counter.fork());
            if counted.is_err() {
                // The others need not count what nobody will see.
                tasks.lock().by_ref().for_each(drop);
            }
            counted
        })
        .try_reduce(
            || counter.fork(),
            |mut total, counted| {
                total.merge(counted);
                Ok(total)
            },
        )?;
    counter.merge(total);
    Ok(counter)
}

impl Run<'_> {
    fn tasks(&self, snapshot: &Snapshot) -> Result<Vec<Task>> {
        let mut tasks = Vec::new();
        for entry in snapshot.tables.iter().flat_map(|view| view.entries()) {
            let position = (entry.block.first.0, entry.block.last().0);
            if self.window.meets(entry.time, position) {
                tasks.push(Task::Entry(entry));
            }
        }
        let of_parts: Vec<Vec<Task>> =
            snapshot.parts.par_iter().with_max_len(1).map(|part| self.groups(part)).collect::<Result<_>>()?;
        tasks.extend(of_parts.into_iter().flatten());
        Ok(tasks)
    }

    fn groups(&self, part: &Arc<Part>) -> Result<Vec<Task>> {
        let info = &part.info;
        if !self.window.meets((info.min_time, info.max_time), (info.min_position, info.max_position)) {
            return Ok(Vec::new());
        }
        self.cancel.check()?;
        let footer = part.footer()?;
        filter::read_ahead(&self.query.expr, part, &footer);
        let meets = |(_, group): &(usize, &Group)| self.window.meets(group.time, group.position);
        let task = |(place, _)| Task::Group { part: part.clone(), footer: footer.clone(), place };
        Ok(footer.groups.iter().enumerate().filter(meets).map(task).collect())
    }

    /// Counts until no task is left.
    fn work_off<C: Counter>(&self, tasks: &Mutex<vec::IntoIter<Task>>, mut counter: C) -> Result<C> {
        let mut next = self.next(tasks, &mut counter)?;
        while let Some(Rows { part, footer, place, rows, reading }) = next {
            next = self.next(tasks, &mut counter)?;
            for batch in part.read(&footer, place, &rows, reading)? {
                self.cancel.check()?;
                counter.batch(&batch?, &footer.columns)?;
            }
        }
        Ok(counter)
    }

    /// Counts what takes no reading, up to the next rows that do; the system begins with them.
    fn next<C: Counter>(&self, tasks: &Mutex<vec::IntoIter<Task>>, counter: &mut C) -> Result<Option<Rows>> {
        loop {
            self.cancel.check()?;
            let Some(task) = tasks.lock().next() else { return Ok(None) };
            match task {
                Task::Entry(entry) => self.count_entry(&entry, counter),
                Task::Group { part, footer, place } => {
                    if let Some(rows) = self.of_group(part, footer, place, counter)? {
                        return Ok(Some(rows));
                    }
                }
            }
        }
    }

    /// Counts a row group by its totals if they say all.
    fn of_group<C: Counter>(
        &self,
        part: Arc<Part>,
        footer: Arc<Footer>,
        place: usize,
        counter: &mut C,
    ) -> Result<Option<Rows>> {
        let Some(group) = footer.groups.get(place) else { return Ok(None) };
        let covered = self.by_service_and_class && self.window.covers(group.time, group.position);
        if let Some(totals) = group.totals.as_ref().filter(|_| covered && counter.is_by_service_and_class(group)) {
            filter::matching_totals(self.query, totals, |service, class, rows| {
                counter.rows(group, service, class, rows);
            });
            return Ok(None);
        }
        let Bound::Conditions(more) = filter::bind(self.query, &footer.columns, self.cancel) else { return Ok(None) };
        let mut conditions: Vec<_> = self.window.condition(Order::Newest, group, &footer.columns).into_iter().collect();
        conditions.extend(more);
        let rows = self.window.rows(&footer, place);
        let rows = filter::candidates(self.query, &part, &footer, place, &rows)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let reading = Reading { columns: counter.columns(&footer.columns), conditions, ..Reading::default() };
        part.read_ahead(&footer, place, &rows, reading.first_columns());
        Ok(Some(Rows { part, footer, place, rows, reading }))
    }

    fn count_entry<C: Counter>(&self, entry: &Entry, counter: &mut C) {
        let block = &entry.block;
        let inside = self.window.covers(entry.time, (block.first.0, block.last().0));
        for record in &block.batch.records {
            if (inside || self.window.time.contains(record.time)) && self.query.matches(record) {
                counter.record(record);
            }
        }
    }
}
