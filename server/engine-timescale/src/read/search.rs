//! Records, newest first or by position.

use std::time::{Duration, Instant};

use model::{
    Position, Query, StoredRecord,
    query::{Expr, Field, Test},
};
use pipeline::{Cursor, ReadLimit, Result, SearchPage, SearchRequest, TimeRange};
use sqlx::{PgPool, postgres::PgRow};

use super::{
    row::{COLUMNS, NEWEST_FIRST, cursor_of, stored_record},
    slices::{Pace, last_of},
};
use crate::{append::ORDINAL_BITS, session::Session, sql::Statement};

/// The number of rows per statement if they have to be verified.
const VERIFIED_ROWS: usize = 8_000;
/// The rows of a statement of [`read_by_position`] with a limit of bytes: at least, and at most.
const PAGE_ROWS: (usize, usize) = (16, 4096);
/// The positions that a statement of [`read_by_position`] reads at least: those of a block.
const LEAST_POSITIONS: i64 = 1 << ORDINAL_BITS;
/// How many times fewer positions are read after a statement that took too long, and more after a quick one.
const NARROWING: i64 = 8;
/// The assumed weight of a record before any was read.
const FIRST_WEIGHT: usize = 8 << 10;

/// See [`pipeline::Ask::search`].
///
/// Searches in slices of a limited number of rows, newest first: a single statement without matches could not report
/// its progress.
pub(crate) async fn search(pool: &PgPool, request: &SearchRequest) -> Result<SearchPage> {
    if request.range.from >= request.range.to || request.limit == 0 {
        return Ok(SearchPage { searched_back_to: request.range.from, ..SearchPage::default() });
    }
    let mut session = Session::open(pool).await?;
    let mut pace = Pace::new(request.patience);
    let mut found = Found { request, records: Vec::new(), cursor: request.cursor };
    let outcome = if selects_traces(&request.query.expr) {
        found.by_index(&mut session, &pace).await?
    } else if request.query.expr == Expr::All {
        // Every row matches, so the page fills soon.
        Some(found.slice(&mut session, None).await?)
    } else {
        None
    };
    let mut outcome = outcome.unwrap_or(Outcome::Continue);
    while let Outcome::Continue = outcome {
        let last = last_of(&mut session, request.range, found.cursor, pace.rows()).await?;
        outcome = found.slice(&mut session, last).await?;
        if let Outcome::Continue = outcome
            && !pace.has_time_left()
        {
            outcome = Outcome::Partial;
        }
    }
    session.end();
    Ok(match outcome {
        Outcome::Complete => SearchPage { records: found.records, next: None, searched_back_to: request.range.from },
        Outcome::Partial | Outcome::Continue => partial(found.records, found.cursor, request.range),
    })
}

enum Outcome {
    /// The whole range was searched.
    Complete,
    /// The page ends at the cursor: it is full.
    Partial,
    /// Rows after the cursor remain to be searched.
    Continue,
}

/// The state of a search.
struct Found<'r> {
    request: &'r SearchRequest,
    records: Vec<StoredRecord>,
    /// The last row examined.
    cursor: Option<Cursor>,
}

impl Found<'_> {
    /// Searches from the cursor to the last row of a slice, or to the end of the range.
    async fn slice(&mut self, session: &mut Session, last: Option<Cursor>) -> Result<Outcome> {
        loop {
            let mut statement = self.statement();
            if let Some(last) = last {
                statement = statement.upto(last);
            }
            let fetch = self.fetch(&statement);
            let rest = fetch.clauses(&mut statement);
            let rows = session.rows(statement.select(COLUMNS, &rest)?).await?;
            match (self.take(&rows, fetch)?, last) {
                (Outcome::Complete, Some(last)) => {
                    self.cursor = Some(last);
                    return Ok(Outcome::Continue);
                }
                (Outcome::Continue, _) => {}
                (outcome, _) => return Ok(outcome),
            }
        }
    }

    /// Searches the whole range by an index. `None` if that takes too long, because some chunk has no such index.
    async fn by_index(&mut self, session: &mut Session, pace: &Pace) -> Result<Option<Outcome>> {
        loop {
            let mut statement = self.statement();
            let fetch = self.fetch(&statement);
            let rest = fetch.clauses(&mut statement);
            let query = statement.select_few(COLUMNS, &rest)?;
            let rows = match pace.left_of_half() {
                Some(left) if left.is_zero() => None,
                Some(left) => session.rows_within(query, left).await?,
                None => Some(session.rows(query).await?),
            };
            let Some(rows) = rows else { return Ok(None) };
            match self.take(&rows, fetch)? {
                Outcome::Continue => {}
                outcome => return Ok(Some(outcome)),
            }
        }
    }

    /// A statement for the possibly matching rows after the cursor.
    fn statement(&self) -> Statement {
        let statement = Statement::matching(&self.request.query).within(self.request.range);
        match self.cursor {
            Some(cursor) => statement.before(cursor),
            None => statement,
        }
    }

    fn fetch(&self, statement: &Statement) -> Fetch {
        // One more than missing shows whether there is a next page.
        let missing = self.request.limit - self.records.len() + 1;
        let exact = statement.exact;
        Fetch { rows: if exact { missing } else { missing.max(VERIFIED_ROWS) }, exact }
    }

    /// Adds the matching rows; complete if there are fewer rows than requested.
    fn take(&mut self, rows: &[PgRow], fetch: Fetch) -> Result<Outcome> {
        for row in rows {
            let stored = stored_record(row)?;
            let matches = fetch.exact || self.request.query.matches(&stored.record);
            if matches && self.records.len() == self.request.limit {
                return Ok(Outcome::Partial);
            }
            self.cursor = Some(cursor_of(&stored));
            if matches {
                self.records.push(stored);
            }
        }
        Ok(if rows.len() < fetch.rows { Outcome::Complete } else { Outcome::Continue })
    }
}

/// The rows requested by one statement.
#[derive(Debug, Clone, Copy)]
struct Fetch {
    rows: usize,
    /// Whether all of them match.
    exact: bool,
}

impl Fetch {
    /// The clauses after the conditions.
    fn clauses(self, statement: &mut Statement) -> String {
        format!("{NEWEST_FIRST} limit {}", statement.parameters.bind(self.rows as i64))
    }
}

/// Whether only records of specific traces match: they are few, and indexed.
pub(crate) fn selects_traces(expr: &Expr) -> bool {
    match expr {
        Expr::Field(Field::TraceId, Test::AnyOf(_)) => true,
        Expr::And(operands) => operands.iter().any(selects_traces),
        _ => false,
    }
}

/// A page that continues after `cursor`; more records may have the cursor's time.
fn partial(records: Vec<StoredRecord>, cursor: Option<Cursor>, range: TimeRange) -> SearchPage {
    let searched_back_to = cursor.map_or(range.to, |cursor| cursor.time.saturating_add(1));
    SearchPage { records, next: cursor, searched_back_to }
}

/// See [`pipeline::Log::read_after`].
///
/// A filter that matches little may examine all records of the range. What takes longer than a statement may is read in
/// pieces.
pub(crate) async fn read_by_position(
    pool: &PgPool,
    range: TimeRange,
    (after, upto): (Position, Position),
    query: &Query,
    limit: ReadLimit,
) -> Result<Vec<StoredRecord>> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    if after >= upto || limit.is_reached(0, 0) {
        return Ok(records);
    }
    let mut session = Session::open(pool).await?;
    let mut after = after.max(Position(0));
    let mut piece = upto.0.saturating_sub(after.0);
    // How long a statement for a larger piece may take, so that it is not stopped either.
    let mut quick = Duration::ZERO;
    loop {
        let end = Position(after.0.saturating_add(piece)).min(upto);
        let mut statement = Statement::matching(query);
        if range != TimeRange::ALL {
            // PostgreSQL then reads only the chunks of the range.
            statement = statement.within(range);
        }
        let exact = statement.exact;
        let missing = page(limit, records.len(), bytes);
        let examined = if exact { missing } else { missing.max(VERIFIED_ROWS) };
        let (from, to) = (statement.parameters.bind(after.0), statement.parameters.bind(end.0));
        let examined_parameter = statement.parameters.bind(examined as i64);
        let statement = statement.and(format!("position > {from} and position <= {to}"));
        let rows = statement.select(COLUMNS, &format!("order by position limit {examined_parameter}"))?;
        let begun = Instant::now();
        let rows = if piece > LEAST_POSITIONS {
            let Some(rows) = session.rows_in_time(rows).await? else {
                piece = (piece / NARROWING).max(LEAST_POSITIONS);
                quick = begun.elapsed() / (2 * NARROWING as u32);
                continue;
            };
            rows
        } else {
            session.rows(rows).await?
        };
        for row in &rows {
            let stored = stored_record(row)?;
            after = stored.position;
            if !limit.is_reached(records.len(), bytes) && (exact || query.matches(&stored.record)) {
                bytes += stored.record.weight();
                records.push(stored);
            }
        }
        let is_whole = rows.len() < examined;
        if (is_whole && end >= upto) || limit.is_reached(records.len(), bytes) {
            session.end();
            return Ok(records);
        }
        if is_whole {
            after = end;
            if begun.elapsed() < quick {
                // A few slow positions would otherwise leave small pieces for all of the rest.
                piece = piece.saturating_mul(NARROWING);
            }
        }
    }
}

/// The number of rows to read next, so that they exceed the limit of bytes little: estimated from the records so far.
fn page(limit: ReadLimit, records: usize, bytes: usize) -> usize {
    let missing = limit.records - records;
    if limit.bytes == usize::MAX {
        return missing;
    }
    let weight = bytes.checked_div(records).unwrap_or(FIRST_WEIGHT).max(1);
    missing.min((limit.bytes.saturating_sub(bytes) / weight).clamp(PAGE_ROWS.0, PAGE_ROWS.1))
}
