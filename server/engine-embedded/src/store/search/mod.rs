//! Search: finds records in an order and reads as little as possible.
//!
//! Blocks in memory, parts, and row groups of parts are sources. Each has a lower bound of its first record in the
//! order. Sources are visited by bound. The search ends when it has enough records and no remaining source can begin
//! before the last of them. Parts are opened only on their turn, so most footers are never read. A long search opens
//! more of them in parallel, because sequential disk reads are slow.

mod by_position;
mod found;
mod sources;
mod window;

use std::{borrow::Cow, ops::Range, sync::Arc, time::Instant};

use model::{Query, StoredRecord, time::Nanos};
use parts::{
    decode,
    ranges::common,
    reader::{Footer, Group, Part},
    reading::{Condition, Reading},
    writer::PAGE_ROWS,
};
use pipeline::{ReadLimit, Result};
use rayon::prelude::*;

pub(crate) use self::window::{Order, Window};
use self::{
    found::{Candidate, Found},
    sources::{GroupOfPart, Source, Sources},
    window::Key,
};
use super::{
    filter::{self, Bound},
    memtable::Entry,
    scans::Cancel,
    snapshot::Snapshot,
};

/// The maximum number of rows per thread and step: two pages.
const SLICE_ROWS: usize = 2 * PAGE_ROWS;
/// The maximum number of row groups searched in parallel: a trade-off between wasted work and idle threads.
const ROUND_GROUPS: usize = 16;
/// The maximum number of memory blocks searched before the result is checked again.
const ROUND_ENTRIES: usize = 64;

/// The first `limit` matching records of the window, in order.
pub(crate) fn search(
    snapshot: &Snapshot,
    query: &Query,
    window: Window,
    order: Order,
    limit: ReadLimit,
    cancel: &Cancel,
) -> Result<Vec<StoredRecord>> {
    if limit.is_reached(0, 0) {
        return Ok(Vec::new());
    }
    let scan = Scan { query, window, order, cancel, is_narrow: filter::names_ids(query) };
    let mut found = Found::new(limit);
    scan.run(&mut scan.sources(snapshot), &mut found, |_| false)?;
    Ok(found.finish())
}

/// As [`search`], newest first, until the deadline. After the deadline, it also returns a time earlier than the end of
/// the window: all matches at or after it are found.
pub(crate) fn search_newest(
    snapshot: &Snapshot,
    query: &Query,
    window: Window,
    limit: usize,
    deadline: Option<Instant>,
    cancel: &Cancel,
) -> Result<(Vec<StoredRecord>, Option<Nanos>)> {
    let order = Order::Newest;
    let scan = Scan { query, window, order, cancel, is_narrow: filter::names_ids(query) };
    let mut found = Found::new(ReadLimit::of_records(limit));
    let is_late = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    // Stops only after progress: otherwise the next call would start at the same place.
    let has_progress = |bound: i64| searched_back_to(bound) < window.time.to.saturating_sub(1);
    let stopped = scan.run(&mut scan.sources(snapshot), &mut found, |bound| has_progress(bound) && is_late())?;
    if let Some(bound) = stopped {
        // Drops records at times that are only partly searched.
        found.end_before(bound);
    }
    Ok((found.finish(), stopped.map(searched_back_to)))
}

/// The time after the newest possible record of a source with this bound.
fn searched_back_to(bound: i64) -> Nanos {
    (!bound).saturating_add(1)
}

/// The number of rows to scan next, estimated from the match rate so far and the remaining `room`. Bounded relative to
/// `seen`, because matches come in bursts; at least `share`, so that each thread has work.
fn expected_rows(seen: usize, found: usize, room: usize, share: usize) -> usize {
    let expected = room.saturating_mul(seen).checked_div(found).unwrap_or(usize::MAX);
    // The newest rows often suffice, so the first step is small.
    let most = seen.saturating_mul(4).max(1);
    expected.clamp((seen / 4).max(share).min(most), most)
}

/// The sources of the next step.
type Next = (Vec<Arc<Entry>>, Vec<GroupOfPart>);

struct Scan<'a> {
    query: &'a Query,
    window: Window,
    order: Order,
    cancel: &'a Cancel,
    is_narrow: bool,
}

impl Scan<'_> {
    /// Searches until there are enough records, no source is left, or `stop` returns true for the bound of the
    /// remaining sources; only then returns that bound.
    fn run(&self, sources: &mut Sources, found: &mut Found, stop: impl Fn(i64) -> bool) -> Result<Option<i64>> {
        let (mut seen, mut begun) = (0, false);
        loop {
            if let Some(bound) = sources.bound().filter(|bound| begun && !found.is_closed(*bound) && stop(*bound)) {
                return Ok(Some(bound));
            }
            let Some((entries, groups)) = self.next_sources(sources, found, self.rows_next(seen, found))? else {
                return Ok(None);
            };
            begun = true;
            for entry in entries {
                self.search_entry(&entry, found);
                seen += entry.block.batch.records.len();
            }
            match <[GroupOfPart; 1]>::try_from(groups) {
                Ok([group]) => self.search_in_steps(&group, &mut seen, found)?,
                Err(groups) => {
                    seen += groups.iter().map(GroupOfPart::len).sum::<usize>();
                    self.search_groups(&groups, found)?;
                }
            }
        }
    }

    /// The number of rows to scan next.
    fn rows_next(&self, seen: usize, found: &Found) -> usize {
        if self.is_narrow {
            // Ids occur in few places, so filters are checked for all sources at once.
            return usize::MAX;
        }
        expected_rows(seen, found.len(), found.room(), PAGE_ROWS * rayon::current_num_threads())
    }

    /// The memory blocks and parts that may have matches.
    fn sources(&self, snapshot: &Snapshot) -> Sources {
        let (window, order) = (self.window, self.order);
        let mut sources = Sources::default();
        for entry in snapshot.tables.iter().flat_map(|view| view.entries()) {
            let position = (entry.block.first.0, entry.block.last().0);
            if window.meets(entry.time, position) {
                sources.push(order.bound(entry.time, position), Source::Entry(entry));
            }
        }
        for part in snapshot.parts.iter() {
            let position = (part.info.min_position, part.info.max_position);
            let time = (part.info.min_time, part.info.max_time);
            if window.meets(time, position) {
                sources.push(order.bound(time, position), Source::Part(part.clone()));
            }
        }
        sources
    }

    /// The next sources that may have accepted records: row groups with up to `rows` rows in total, or one larger one,
    /// and the memory blocks before them. `None` if no source is left; otherwise both lists may still be empty.
    fn next_sources(&self, sources: &mut Sources, found: &Found, rows: usize) -> Result<Option<Next>> {
        let (mut entries, mut groups, mut is_end) = (Vec::new(), Vec::<GroupOfPart>::new(), true);
        let mut left = rows;
        while left > 0 && groups.len() < ROUND_GROUPS {
            let Some((bound, source)) = sources.pop() else { break };
            if found.is_closed(bound) {
                break;
            }
            self.cancel.check()?;
            is_end = false;
            match source {
                Source::Entry(entry) => entries.push(entry),
                Source::Part(part) => {
                    let more = left.saturating_sub(part.group_rows());
                    let mut parts = sources.pop_parts(ROUND_GROUPS - 1, more, |bound| !found.is_closed(bound));
                    parts.push(part);
                    let opened: Vec<_> =
                        parts.into_par_iter().with_max_len(1).map(|part| self.open(part)).collect::<Result<_>>()?;
                    let mut opened: Vec<_> = opened.into_iter().flatten().collect();
                    if self.is_narrow {
                        opened = self.prune_groups(opened)?;
                    }
                    opened.into_iter().for_each(|(bound, group)| sources.push(bound, Source::Group(group)));
                    // If all are pruned, the deadline is checked before more are opened.
                    if self.is_narrow {
                        break;
                    }
                }
                Source::Group(group) if !groups.is_empty() && group.len() > left => {
                    sources.push(bound, Source::Group(group));
                    break;
                }
                Source::Group(group) => {
                    left = left.saturating_sub(group.len());
                    groups.push(group);
                }
            }
            // Memory blocks are cheap, and may already suffice.
            if entries.len() >= ROUND_ENTRIES {
                break;
            }
        }
        Ok((!is_end).then_some((entries, groups)))
    }

    /// The row groups of a part that may have matches, with their bounds.
    fn open(&self, part: Arc<Part>) -> Result<Vec<(i64, GroupOfPart)>> {
        self.cancel.check()?;
        let footer = part.footer()?;
        filter::read_ahead(&self.query.expr, &part, &footer);
        let may_have = |group: &Group| {
            self.window.id.is_none_or(|id| group.may_have(id)) && self.window.meets(group.time, group.position)
        };
        let groups = footer.groups.iter().enumerate().filter(|(_, group)| may_have(group));
        let bounded = groups.filter_map(|(place, group)| {
            let rows = self.window.rows(&footer, place);
            let bound = self.order.bound(group.time, group.position);
            (!rows.is_empty()).then(|| (bound, GroupOfPart { part: part.clone(), footer: footer.clone(), place, rows }))
        });
        Ok(bounded.collect())
    }

    /// Drops the row groups that their filters rule out.
    fn prune_groups(&self, groups: Vec<(i64, GroupOfPart)>) -> Result<Vec<(i64, GroupOfPart)>> {
        let asked: Vec<_> = groups
            .into_par_iter()
            .with_max_len(1)
            .map(|(bound, mut group)| {
                group.rows = self.filter_rows(&group)?;
                Ok((!group.rows.is_empty()).then_some((bound, group)))
            })
            .collect::<Result<_>>()?;
        Ok(asked.into_iter().flatten().collect())
    }

    fn search_entry(&self, entry: &Entry, found: &mut Found) {
        let block = &entry.block;
        for (place, record) in block.batch.records.iter().enumerate() {
            let position = block.first.0 + place as i64;
            let key = self.order.key(record.time, position);
            if self.window.contains(self.order, record.time, position) && found.wants(key) && self.query.matches(record)
            {
                found.add(key, Candidate::Memory(block.clone(), place));
            }
        }
    }

    /// Searches row groups in parallel, each completely.
    fn search_groups(&self, groups: &[GroupOfPart], found: &mut Found) -> Result<()> {
        let parts: Vec<Found> = groups
            .par_iter()
            .with_max_len(1)
            .map(|group| {
                let mut own = found.fork();
                let candidates = self.candidates(group)?;
                self.search_rows(group, &candidates, span(&candidates), &mut own)?;
                Ok(own)
            })
            .collect::<Result<_>>()?;
        parts.into_iter().for_each(|own| found.merge(own));
        Ok(())
    }

    /// Searches a row group until there are enough records; adds the scanned rows to `seen`.
    fn search_in_steps(&self, group: &GroupOfPart, seen: &mut usize, found: &mut Found) -> Result<()> {
        let candidates = self.candidates(group)?;
        let mut left = span(&candidates);
        *seen += group.len().saturating_sub(left.len());
        while !left.is_empty() {
            // Steps end at pages, since a page split over two steps would be decompressed twice.
            let rows = self.rows_next(*seen, found);
            let step = match self.order {
                Order::Newest => {
                    let end = left.start.saturating_add(rows).div_ceil(PAGE_ROWS).saturating_mul(PAGE_ROWS);
                    left.start..end.min(left.end)
                }
                Order::Oldest => {
                    let start = left.end.saturating_sub(rows) / PAGE_ROWS * PAGE_ROWS;
                    start.max(left.start)..left.end
                }
                Order::Position => left.clone(),
            };
            *seen += step.len();
            match self.order {
                Order::Oldest => left.end = step.start,
                Order::Newest | Order::Position => left.start = step.end,
            }
            let last = self.search_rows(group, &candidates, step, found)?;
            // Later rows come later in the order, too.
            if last.is_some_and(|last| !found.wants(last)) {
                break;
            }
        }
        Ok(())
    }

    /// The rows of a row group that may match.
    fn candidates<'a>(&self, group: &'a GroupOfPart) -> Result<Cow<'a, [Range<usize>]>> {
        // The filters were already checked.
        if self.is_narrow { Ok(Cow::Borrowed(&group.rows)) } else { self.filter_rows(group).map(Cow::Owned) }
    }

    fn filter_rows(&self, group: &GroupOfPart) -> Result<Vec<Range<usize>>> {
        filter::candidates(self.query, &group.part, &group.footer, group.place, &group.rows)
    }

    /// Searches the candidates within the range. Returns the last match.
    fn search_rows(
        &self,
        group: &GroupOfPart,
        candidates: &[Range<usize>],
        range: Range<usize>,
        found: &mut Found,
    ) -> Result<Option<Key>> {
        let slices: Vec<_> = slices(&range)
            .map(|slice| common(candidates, std::slice::from_ref(&slice)))
            .filter(|rows| !rows.is_empty())
            .collect();
        if self.order == Order::Position {
            self.search_by_position(group, &slices, found)?;
            return Ok(None);
        }
        let parts: Vec<(Found, Option<Key>)> = slices
            .into_par_iter()
            .with_max_len(1)
            .map(|rows| {
                let mut own = found.fork();
                let last = self.search_slice(group, &rows, &mut own)?;
                Ok((own, last))
            })
            .collect::<Result<_>>()?;
        let last = parts.iter().filter_map(|(_, last)| *last).max();
        parts.into_iter().for_each(|(own, _)| found.merge(own));
        Ok(last)
    }

    /// The window and the query as conditions on rows; `None` if no row can pass.
    fn conditions(&self, group: &Group, footer: &Footer) -> Option<Vec<Condition>> {
        let mut conditions: Vec<_> = self.window.condition(self.order, group, &footer.columns).into_iter().collect();
        match filter::bind(self.query, &footer.columns, self.cancel) {
            Bound::Nothing => None,
            Bound::Conditions(more) => {
                conditions.extend(more);
                Some(conditions)
            }
        }
    }

    fn search_slice(&self, group: &GroupOfPart, rows: &[Range<usize>], found: &mut Found) -> Result<Option<Key>> {
        let GroupOfPart { part, footer, place, .. } = group;
        let Some(group) = footer.groups.get(*place) else { return Ok(None) };
        self.cancel.check()?;
        let Some(conditions) = self.conditions(group, footer) else { return Ok(None) };
        // In the part's own order the first matching rows suffice.
        let limit = (self.order == Order::Newest).then_some(found.limit.records);
        let reading = Reading { columns: footer.all_columns(), conditions, limit, ..Reading::default() };
        let mut last = None;
        for batch in part.read(footer, *place, rows, reading)? {
            self.cancel.check()?;
            for stored in decode::records(&batch?, &footer.columns)? {
                let key = self.order.key(stored.record.time, stored.position.0);
                last = last.max(Some(key));
                if found.wants(key) {
                    found.add(key, Candidate::Part(Box::new(stored)));
                }
            }
        }
        Ok(last)
    }
}

/// The span from the first to the last range.
fn span(ranges: &[Range<usize>]) -> Range<usize> {
    match ranges {
        [] => 0..0,
        [first, ..] => first.start..ranges.last().map_or(first.end, |last| last.end),
    }
}

/// Splits a range evenly over the threads, in whole pages and limited slices.
fn slices(range: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let rows = range.len().div_ceil(rayon::current_num_threads()).max(1).next_multiple_of(PAGE_ROWS).min(SLICE_ROWS);
    let end = range.end;
    range.clone().step_by(rows).map(move |start| start..end.min(start + rows))
}

#[cfg(test)]
mod tests {
    use super::{PAGE_ROWS, expected_rows};
    use parts::writer::GROUP_ROWS;

    const SHARE: usize = 2 * PAGE_ROWS;

    /// The steps over `rows` rows of which only the first page has matches.
    fn steps(rows: usize, found: usize, limit: usize) -> Vec<usize> {
        let (mut steps, mut seen) = (Vec::new(), PAGE_ROWS);
        while seen < rows {
            let step = expected_rows(seen, found, limit - found, SHARE);
            steps.push(step);
            seen += step;
        }
        steps
    }

    #[test]
    fn a_search_looks_as_far_as_the_rest_should_take() {
        assert_eq!(expected_rows(100_000, 50, 50, SHARE), 100_000);
        assert_eq!(expected_rows(100_000, 75, 25, SHARE), 33_333);
        // A small sample is not trusted much.
        assert_eq!(expected_rows(PAGE_ROWS, 1, 99, SHARE), 4 * PAGE_ROWS);
        assert_eq!(expected_rows(PAGE_ROWS, 0, 100, SHARE), 4 * PAGE_ROWS);
        assert_eq!(expected_rows(100_000, 100, 0, SHARE), 25_000);
        // Each thread has work, but many threads do not extend the search.
        assert_eq!(expected_rows(PAGE_ROWS, 99, 1, SHARE), SHARE);
        assert_eq!(expected_rows(PAGE_ROWS, 99, 1, 64 * PAGE_ROWS), 4 * PAGE_ROWS);
        assert_eq!(expected_rows(50, 0, 100, SHARE), 200);
        assert_eq!(expected_rows(0, 0, 100, SHARE), 1);
    }

    #[test]
    fn steps_get_longer_where_nothing_more_is_found() {
        for (found, most) in [(0, 6), (1, 6), (99, 30), (100, 30)] {
            let steps = steps(50 * GROUP_ROWS, found, 100);
            assert!(steps.len() <= most && steps.is_sorted(), "{found}: {steps:?}");
        }
    }

    #[test]
    fn whoever_wants_all_has_no_limit() {
        assert_eq!(expected_rows(GROUP_ROWS, 7, usize::MAX, SHARE), 4 * GROUP_ROWS);
    }
}
