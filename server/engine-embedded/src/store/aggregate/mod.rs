//! Aggregation (C13): one pass over memory and parts for all groupings.
//!
//! All threads work in parallel, each with its own tallies, which are merged at the end. While a thread decodes one row
//! group, the next one is prefetched. A row group is not read at all if its totals suffice.

mod codes;
mod encode;
mod tally;

use std::{ops::Range, sync::Arc, vec};

use model::{
    LevelClass, Query, Record, TimeRange,
    aggregate::{Aggregation, Table},
};
use parking_lot::Mutex;
use parts::{
    reader::{Footer, Group, Part},
    reading::Reading,
    schema::Columns,
    totals::Totals,
};
use pipeline::Result;
use rayon::prelude::*;

use self::{codes::Rows, tally::Tally};
use super::{
    filter::{self, Bound},
    memtable::Entry,
    scans::Cancel,
    search::{Order, Window},
    snapshot::Snapshot,
};

/// One unit of work of a thread.
enum Task {
    Entry(Arc<Entry>),
    Group { part: Arc<Part>, footer: Arc<Footer>, place: usize },
}

/// Rows of a row group to read.
struct Unread {
    part: Arc<Part>,
    footer: Arc<Footer>,
    place: usize,
    rows: Vec<Range<usize>>,
    reading: Reading,
}

struct Run<'a> {
    query: &'a Query,
    /// [`Query::split_by_service`]: of the filter of audit records, other fields decide for one service alone.
    by_service: Option<(Query, Query)>,
    window: Window,
    cancel: &'a Cancel,
}

/// Evaluates a checked aggregation.
pub(super) fn aggregate(snapshot: &Snapshot, aggregation: &Aggregation, cancel: &Cancel) -> Result<Vec<Table>> {
    let Aggregation { query, range, groupings } = aggregation;
    let run = Run { query, by_service: query.split_by_service(), window: Window::of_time(*range), cancel };
    let tallies = || Tallies(groupings.iter().map(Tally::new).collect());
    let tasks = Mutex::new(run.tasks(snapshot)?.into_iter());
    let total = (0..rayon::current_num_threads())
        .into_par_iter()
        .with_max_len(1)
        .map(|_| {
            let counted = run.run_tasks(&tasks, tallies());
            if counted.is_err() {
                // Stops the other threads, since the result is discarded.
                tasks.lock().by_ref().for_each(drop);
            }
            counted
        })
        .try_reduce(tallies, |mut total, counted| {
            total.merge(counted);
            Ok(total)
        })?;
    Ok(total.0.into_iter().map(Tally::into_table).collect())
}

/// The number of matching records.
pub(super) fn count(snapshot: &Snapshot, query: &Query, cancel: &Cancel) -> Result<u64> {
    let counting = Aggregation::counting(query.clone(), TimeRange::ALL, Vec::new(), 1);
    let tables = aggregate(snapshot, &counting, cancel)?;
    Ok(tables.into_iter().flat_map(Table::counts).map(|(_, count)| count).sum())
}

/// One tally per grouping.
struct Tallies<'g>(Vec<Tally<'g>>);

impl Tallies<'_> {
    fn merge(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(tally, more)| tally.merge(more));
    }

    /// The columns of a part that they read.
    fn columns(&self, layout: &Columns) -> Vec<usize> {
        let mut columns: Vec<usize> = self.0.iter().flat_map(|tally| tally.columns(layout)).collect();
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    fn is_by_service_and_class(&self, group: &Group) -> bool {
        self.0.iter().all(|tally| tally.is_by_service_and_class(group))
    }

    fn add_rows(&mut self, rows: Rows<'_>) -> Result<()> {
        self.0.iter_mut().try_for_each(|tally| tally.add_rows(rows))
    }
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
        // Of a query with a split, the totals in the footer decide about most row groups.
        if self.by_service.is_none() && filter::rules_out(self.query, part) {
            return Ok(Vec::new());
        }
        let footer = part.footer()?;
        filter::read_ahead(&self.query.expr, part, &footer);
        let meets = |(_, group): &(usize, &Group)| self.window.meets(group.time, group.position);
        let task = |(place, _)| Task::Group { part: part.clone(), footer: footer.clone(), place };
        Ok(footer.groups.iter().enumerate().filter(meets).map(task).collect())
    }

    /// Processes tasks until none is left.
    fn run_tasks<'g>(&self, tasks: &Mutex<vec::IntoIter<Task>>, mut tallies: Tallies<'g>) -> Result<Tallies<'g>> {
        let mut next = self.next_unread(tasks, &mut tallies)?;
        while let Some(Unread { part, footer, place, rows, reading }) = next {
            next = self.next_unread(tasks, &mut tallies)?;
            for batch in part.read(&footer, place, &rows, reading)? {
                self.cancel.check()?;
                tallies.add_rows(Rows::Batch(&batch?, &footer.columns))?;
            }
        }
        Ok(tallies)
    }

    /// Processes tasks that need no reading, up to the next one that does; its pages are prefetched.
    fn next_unread(&self, tasks: &Mutex<vec::IntoIter<Task>>, tallies: &mut Tallies<'_>) -> Result<Option<Unread>> {
        loop {
            self.cancel.check()?;
            let Some(task) = tasks.lock().next() else { return Ok(None) };
            match task {
                Task::Entry(entry) => self.count_entry(&entry, tallies)?,
                Task::Group { part, footer, place } => {
                    if let Some(rows) = self.count_or_prepare(part, footer, place, tallies)? {
                        return Ok(Some(rows));
                    }
                }
            }
        }
    }

    /// Counts a row group by its totals if they suffice; otherwise prepares reading it.
    fn count_or_prepare(
        &self,
        part: Arc<Part>,
        footer: Arc<Footer>,
        place: usize,
        tallies: &mut Tallies<'_>,
    ) -> Result<Option<Unread>> {
        let Some(group) = footer.groups.get(place) else { return Ok(None) };
        let covered = self.window.covers(group.time, group.position);
        let totals = group.totals.as_ref().filter(|_| covered && tallies.is_by_service_and_class(group));
        let (matching, unread) = totals.map_or((Vec::new(), Some(self.query)), |totals| self.by_totals(totals));
        for (service, class, rows) in matching {
            tallies.0.iter_mut().for_each(|tally| tally.add_total(group, service, class, rows));
        }
        let Some(query) = unread else { return Ok(None) };
        let Bound::Conditions(more) = filter::bind(query, &footer.columns, self.cancel) else { return Ok(None) };
        let mut conditions: Vec<_> = self.window.condition(Order::Newest, group, &footer.columns).into_iter().collect();
        conditions.extend(more);
        let rows = self.window.rows(&footer, place);
        let rows = filter::candidates(query, &part, &footer, place, &rows)?;
        if rows.is_empty() {
            return Ok(None);
        }
        let reading = Reading { columns: tallies.columns(&footer.columns), conditions, ..Reading::default() };
        part.read_ahead(&footer, place, &rows, reading.first_columns());
        Ok(Some(Unread { part, footer, place, rows, reading }))
    }

    /// The matching rows that the totals of a row group tell, and the query for the rows that must be read besides;
    /// `None` if the totals tell them all.
    fn by_totals<'t>(&self, totals: &'t Totals) -> (Vec<(&'t str, LevelClass, u64)>, Option<&Query>) {
        if let Some(matching) = filter::matching_totals(self.query, totals) {
            return (matching, None);
        }
        let split = self.by_service.as_ref().and_then(|(others, named)| {
            let matching = filter::matching_totals(others, totals)?;
            Some((matching, Some(named)))
        });
        split.unwrap_or((Vec::new(), Some(self.query)))
    }

    fn count_entry(&self, entry: &Entry, tallies: &mut Tallies<'_>) -> Result<()> {
        let block = &entry.block;
        let inside = self.window.covers(entry.time, (block.first.0, block.last().0));
        let matches =
            |record: &&Record| (inside || self.window.time.contains(record.time)) && self.query.matches(record);
        let records: Vec<&Record> = block.batch.records.iter().filter(matches).collect();
        tallies.add_rows(Rows::Records(&records))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_group_with_audit_records_only_their_service_is_read() {
        let mut counts = [0; LevelClass::ALL.len()];
        counts[0] = 3;
        let of =
            |services: &[&str]| -> Totals { services.iter().map(|service| ((*service).to_owned(), counts)).collect() };
        let cancel = Cancel::default();
        let by_totals = |query: &str, services: &[&str]| {
            let query = Query::parse(query).unwrap();
            let run = Run {
                query: &query,
                by_service: query.split_by_service(),
                window: Window::of_time(TimeRange::ALL),
                cancel: &cancel,
            };
            let totals = of(services);
            let (matching, unread) = run.by_totals(&totals);
            let matching =
                matching.into_iter().map(|(service, _, rows)| (service.to_owned(), rows)).collect::<Vec<_>>();
            (matching, unread.map(ToString::to_string))
        };
        let audit = "-(service:logboom audit:true)";
        let api = vec![("api".to_owned(), 3)];
        assert_eq!(by_totals(audit, &["api"]), (api.clone(), None));
        assert_eq!(by_totals(audit, &["api", "logboom"]), (api, Some(format!("{audit} service:logboom"))));
        assert_eq!(by_totals("word", &["api"]), (Vec::new(), Some("word".to_owned())));
    }
}
