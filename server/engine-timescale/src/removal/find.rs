//! Finds the records that the next step deletes.

use std::{pin::pin, time::Duration};

use futures::TryStreamExt;
use model::{Position, Query, StoredRecord};
use pipeline::{Cursor, Removal, Result, SearchRequest};

use super::statement;
use crate::{
    read::{Readers, columns_for, last_of, search, stored_record},
    session::Session,
    types::Instant,
};

/// The rows of a step, matching or not. They bound its transaction, also in the columnstore: to delete some rows,
/// TimescaleDB turns all groups of rows within their times back into rows.
const ROWS: usize = 20_000;
/// How long a step searches for its first record.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a step found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// `None` if there was nothing to delete.
    pub(super) records: Option<Records>,
    /// The last row that was examined; `None` at the end of the range.
    pub(super) next: Option<Cursor>,
}

/// Records to delete.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) positions: Vec<i64>,
    pub(super) earliest: Instant,
    pub(super) latest: Instant,
}

/// Searches from the cursor on, newest first.
pub(super) async fn find(readers: &Readers, removal: &Removal, cursor: Option<Cursor>) -> Result<Found> {
    let request = SearchRequest {
        cursor,
        patience: Some(PATIENCE),
        ..SearchRequest::new(removal.query.clone(), removal.range, 1)
    };
    let page = search(readers, &request).await?;
    // It may be newer than the removal, and then the rows after it are examined all the same.
    let Some(first) = page.records.first() else { return Ok(Found { records: None, next: page.next }) };
    // The order is that of times, then of positions, so this is just before the record.
    let before = Cursor { time: first.record.time, position: Position(first.position.0.saturating_add(1)) };
    let mut session = Session::open(&readers.pool).await?;
    let last = last_of(&mut session, removal.range, Some(before), ROWS).await?;
    let records = matches(&mut session, removal, before, last).await?;
    session.end();
    Ok(Found { records, next: last })
}

/// The matching records after `before`, up to the row `last` or to the end of the range.
async fn matches(
    session: &mut Session,
    removal: &Removal,
    before: Cursor,
    last: Option<Cursor>,
) -> Result<Option<Records>> {
    let mut statement = statement(removal).before(before);
    if let Some(last) = last {
        statement = statement.upto(last);
    }
    let exact = statement.exact;
    let columns = if exact { columns_for(&Query::default(), []) } else { columns_for(&removal.query, []) };
    let mut rows = pin!(session.stream(statement.select(&columns, "")?)?);
    let mut records: Option<Records> = None;
    while let Some(row) = rows.try_next().await? {
        let stored = stored_record(&row)?;
        if !exact && !removal.query.matches(&stored.record) {
            continue;
        }
        match &mut records {
            Some(records) => records.add(&stored),
            None => records = Some(Records::of(&stored)),
        }
    }
    Ok(records)
}

impl Records {
    fn of(stored: &StoredRecord) -> Self {
        let (time, _) = Instant::split(stored.record.time);
        Self { positions: vec![stored.position.0], earliest: time, latest: time }
    }

    fn add(&mut self, stored: &StoredRecord) {
        let (time, _) = Instant::split(stored.record.time);
        self.positions.push(stored.position.0);
        self.earliest = self.earliest.min(time);
        self.latest = self.latest.max(time);
    }
}
