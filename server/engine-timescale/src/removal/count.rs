//! Counts what a deletion would remove.

use std::{pin::pin, time::Duration};

use futures::TryStreamExt;
use model::{Text, query::Field};
use pipeline::{Cursor, Error, Removal, Result, Tally, loss_ledger::Hour};
use sqlx::{PgPool, Row, postgres::PgRow};

use super::statement;
use crate::{
    error::classify,
    read::{Pace, columns_for, last_of, selects_traces, stored_record},
    session::Session,
    types::Instant,
};

/// The limit of counts in memory, each of a service and an hour.
const COUNTS: usize = 200_000;
/// How long the index of trace ids may take before the range is read in slices.
const INDEX: Duration = Duration::from_secs(10);

/// See [`pipeline::Log::count_removal`].
///
/// Reads slices of rows, so that no statement runs into its timeout.
pub(super) async fn count(pool: &PgPool, removal: &Removal) -> Result<Tally> {
    let mut session = Session::open(pool).await?;
    if selects_traces(&removal.query.expr)
        && let Some(tally) = count_by_index(&mut session, removal).await?
    {
        session.end();
        return Ok(tally);
    }
    let mut tally = Tally::default();
    let mut pace = Pace::new(None);
    let mut cursor = None;
    loop {
        let last = last_of(&mut session, removal.range, cursor, pace.rows()).await?;
        add_slice(&mut session, removal, cursor, last, &mut tally).await?;
        check_limit(&tally)?;
        let Some(last) = last else { break };
        cursor = Some(last);
        // Only adapts the size: without a deadline, there is always time for another slice.
        pace.has_time_left();
    }
    session.end();
    Ok(tally)
}

/// Reads the few records of single traces. `None` if that takes too long.
async fn count_by_index(session: &mut Session, removal: &Removal) -> Result<Option<Tally>> {
    let statement = statement(removal);
    let exact = statement.exact;
    let query = statement.select_few(&columns_for(&removal.query, [&Field::Service]), "")?;
    let Some(rows) = session.rows_within(query, INDEX).await? else { return Ok(None) };
    let mut tally = Tally::default();
    for row in &rows {
        let record = stored_record(row)?.record;
        if exact || removal.query.matches(&record) {
            tally.add(&record);
        }
    }
    check_limit(&tally)?;
    Ok(Some(tally))
}

/// Adds the matching records after `cursor`, up to the row `last` or to the end of the range.
async fn add_slice(
    session: &mut Session,
    removal: &Removal,
    cursor: Option<Cursor>,
    last: Option<Cursor>,
    tally: &mut Tally,
) -> Result<()> {
    let mut statement = statement(removal);
    if let Some(cursor) = cursor {
        statement = statement.before(cursor);
    }
    if let Some(last) = last {
        statement = statement.upto(last);
    }
    if statement.exact {
        let columns = "date_trunc('hour', time, 'UTC') as hour, service, count(*) as records";
        let rows = session.rows(statement.select_groups("logs", columns, "group by 1, 2", "")?).await?;
        return rows.iter().try_for_each(|row| add_count(row, tally).map_err(classify));
    }
    let query = statement.select(&columns_for(&removal.query, [&Field::Service]), "")?;
    let mut rows = pin!(session.stream(query)?);
    while let Some(row) = rows.try_next().await? {
        let record = stored_record(&row)?.record;
        if removal.query.matches(&record) {
            tally.add(&record);
        }
    }
    Ok(())
}

fn add_count(row: &PgRow, tally: &mut Tally) -> sqlx::Result<()> {
    let hour: Instant = row.try_get(0)?;
    let service: &str = row.try_get(1)?;
    let records: i64 = row.try_get(2)?;
    tally.add_count(Hour::of(hour.join(0)), &Text::from(service), records.unsigned_abs());
    Ok(())
}

fn check_limit(tally: &Tally) -> Result<()> {
    if tally.iter().count() > COUNTS {
        return Err(Error::invalid(format!(
            "the deletion has more than {COUNTS} counts of services and hours; narrow the time range or the filter, and \
             delete in several steps"
        )));
    }
    Ok(())
}
