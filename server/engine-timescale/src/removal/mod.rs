//! Deletion by query ([`pipeline::Log::remove`]).
//!
//! A pass goes from the newest record of the range to the oldest. Each step searches for the next match, reads the rows
//! from there on, up to a limit, and deletes the matching ones by their positions in one transaction. The rows are read
//! before the transaction, because conditions that SQL only approximates are verified in Rust (C7). That is safe: a
//! record never changes, its position is never used again, and nothing below [`Removal::upto`] appears any more (C8).
//!
//! The transaction also corrects what is derived from the records:
//!
//! | relation | change |
//! |---|---|
//! | `minutes_changed`, `minute_counts_changed` | the times, which are counted from the records until the minutes are refreshed (C13) |
//! | `summaries` | those of the blocks are forgotten, with all copies of messages and values |
//! | `blocks` | fewer records, so that the status is right |
//! | `runs` | how many of their records are gone; a run without records is deleted |
//!
//! A node that has a run in memory for its tails looks at the number of removed records, and reads the run again if there
//! are any. So no tail of any node returns a removed record.
//!
//! No lease is needed. Steps take turns by an advisory lock; appends only add rows that no step touches; upkeep and a step
//! that wait for each other's rows or chunks are resolved by the server, and both are repeated.

mod count;
mod delete;
mod find;

use std::{sync::Arc, time::Duration};

use model::{Position, TimeRange};
use pipeline::{Cursor, Error, ErrorClass, Removal, RemovalStep, Result, Tally};

use crate::{connect::Pools, read::Readers, sql::Statement, status::Status};

/// What deletions need.
#[derive(Debug)]
pub(crate) struct Remover {
    pub(crate) pools: Pools,
    pub(crate) readers: Readers,
    /// The time limit of one statement of a step.
    pub(crate) statement_timeout: Duration,
    pub(crate) status: Arc<Status>,
}

impl Remover {
    /// See [`pipeline::Log::count_removal`].
    pub(crate) async fn count(&self, removal: &Removal) -> Result<Tally> {
        if is_empty(removal.range) {
            return Ok(Tally::default());
        }
        count::count(&self.pools.read, removal).await
    }

    /// See [`pipeline::Log::remove`].
    pub(crate) async fn remove(&self, removal: &Removal, from: Option<&str>) -> Result<RemovalStep> {
        let cursor = from.map(parse).transpose()?;
        if is_empty(removal.range) {
            return Ok(RemovalStep::default());
        }
        self.step(removal, cursor).await.map_err(unreadable)
    }

    async fn step(&self, removal: &Removal, cursor: Option<Cursor>) -> Result<RemovalStep> {
        let found = find::find(&self.readers, removal, cursor).await?;
        let removed = match &found.records {
            Some(records) => self.delete(records).await?,
            None => 0,
        };
        Ok(RemovalStep { removed, next: found.next.map(print) })
    }
}

/// A row that cannot be read ends the pass where it stands. `Corrupt` would say that everything else is removed.
fn unreadable(error: Error) -> Error {
    if error.class != ErrorClass::Corrupt {
        return error;
    }
    Error::internal(format!(
        "{}; older records may not be removed: correct or delete this row, and start the deletion again",
        error.message
    ))
}

fn is_empty(range: TimeRange) -> bool {
    range.from >= range.to
}

/// Selects the records of the removal, and more if the query has to be verified.
fn statement(removal: &Removal) -> Statement {
    let mut statement = Statement::matching(&removal.query).within(removal.range);
    let upto = statement.parameters.bind(removal.upto.0);
    statement.and(format!("position <= {upto}"))
}

/// The mark of a step: the time and the position of the last row that it examined.
fn print(cursor: Cursor) -> String {
    format!("{}:{}", cursor.time, cursor.position.0)
}

fn parse(mark: &str) -> Result<Cursor> {
    let cursor = mark.split_once(':').and_then(|(time, position)| {
        Some(Cursor { time: time.parse().ok()?, position: Position(position.parse().ok()?) })
    });
    cursor.ok_or_else(|| {
        Error::invalid("the mark of a deletion in postgresql is a time and a position; leave it out to begin again")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_others_are_refused() {
        for cursor in [
            Cursor { time: i64::MIN, position: Position(0) },
            Cursor { time: 1_792_000_000_123_456_789, position: Position(i64::MAX) },
        ] {
            assert_eq!(parse(&print(cursor)).unwrap(), cursor);
        }
        for mark in ["", ":", "1", "1:", "1:x", "1:2:3", "part-7"] {
            assert_eq!(parse(mark).unwrap_err().class, ErrorClass::Invalid, "{mark}");
        }
    }

    #[test]
    fn an_unreadable_row_does_not_claim_that_the_rest_is_removed() {
        assert_eq!(unreadable(Error::corrupt("the row 7 cannot be read")).class, ErrorClass::Internal);
        let away = unreadable(Error::unavailable("away"));
        assert_eq!((away.class, away.message.as_str()), (ErrorClass::Unavailable, "away"));
    }
}
