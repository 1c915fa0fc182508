//! Search: finds records in an order and reads as little as possible.
//!
//! Blocks in memory, parts, and row groups of parts are sources. Each has a lower bound of its first record in the
//! order. Sources are visited by bound. The search ends when it has enough records and no remaining source can begin
//! before the last of them. Parts are opened only on their turn, so most footers are never read. A long search opens
//! more of them in parallel, because sequential disk reads are slow.
//!
//! A *narrow* search wants values that few records have. It asks the lookups of many parts at once, more from round to
//! round, and opens only the parts that may have a match. Whether values are rare is seen at the first parts; a search that
//! finds them frequent goes on as any other.
//!
//! Of a row that matches, only its key is read. The records of the result are read at the end ([`late`]), unless their
//! bytes are limited.

mod by_position;
mod found;
mod late;
mod narrow;
mod sources;
mod steps;
mod window;

use std::{borrow::Cow, ops::Range, sync::Arc, time::Instant};

use model::{Query, StoredRecord, time::Nanos};
use parts::{
    decode,
    lookup::Wanted,
    ranges::common,
    reader::{Footer, Group},
    reading::{Condition, Reading},
    writer::PAGE_ROWS,
};
use pipeline::{ReadLimit, Result};
use rayon::prelude::*;

pub(crate) use self::window::{Order, Window};
use self::{
    found::{Candidate, Found},
    narrow::{Counted, Round},
    sources::{GroupOfPart, Source, Sources},
    steps::{rows_next, slices, span},
    window::Key,
};
use super::{
    filter::{self, Bound},
    memtable::Entry,
    scans::Cancel,
    snapshot::Snapshot,
};

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
    let scan = Scan::new(query, window, order, cancel);
    let mut found = Found::new(limit);
    scan.run(snapshot, &mut found, |_| false)?;
    scan.records(found.finish())
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
    let scan = Scan::new(query, window, Order::Newest, cancel);
    let mut found = Found::new(ReadLimit::of_records(limit));
    let is_late = || deadline.is_some_and(|deadline| Instant::now() >= deadline);
    // Stops only after progress: otherwise the next call would start at the same place.
    let has_progress = |bound: i64| searched_back_to(bound) < window.time.to.saturating_sub(1);
    let stopped = scan.run(snapshot, &mut found, |bound| has_progress(bound) && is_late())?;
    if let Some(bound) = stopped {
        // Drops records at times that are only partly searched.
        found.end_before(bound);
    }
    Ok((scan.records(found.finish())?, stopped.map(searched_back_to)))
}

/// The time after the newest possible record of a source with this bound.
fn searched_back_to(bound: i64) -> Nanos {
    (!bound).saturating_add(1)
}

/// The sources of the next step.
type Next = (Vec<Arc<Entry>>, Vec<GroupOfPart>);

struct Scan<'a> {
    query: &'a Query,
    window: Window,
    order: Order,
    cancel: &'a Cancel,
    /// The values that each match has.
    wanted: Option<Wanted>,
    /// Whether they are ids, which are always rare.
    names_ids: bool,
}

impl<'a> Scan<'a> {
    fn new(query: &'a Query, window: Window, order: Order, cancel: &'a Cancel) -> Self {
        let (wanted, names_ids) = (filter::wanted(query), filter::names_ids(query));
        Self { query, window, order, cancel, wanted, names_ids }
    }

    /// Searches until there are enough records, no source is left, or `stop` returns true for the bound of the
    /// remaining sources; only then returns that bound.
    fn run(&self, snapshot: &Snapshot, found: &mut Found, stop: impl Fn(i64) -> bool) -> Result<Option<i64>> {
        let mut sources = self.sources(snapshot);
        let mut round = self.first_round(snapshot);
        let (mut seen, mut begun) = (0, false);
        loop {
            if let Some(bound) = sources.bound().filter(|bound| begun && !found.is_closed(*bound) && stop(*bound)) {
                return Ok(Some(bound));
            }
            let rows = self.rows_next(seen, found);
            let Some((entries, groups)) = self.next_sources(&mut sources, found, rows, &mut round)? else {
                return Ok(None);
            };
            begun = true;
            seen += entries.iter().map(|entry| entry.block.batch.records.len()).sum::<usize>();
            if round.is_narrow() {
                self.search_entries(&entries, found);
            } else {
                entries.iter().for_each(|entry| self.search_entry(entry, found));
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
        // Ids occur in few places. Other values may occur in few places, and there often.
        if self.names_ids { usize::MAX } else { rows_next(seen, found) }
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
    /// and the memory blocks before them. `None` if no source is left; otherwise both lists may still be empty. Sets the
    /// round of parts after these.
    fn next_sources(
        &self,
        sources: &mut Sources,
        found: &Found,
        rows: usize,
        round: &mut Round,
    ) -> Result<Option<Next>> {
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
                    let is_narrow = round.is_narrow();
                    // The lookups tell how few rows of the parts are to be read.
                    let (most, more) = match *round {
                        Round::Narrow(parts) => (parts, usize::MAX),
                        Round::Wide => (ROUND_GROUPS, left.saturating_sub(part.group_rows())),
                    };
                    let mut parts = sources.pop_parts(most.saturating_sub(1), more, |bound| !found.is_closed(bound));
                    parts.push(part);
                    let opened: Vec<_> = parts
                        .into_par_iter()
                        .with_max_len(1)
                        .map(|part| self.open(part, is_narrow))
                        .collect::<Result<_>>()?;
                    let mut slabs = Counted::default();
                    opened.iter().for_each(|opened| slabs.add(opened.slabs));
                    *round = round.followed(self.names_ids || slabs.are_rare());
                    let mut opened: Vec<_> = opened.into_iter().flat_map(|opened| opened.groups).collect();
                    if round.is_narrow() {
                        opened = self.prune_groups(opened)?;
                    }
                    opened.into_iter().for_each(|(bound, group)| sources.push(bound, Source::Group(group)));
                    // If all are pruned, the deadline is checked before more are opened. If values are not rare, the
                    // next step is a small one.
                    if is_narrow {
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
    fn candidates<'g>(&self, group: &'g GroupOfPart) -> Result<Cow<'g, [Range<usize>]>> {
        if group.is_pruned { Ok(Cow::Borrowed(&group.rows)) } else { self.filter_rows(group).map(Cow::Owned) }
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
        if self.order == Order::Position && found.counts_bytes() {
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
        let Some(bounds) = footer.groups.get(*place) else { return Ok(None) };
        self.cancel.check()?;
        let Some(conditions) = self.conditions(bounds, footer) else { return Ok(None) };
        // In the part's own order the first matching rows suffice.
        let limit = (self.order == Order::Newest).then_some(found.limit.records);
        if !found.counts_bytes() {
            return self.find(group, rows, Reading { conditions, limit, ..Reading::default() }, found);
        }
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
