//! The state of a search.

use model::{StoredRecord, query::Expr};
use pipeline::{Cursor, Result, SearchRequest};
use sqlx::postgres::PgRow;

use super::{
    row::{COLUMNS, NEWEST_FIRST, cursor_of, stored_record},
    slices::Pace,
};
use crate::{
    session::Session,
    sql::{Places, Statement},
};

/// The number of rows per statement if they have to be verified.
pub(super) const VERIFIED_ROWS: usize = 8_000;

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The whole range was searched.
    Complete,
    /// The page ends at the cursor: it is full.
    Partial,
    /// Rows after the cursor remain to be searched.
    Continue,
}

/// The state of a search.
pub(super) struct Found<'r> {
    pub(super) request: &'r SearchRequest,
    pub(super) records: Vec<StoredRecord>,
    /// The last row examined.
    pub(super) cursor: Option<Cursor>,
}

impl<'r> Found<'r> {
    pub(super) fn new(request: &'r SearchRequest) -> Self {
        Self { request, records: Vec::new(), cursor: request.cursor }
    }

    /// Searches from the cursor to the last row of a slice, or to the end of the range.
    pub(super) async fn slice(&mut self, session: &mut Session, last: Option<Cursor>) -> Result<Outcome> {
        self.search(session, last, None).await
    }

    /// Searches as [`Found::slice`], at places that have all matching rows of the slice.
    pub(super) async fn slice_at(
        &mut self,
        session: &mut Session,
        last: Option<Cursor>,
        places: &Places,
    ) -> Result<Outcome> {
        self.search(session, last, Some(places)).await
    }

    async fn search(
        &mut self,
        session: &mut Session,
        last: Option<Cursor>,
        places: Option<&Places>,
    ) -> Result<Outcome> {
        loop {
            let mut statement = self.statement();
            if let Some(last) = last {
                statement = statement.upto(last);
            }
            if let Some(places) = places {
                statement = statement.at(places);
            }
            let fetch = self.fetch(&statement);
            let rest = fetch.clauses(&mut statement);
            let query = match places {
                Some(_) => statement.select_few(COLUMNS, &rest)?,
                None => statement.select(COLUMNS, &rest)?,
            };
            let rows = session.rows(query).await?;
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
    pub(super) async fn by_index(&mut self, session: &mut Session, pace: &Pace) -> Result<Option<Outcome>> {
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

    /// Whether every row matches, so that the page fills soon.
    pub(super) fn takes_all(&self) -> bool {
        self.request.query.expr == Expr::All
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
