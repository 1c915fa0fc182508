//! How much a search looks at before it looks at its watch.

use std::time::{Duration, Instant};

use model::{Position, Query};
use pipeline::{Cursor, Result, TimeRange};
use sqlx::Row;

use super::row::NEWEST_FIRST;
use crate::{error::classify, session::Session, sql::Statement, types};

/// The rows of the first slice: what the newest page is mostly found in.
const FIRST: usize = 2_000;
/// How much longer than the last one a slice may be. Each costs a walk along the index.
const GROWTH: usize = 8;
/// What a slice of a search that has all the time in the world may take: far less than a
/// statement may.
const UNHURRIED: Duration = Duration::from_secs(5);

/// The lengths of a search's slices, by how long they take.
#[derive(Debug)]
pub(super) struct Pace {
    patience: Option<Duration>,
    begun: Instant,
    /// When the slice began, and how many rows it has.
    slice: (Instant, usize),
}

impl Pace {
    pub(super) fn new(patience: Option<Duration>) -> Self {
        let now = Instant::now();
        Self { patience, begun: now, slice: (now, FIRST) }
    }

    /// The rows of the slice that begins now.
    pub(super) fn rows(&mut self) -> usize {
        self.slice.0 = Instant::now();
        self.slice.1
    }

    /// Ends a slice. Whether there is time for another one.
    pub(super) fn goes_on(&mut self) -> bool {
        let left = self.patience.map(|patience| patience.saturating_sub(self.begun.elapsed()));
        if left.is_some_and(|left| left.is_zero()) {
            return false;
        }
        let (begun, rows) = self.slice;
        self.slice.1 = next_rows(rows, begun.elapsed(), left.unwrap_or(UNHURRIED));
        true
    }

    /// What is left of the first half of the patience, for what may be in vain; `None` where
    /// there is no end to it.
    pub(super) fn left_of_half(&self) -> Option<Duration> {
        self.patience.map(|patience| (patience / 2).saturating_sub(self.begun.elapsed()))
    }
}

/// How many rows to look at next, where so many took some time: what should take half of the
/// time that is left.
fn next_rows(rows: usize, took: Duration, left: Duration) -> usize {
    let fit = rows as f64 * left.as_secs_f64() / took.as_secs_f64().max(1e-6) / 2.0;
    // A cast to an integer stops at its bounds.
    (fit as usize).clamp(FIRST, rows.saturating_mul(GROWTH))
}

/// The last of so many rows after the cursor, matching or not; `None` where there are fewer.
pub(super) async fn last_of(
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
    // Of the index alone, or of the three columns that a chunk in columns is sorted by.
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
            // Quick: much more at once.
            (2_000, ms(1), ms(1000), 16_000),
            (16_000, ms(0), ms(1000), 128_000),
            // Half of what is left.
            (100_000, ms(100), ms(800), 400_000),
            (100_000, ms(400), ms(100), 12_500),
            // Never so few that nothing comes of it.
            (2_000, ms(900), ms(1), 2_000),
            (100_000, ms(900), ms(0), 2_000),
        ] {
            assert_eq!(next_rows(rows, took, left), next, "{rows} in {took:?}, {left:?} left");
        }
    }

    #[test]
    fn without_patience_one_slice_is_all() {
        assert!(!Pace::new(Some(Duration::ZERO)).goes_on());
        assert!(Pace::new(Some(Duration::from_secs(3600))).goes_on());
        assert!(Pace::new(None).goes_on());
    }
}
