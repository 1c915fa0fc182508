//! Records, newest first or by position.

use std::time::{Duration, Instant};

use model::{
    Position, Query, StoredRecord,
    query::{Expr, Field, Test},
};
use pipeline::{Cursor, ReadLimit, Result, SearchPage, SearchRequest, TimeRange};
use sqlx::PgPool;

use super::{
    Readers,
    found::{Found, Outcome, VERIFIED_ROWS},
    row::{COLUMNS, stored_record},
    slices::{Pace, last_of},
    sweep::sweep,
};
use crate::{append::ORDINAL_BITS, session::Session, sql::Statement};

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
/// its progress. If the first slice does not fill the page, summaries of blocks may leave out most of the rest.
pub(crate) async fn search(readers: &Readers, request: &SearchRequest) -> Result<SearchPage> {
    if request.range.from >= request.range.to || request.limit == 0 {
        return Ok(SearchPage { searched_back_to: request.range.from, ..SearchPage::default() });
    }
    let mut session = Session::open(&readers.pool).await?;
    let mut pace = Pace::new(request.patience);
    let mut found = Found::new(request);
    let outcome = if selects_traces(&request.query.expr) {
        found.by_index(&mut session, &pace).await?
    } else if found.takes_all() {
        Some(found.slice(&mut session, None).await?)
    } else {
        None
    };
    let mut outcome = outcome.unwrap_or(Outcome::Continue);
    let mut is_first = true;
    while let Outcome::Continue = outcome {
        let last = last_of(&mut session, request.range, found.cursor, pace.rows()).await?;
        outcome = found.slice(&mut session, last).await?;
        let Outcome::Continue = outcome else { break };
        if !pace.has_time_left() {
            outcome = Outcome::Partial;
        } else if std::mem::take(&mut is_first)
            && !found.takes_all()
            && let Some(swept) = sweep(&mut session, readers, &mut found, &mut pace).await?
        {
            outcome = swept;
        }
    }
    session.end();
    Ok(match outcome {
        Outcome::Complete => SearchPage { records: found.records, next: None, searched_back_to: request.range.from },
        Outcome::Partial | Outcome::Continue => partial(found.records, found.cursor, request.range),
    })
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
