//! The work of one count.
//!
//! [`Unit`]s are what is not looked at yet: a snapshot, a part, a row group. They are divided until metadata and indexes
//! have answered or ruled out what they can. What remains are [`Piece`]s: rows to read, few enough for a short turn. The
//! pages of a piece are prefetched when it is made.

use std::{ops::Range, slice, sync::Arc};

use model::{LevelClass, Query, Record};
use parts::{
    ranges::common,
    reader::{Footer, Part},
    reading::Reading,
    schema,
    totals::Totals as PartTotals,
};
use pipeline::Result;

use super::cache::{Cache, Found, Key, Source};
use crate::store::{
    aggregate::{Question, Rows, Tallies, Totals},
    filter::{self, Bound},
    memtable::Entry,
    scans::Cancel,
    search::{Order, Window},
    snapshot::Snapshot,
};

/// Rows of a row group that are one piece: some milliseconds of work.
const PIECE_ROWS: usize = 65_536;
/// Entries of a memtable that are one piece.
const PIECE_ENTRIES: usize = 32;
/// Rows per decoded batch if no messages are read: these columns are small, and stay in the cache of the core.
const BATCH_ROWS: usize = 8_192;

/// Something to divide.
pub(super) enum Unit {
    Snapshot(Arc<Snapshot>),
    Part(Arc<Part>),
    Group { part: Arc<Part>, footer: Arc<Footer>, place: usize, unread: Unread },
}

/// Which rows of a row group its totals do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unread {
    All,
    /// Those of the second query of [`Question::by_service`].
    OfServices,
}

/// Rows to count.
pub(super) struct Piece {
    /// The name of the result, if it may be kept: the window covers all rows, and they stay as they are.
    pub(super) key: Option<Key>,
    rows: PieceRows,
}

enum PieceRows {
    Block { part: Arc<Part>, footer: Arc<Footer>, group: usize, rows: Vec<Range<usize>>, reading: Reading },
    Entries(Vec<Arc<Entry>>),
}

/// What a unit was divided into.
#[derive(Default)]
pub(super) struct More {
    pub(super) units: Vec<Unit>,
    pub(super) pieces: Vec<Piece>,
}

/// The first and the last position of an entry.
fn positions(entry: &Entry) -> (i64, i64) {
    (entry.block.first.0, entry.block.last().0)
}

/// What is counted, and the groups so far.
pub(super) struct Asked {
    pub(super) question: Question,
    pub(super) window: Window,
    pub(super) cancel: Cancel,
    pub(super) totals: Totals,
    pub(super) cache: Arc<Cache>,
}

impl Asked {
    /// Divides a unit, and counts what needs no reading.
    pub(super) fn divide(&self, unit: Unit) -> Result<More> {
        match unit {
            Unit::Snapshot(snapshot) => Ok(self.divide_snapshot(&snapshot)),
            Unit::Part(part) => self.divide_part(&part),
            Unit::Group { part, footer, place, unread } => self.divide_group(&part, &footer, place, unread),
        }
    }

    fn divide_snapshot(&self, snapshot: &Snapshot) -> More {
        let mut more = More::default();
        for view in &snapshot.tables {
            // Entries are only added, so a whole run of entries stays as it is.
            for (place, run) in view.entries().chunks(PIECE_ENTRIES).enumerate() {
                let met = run.iter().filter(|entry| self.window.meets(entry.time, positions(entry)));
                let met: Vec<Arc<Entry>> = met.cloned().collect();
                if met.is_empty() {
                    continue;
                }
                let is_covered = |entry: &Arc<Entry>| self.window.covers(entry.time, positions(entry));
                let is_closed = run.len() == PIECE_ENTRIES && run.iter().all(is_covered);
                let key = is_closed.then(|| self.key(Source::new(&view.table), (place, 0)));
                more.pieces.push(Piece { key, rows: PieceRows::Entries(met) });
            }
        }
        let meets = |part: &&Arc<Part>| {
            let info = &part.info;
            self.window.meets((info.min_time, info.max_time), (info.min_position, info.max_position))
        };
        more.units.extend(snapshot.parts.iter().filter(meets).cloned().map(Unit::Part));
        more
    }

    /// Counts row groups by their totals if they suffice.
    fn divide_part(&self, part: &Arc<Part>) -> Result<More> {
        // Of a query with a split, the totals in the footer decide about most row groups.
        if self.question.by_service.is_none() && filter::rules_out(&self.question.query, part) {
            return Ok(More::default());
        }
        let footer = part.footer()?;
        filter::read_ahead(&self.question.query.expr, part, &footer);
        let mut more = More::default();
        let mut tallies = Tallies::new(&self.question, &self.totals);
        for (place, group) in footer.groups.iter().enumerate() {
            if !self.window.meets(group.time, group.position) {
                continue;
            }
            let covered = self.window.covers(group.time, group.position);
            let totals = group.totals.as_ref().filter(|_| covered && tallies.is_by_service_and_class(group));
            let (matching, unread) =
                totals.map_or((Vec::new(), Some(Unread::All)), |totals| by_totals(&self.question, totals));
            for (service, class, rows) in matching {
                tallies.add_total(group, service, class, rows);
            }
            if let Some(unread) = unread {
                let (part, footer) = (Arc::clone(part), Arc::clone(&footer));
                more.units.push(Unit::Group { part, footer, place, unread });
            }
        }
        tallies.finish();
        Ok(more)
    }

    /// Counts the blocks of a row group whose results are kept, and prepares reading the others.
    fn divide_group(&self, part: &Arc<Part>, footer: &Arc<Footer>, place: usize, unread: Unread) -> Result<More> {
        let mut more = More::default();
        let Some(group) = footer.groups.get(place) else { return Ok(more) };
        let covered = self.window.covers(group.time, group.position);
        let (mut blocks, mut keys) = (Vec::new(), Vec::new());
        for first in (0..group.rows).step_by(PIECE_ROWS) {
            let key = covered.then(|| self.key(Source::new(part), (place, first)));
            match key.as_ref().and_then(|key| self.cache.get(key)) {
                Some(kept) => self.totals.add_kept(&kept),
                None => {
                    blocks.push(first..group.rows.min(first + PIECE_ROWS));
                    keys.push(key);
                }
            }
        }
        let query = match (unread, &self.question.by_service) {
            (Unread::OfServices, Some((_, of_services))) => of_services,
            _ => &self.question.query,
        };
        let rows = common(&self.window.rows(footer, place), &blocks);
        if rows.is_empty() || matches!(filter::bind(query, &footer.columns, &self.cancel), Bound::Nothing) {
            return Ok(more);
        }
        let rows = filter::candidates(query, part, footer, place, &rows)?;
        let columns = Tallies::new(&self.question, &self.totals).columns(&footer.columns);
        for (block, key) in blocks.into_iter().zip(keys) {
            let rows = common(&rows, slice::from_ref(&block));
            if rows.is_empty() {
                continue;
            }
            let Bound::Conditions(bound) = filter::bind(query, &footer.columns, &self.cancel) else { continue };
            let mut conditions: Vec<_> =
                self.window.condition(Order::Newest, group, &footer.columns).into_iter().collect();
            conditions.extend(bound);
            let mut reading = Reading { columns: columns.clone(), conditions, ..Reading::default() };
            let message = footer.columns.place(schema::MESSAGE);
            let mut conditional = reading.conditions.iter().flat_map(|condition| &condition.columns);
            if !reading.columns.contains(&message) && !conditional.any(|column| *column == message) {
                reading.batch_rows = BATCH_ROWS;
            }
            part.read_ahead(footer, place, &rows, reading.first_columns());
            let (part, footer) = (Arc::clone(part), Arc::clone(footer));
            more.pieces.push(Piece { key, rows: PieceRows::Block { part, footer, group: place, rows, reading } });
        }
        Ok(more)
    }

    fn key(&self, source: Source, (one, other): (usize, usize)) -> Key {
        Key { source, place: (one as u32, other as u32), question: Arc::clone(&self.question.name) }
    }

    /// Counts the rows, or adds the result that is kept. Returns the piece if another count computes it now.
    pub(super) fn count(&self, piece: Piece) -> Result<Option<Piece>> {
        let found = piece.key.as_ref().map_or(Found::Alone, |key| self.cache.begin(key));
        let flight = match found {
            Found::Kept(kept) => {
                self.totals.add_kept(&kept);
                return Ok(None);
            }
            Found::Busy => return Ok(Some(piece)),
            Found::Compute(flight) => Some(flight),
            Found::Alone => None,
        };
        let mut tallies = Tallies::new(&self.question, &self.totals);
        match piece.rows {
            PieceRows::Block { part, footer, group, rows, reading } => {
                for batch in part.read(&footer, group, &rows, reading)? {
                    self.cancel.check()?;
                    tallies.add_rows(Rows::Batch(&batch?, &footer.columns))?;
                }
            }
            PieceRows::Entries(entries) => {
                for entry in entries {
                    self.cancel.check()?;
                    self.count_entry(&entry, &mut tallies)?;
                }
            }
        }
        if let Some(flight) = flight {
            flight.finish(tallies.kept());
        }
        tallies.finish();
        Ok(None)
    }

    fn count_entry(&self, entry: &Entry, tallies: &mut Tallies<'_>) -> Result<()> {
        let inside = self.window.covers(entry.time, positions(entry));
        let matches = |record: &&Record| {
            (inside || self.window.time.contains(record.time)) && self.question.query.matches(record)
        };
        let records: Vec<&Record> = entry.block.batch.records.iter().filter(matches).collect();
        tallies.add_rows(Rows::Records(&records))
    }
}

/// The matching rows that the totals of a row group tell, and which must be read besides; `None` if the totals tell them
/// all.
fn by_totals<'t>(question: &Question, totals: &'t PartTotals) -> (Vec<(&'t str, LevelClass, u64)>, Option<Unread>) {
    let matching = |query: &Query| filter::matching_totals(query, totals);
    if let Some(matching) = matching(&question.query) {
        return (matching, None);
    }
    let others = question.by_service.as_ref().and_then(|(others, _)| matching(others));
    others.map_or((Vec::new(), Some(Unread::All)), |matching| (matching, Some(Unread::OfServices)))
}

#[cfg(test)]
mod tests {
    use foldhash::fast::RandomState;
    use model::{TimeRange, aggregate::Aggregation};

    use super::*;

    #[test]
    fn of_a_group_with_audit_records_only_their_service_is_read() {
        let mut counts = [0; LevelClass::ALL.len()];
        counts[0] = 3;
        let of = |services: &[&str]| -> PartTotals {
            services.iter().map(|service| ((*service).to_owned(), counts)).collect()
        };
        let by_totals = |query: &str, services: &[&str]| {
            let query = Query::parse(query).unwrap();
            let counting = Aggregation::counting(query, TimeRange::ALL, Vec::new(), 1);
            let question = Question::new(&counting, &RandomState::default());
            let totals = of(services);
            let (matching, unread) = by_totals(&question, &totals);
            let matching =
                matching.into_iter().map(|(service, _, rows)| (service.to_owned(), rows)).collect::<Vec<_>>();
            let of_services = question.by_service.as_ref().map(|(_, named)| named.to_string());
            (matching, unread.map(|unread| if unread == Unread::All { None } else { of_services }))
        };
        let audit = "-(service:logboom audit:true)";
        let api = vec![("api".to_owned(), 3)];
        assert_eq!(by_totals(audit, &["api"]), (api.clone(), None));
        assert_eq!(by_totals(audit, &["api", "logboom"]), (api, Some(Some(format!("{audit} service:logboom")))));
        assert_eq!(by_totals("word", &["api"]), (Vec::new(), Some(None)));
    }
}
