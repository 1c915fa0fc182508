//! The sizes of a search's slices, between which it checks the time.

use std::time::{Duration, Instant};

use model::{Position, Query};
use pipeline::{Cursor, Result, TimeRange};
use sqlx::Row;

use super::row::NEWEST_FIRST;
use crate::{error::classify, session::Session, sql::Statement, types};

/// The rows of the first slice, which mostly suffices for the newest page.
const FIRST: usize = 2_000;
/// The maximum growth per slice. Each slice costs an index scan.
const GROWTH: usize = 8;
/// The target time of a slice in a search without a deadline: far below the statement timeout.
const WITHOUT_DEADLINE: Duration = Duration::from_secs(5);

/// Adapts the slice sizes to their measured time.
#[derive(Debug)]
pub(crate) struct Pace {
    patience: Option<Duration>,
    begun: Instant,
    /// The start of the slice, and its number of rows.
    slice: (Instant, usize),
}

impl Pace {
    pub(crate) fn new(patience: Option<Duration>) -> Self {
        let now = Instant::now();
        Self { patience, begun: now, slice: (now, FIRST) }
    }

    /// Starts a slice, and returns its number of rows.
    pub(crate) fn rows(&mut self) -> usize {
        self.slice.0 = Instant::now();
        self.slice.1
    }

    /// Ends a slice. Returns whether there is time for another one.
    pub(crate) fn has_time_left(&mut self) -> bool {
        let left = self.patience.map(|patience| patience.saturating_sub(self.begun.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            return false;
        }
        let (begun, rows) = self.slice;
        self.slice.1 = next_rows(rows, begun.elapsed(), left.unwrap_or(WITHOUT_DEADLINE));
        true
    }

    /// The remainder of the first half of the patience, for an attempt that may fail; `None` without a deadline.
    pub(super) fn left_of_half(&self) -> Option<Duration> {
        self.patience.map(|patience| (patience / 2).saturating_sub(self.begun.elapsed()))
    }
}

/// The size of the next slice, estimated to take half of the remaining time.
fn next_rows(rows: usize, took: Duration, left: Duration) -> usize {
    let fit = rows as f64 * left.as_secs_f64() / took.as_secs_f64().max(1e-6) / 2.0;
    // Float-to-integer casts saturate.
    (fit as usize).clamp(FIRST, rows.saturating_mul(GROWTH))
}

/// The last of `rows` rows after the cursor, matching or not; `None` if there are fewer.
pub(crate) async fn last_of(
    session: &mut Session,
    range: TimeRange,
    cursor: Option<Cursor>,
    rows: usize,
) -> Result<Option<Cursor>> {
    let mut statement = Statement::matching(&Query::default()).within(range);
    if let Some(cursor) = cursor {
        statement = statement.before(cursor);
    }
    let offset = statement.parameters.bind(rows.saturating_sub(1) as i64);
    // Answered from the index, or from the three sort columns of a columnstore chunk.
    let rest = format!("{NEWEST_FIRST} limit 1 offset {offset}");
    let rows = session.rows(statement.select("time, time_ns, position", &rest)?).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let time: types::Instant = row.try_get(0).map_err(classify)?;
    let nanos: i16 = row.try_get(1).map_err(classify)?;
    let position = Position(row.try_get(2).map_err(classify)?);
    Ok(Some(Cursor { time: time.join(nanos), position }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_is_as_long_as_the_time_that_is_left() {
        let ms = Duration::from_millis;
        for (rows, took, left, next) in [
            // Fast: the maximum growth.
            (2_000, ms(1), ms(1000), 16_000),
            (16_000, ms(0), ms(1000), 128_000),
            // Half of the remaining time.
            (100_000, ms(100), ms(800), 400_000),
            (100_000, ms(400), ms(100), 12_500),
            // Never below the minimum.
            (2_000, ms(900), ms(1), 2_000),
            (100_000, ms(900), ms(0), 2_000),
        ] {
            assert_eq!(next_rows(rows, took, left), next, "{rows} in {took:?}, {left:?} left");
        }
    }

    #[test]
    fn without_patience_one_slice_is_all() {
        assert!(!Pace::new(Some(Duration::ZERO)).has_time_left());
        assert!(Pace::new(Some(Duration::from_secs(3600))).has_time_left());
        assert!(Pace::new(None).has_time_left());
    }
}
