//! Records, newest first or by position.

use model::{
    Position, Query, StoredRecord,
    query::{Expr, Field, Test},
};
use pipeline::{Cursor, Result, SearchPage, SearchRequest, TimeRange};
use sqlx::{PgPool, postgres::PgRow};

use super::{
    row::{COLUMNS, NEWEST_FIRST, cursor_of, stored_record},
    slices::{Pace, last_of},
};
use crate::{session::Session, sql::Statement};

/// How many rows are looked at in one go where they have to be verified.
const LOOK_AT: usize = 8_000;

/// See [`pipeline::Ask::search`].
///
/// Looks at slices of the rows, the newest first, of which each ends after so many rows: a
/// statement that goes through all of them to find nothing could not say how far it has come.
pub(crate) async fn search(pool: &PgPool, request: &SearchRequest) -> Result<SearchPage> {
    if request.range.from >= request.range.to || request.limit == 0 {
        return Ok(SearchPage { searched_back_to: request.range.from, ..SearchPage::default() });
    }
    let mut session = Session::open(pool).await?;
    let mut pace = Pace::new(request.patience);
    let mut found = Found { request, records: Vec::new(), cursor: request.cursor };
    let outcome = if names_traces(&request.query.expr) {
        found.few(&mut session, &pace).await?
    } else if request.query.expr == Expr::All {
        // Every row is wanted, so the page ends before long.
        Some(found.slice(&mut session, None).await?)
    } else {
        None
    };
    let mut outcome = outcome.unwrap_or(Outcome::GoesOn);
    while let Outcome::GoesOn = outcome {
        let last = last_of(&mut session, request.range, found.cursor, pace.rows()).await?;
        outcome = found.slice(&mut session, last).await?;
        if let Outcome::GoesOn = outcome
            && !pace.goes_on()
        {
            outcome = Outcome::Partial;
        }
    }
    session.end();
    Ok(match outcome {
        Outcome::Complete => SearchPage { records: found.records, next: None, searched_back_to: request.range.from },
        Outcome::Partial | Outcome::GoesOn => partial(found.records, found.cursor, request.range),
    })
}

enum Outcome {
    /// All of the range is looked at.
    Complete,
    /// The page ends, at the cursor: it is full.
    Partial,
    /// What comes after the cursor is to be looked at.
    GoesOn,
}

/// What a search has found so far.
struct Found<'r> {
    request: &'r SearchRequest,
    records: Vec<StoredRecord>,
    /// The last row that was looked at.
    cursor: Option<Cursor>,
}

impl Found<'_> {
    /// Looks at the rows from the cursor up to the last one of a slice, or at all that are left.
    async fn slice(&mut self, session: &mut Session, last: Option<Cursor>) -> Result<Outcome> {
        loop {
            let mut statement = self.statement();
            if let Some(last) = last {
                statement = statement.upto(last);
            }
            let lot = self.lot(&statement);
            let rest = lot.rest(&mut statement);
            let rows = session.rows(statement.select(COLUMNS, &rest)?).await?;
            match (self.take(&rows, lot)?, last) {
                (Outcome::Complete, Some(last)) => {
                    self.cursor = Some(last);
                    return Ok(Outcome::GoesOn);
                }
                (Outcome::GoesOn, _) => {}
                (outcome, _) => return Ok(outcome),
            }
        }
    }

    /// Looks for records that an index knows, in all of the range at once. `None` where that
    /// takes too long: some chunk has no such index.
    async fn few(&mut self, session: &mut Session, pace: &Pace) -> Result<Option<Outcome>> {
        loop {
            let mut statement = self.statement();
            let lot = self.lot(&statement);
            let rest = lot.rest(&mut statement);
            let query = statement.select_few(COLUMNS, &rest)?;
            let rows = match pace.left_of_half() {
                Some(left) if left.is_zero() => None,
                Some(left) => session.rows_within(query, left).await?,
                None => Some(session.rows(query).await?),
            };
            let Some(rows) = rows else { return Ok(None) };
            match self.take(&rows, lot)? {
                Outcome::GoesOn => {}
                outcome => return Ok(Some(outcome)),
            }
        }
    }

    /// The rows after the cursor that may match.
    fn statement(&self) -> Statement {
        let statement = Statement::matching(&self.request.query).within(self.request.range);
        match self.cursor {
            Some(cursor) => statement.before(cursor),
            None => statement,
        }
    }

    fn lot(&self, statement: &Statement) -> Lot {
        // One more than is missing tells whether there is a next page.
        let missing = self.request.limit - self.records.len() + 1;
        let exact = statement.exact;
        Lot { rows: if exact { missing } else { missing.max(LOOK_AT) }, exact }
    }

    /// Takes what matches of the rows of a lot; complete where they are fewer than asked for.
    fn take(&mut self, rows: &[PgRow], lot: Lot) -> Result<Outcome> {
        for row in rows {
            let stored = stored_record(row)?;
            let matches = lot.exact || self.request.query.matches(&stored.record);
            if matches && self.records.len() == self.request.limit {
                return Ok(Outcome::Partial);
            }
            self.cursor = Some(cursor_of(&stored));
            if matches {
                self.records.push(stored);
            }
        }
        Ok(if rows.len() < lot.rows { Outcome::Complete } else { Outcome::GoesOn })
    }
}

/// The rows that one statement asks for.
#[derive(Debug, Clone, Copy)]
struct Lot {
    rows: usize,
    /// Whether all of them match.
    exact: bool,
}

impl Lot {
    /// What follows the conditions.
    fn rest(self, statement: &mut Statement) -> String {
        format!("{NEWEST_FIRST} limit {}", statement.parameters.bind(self.rows as i64))
    }
}

/// Whether only records of some traces match: few, and there is an index of them.
fn names_traces(expr: &Expr) -> bool {
    match expr {
        Expr::Field(Field::TraceId, Test::AnyOf(_)) => true,
        Expr::And(operands) => operands.iter().any(names_traces),
        _ => false,
    }
}

/// A page that goes on after `cursor`: of its very time, there may be more.
fn partial(records: Vec<StoredRecord>, cursor: Option<Cursor>, range: TimeRange) -> SearchPage {
    let searched_back_to = cursor.map_or(range.to, |cursor| cursor.time.saturating_add(1));
    SearchPage { records, next: cursor, searched_back_to }
}

/// See [`pipeline::Log::read_after`].
pub(crate) async fn read_after(
    pool: &PgPool,
    after: Position,
    upto: Position,
    query: &Query,
    limit: usize,
) -> Result<Vec<StoredRecord>> {
    let mut records = Vec::new();
    if after >= upto || limit == 0 {
        return Ok(records);
    }
    let mut session = Session::open(pool).await?;
    let mut after = after;
    loop {
        let mut statement = Statement::matching(query);
        let exact = statement.exact;
        let missing = limit - records.len();
        let look_at = if exact { missing } else { missing.max(LOOK_AT) };
        let (from, to) = (statement.parameters.bind(after.0), statement.parameters.bind(upto.0));
        let look_at_parameter = statement.parameters.bind(look_at as i64);
        let statement = statement.and(format!("position > {from} and position <= {to}"));
        let rows = session.rows(statement.select(COLUMNS, &format!("order by position limit {look_at_parameter}"))?);
        let rows = rows.await?;
        for row in &rows {
            let stored = stored_record(row)?;
            after = stored.position;
            if records.len() < limit && (exact || query.matches(&stored.record)) {
                records.push(stored);
            }
        }
        if rows.len() < look_at || records.len() == limit {
            session.end();
            return Ok(records);
        }
    }
}
