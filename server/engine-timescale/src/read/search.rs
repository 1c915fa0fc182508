//! Records, newest first or by position.

use std::time::{Duration, Instant};

use model::{
    Position, Query, StoredRecord,
    query::{Expr, Field, Test},
};
use pipeline::{Cursor, Result, SearchPage, SearchRequest, TimeRange};
use sqlx::PgPool;

use super::row::{COLUMNS, cursor_of, stored_record};
use crate::{session::Session, sql::Statement};

/// How many rows are looked at in one go where they have to be verified.
const LOOK_AT: std::ops::RangeInclusive<usize> = 500..=8_000;
/// How long a search may go on from one lot of rows to the next before it answers with
/// what it has.
const PATIENCE: Duration = Duration::from_secs(5);

const NEWEST_FIRST: &str = "order by time desc, time_ns desc, position desc limit";

/// See [`pipeline::LogStore::search`].
pub(crate) async fn search(pool: &PgPool, request: &SearchRequest) -> Result<SearchPage> {
    if request.range.from >= request.range.to || request.limit == 0 {
        return Ok(SearchPage { searched_back_to: request.range.from, ..SearchPage::default() });
    }
    let mut session = Session::open(pool).await?;
    let begun = Instant::now();
    let mut records = Vec::new();
    let mut cursor = request.cursor;
    let mut look_at = *LOOK_AT.start();
    loop {
        let mut statement = Statement::matching(&request.query).within(request.range);
        if let Some(cursor) = cursor {
            statement = statement.before(cursor);
        }
        let exact = statement.exact;
        let missing = request.limit - records.len();
        // One more than is missing tells whether there is a next page.
        let limit = if exact { missing + 1 } else { look_at.max(missing + 1) };
        let limit_parameter = statement.parameters.bind(limit as i64);
        let rest = format!("{NEWEST_FIRST} {limit_parameter}");
        let few = names_traces(&request.query.expr);
        let statement = if few { statement.select_few(COLUMNS, &rest)? } else { statement.select(COLUMNS, &rest)? };
        let rows = session.rows(statement).await?;
        let exhausted = rows.len() < limit;
        for row in &rows {
            let stored = stored_record(row)?;
            if !exact && !request.query.matches(&stored.record) {
                cursor = Some(cursor_of(&stored));
                continue;
            }
            if records.len() == request.limit {
                session.end();
                return Ok(partial(records, cursor, request.range));
            }
            cursor = Some(cursor_of(&stored));
            records.push(stored);
        }
        if exhausted {
            session.end();
            return Ok(SearchPage { records, next: None, searched_back_to: request.range.from });
        }
        if begun.elapsed() > PATIENCE {
            session.end();
            return Ok(partial(records, cursor, request.range));
        }
        look_at = (look_at * 2).min(*LOOK_AT.end());
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

/// See [`pipeline::LogStore::read_after`].
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
        let look_at = if exact { missing } else { missing.max(*LOOK_AT.end()) };
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
