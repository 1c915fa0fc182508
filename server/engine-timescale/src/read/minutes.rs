//! Counts by the table of minutes where that is equivalent to counting records.
//!
//! The table is refreshed periodically, up to a position. Records stored since may have any time; their runs contain
//! it. The minutes they touch are recounted from the records, as are partial minutes at the ends of a range. So the
//! result is always exact, and fast after a recent refresh.

use pipeline::{Result, TimeRange};
use sqlx::Row;

use crate::{error::classify, minutes::Minutes, session::Session, types::Instant};

/// Nanoseconds.
pub(super) const MINUTE: i64 = 60_000_000_000;
/// The limit of recounted ranges; beyond it the nearest ones are merged.
const RANGES: usize = 8;

/// A time range, split by the table that counts each part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Split {
    /// Whole minutes, counted from the table.
    pub(super) counted: Vec<TimeRange>,
    /// Ranges recounted from the records.
    pub(super) recounted: Vec<TimeRange>,
}

/// Splits the range, within a snapshot ([`Session::begin_snapshot`]).
pub(super) async fn split(session: &mut Session, minutes: Minutes, range: TimeRange) -> Result<Split> {
    let rows = sqlx::query(minutes.changed_times()).fetch_all(session.connection()?).await.map_err(classify)?;
    let mut changed = Vec::with_capacity(rows.len());
    for row in &rows {
        let earliest: Instant = row.try_get(0).map_err(classify)?;
        let latest: Instant = row.try_get(1).map_err(classify)?;
        changed.push(TimeRange { from: earliest.join(0), to: latest.join(999).saturating_add(1) });
    }
    Ok(Split::of(range, changed))
}

impl Split {
    fn of(range: TimeRange, mut changed: Vec<TimeRange>) -> Self {
        if range.from >= range.to {
            return Self { counted: Vec::new(), recounted: Vec::new() };
        }
        // Extends changes to whole minutes, and adds the partial minutes at the ends of the range.
        for change in &mut changed {
            change.from = down(change.from);
            change.to = up(change.to);
        }
        changed.push(TimeRange { from: down(range.from), to: up(range.from) });
        changed.push(TimeRange { from: down(range.to), to: up(range.to) });
        changed.retain(|change| change.from < change.to && change.from < range.to && change.to > range.from);
        let recounted = merged_ranges(changed);
        let (mut counted, mut from) = (Vec::new(), range.from);
        for change in &recounted {
            if from < change.from {
                counted.push(TimeRange { from, to: change.from });
            }
            from = change.to;
        }
        if from < range.to {
            counted.push(TimeRange { from, to: range.to });
        }
        let within = |change: &TimeRange| TimeRange { from: change.from.max(range.from), to: change.to.min(range.to) };
        Self { counted, recounted: recounted.iter().map(within).collect() }
    }
}

/// Merges touching ranges, and the nearest ones beyond [`RANGES`]; sorted.
fn merged_ranges(mut ranges: Vec<TimeRange>) -> Vec<TimeRange> {
    ranges.sort_unstable_by_key(|range| range.from);
    let mut merged: Vec<TimeRange> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if last.to >= range.from => last.to = last.to.max(range.to),
            _ => merged.push(range),
        }
    }
    while merged.len() > RANGES {
        let gap = |place: &usize| merged[place + 1].from.saturating_sub(merged[*place].to);
        let Some(nearest) = (0..merged.len() - 1).min_by_key(gap) else { break };
        merged[nearest].to = merged[nearest + 1].to;
        merged.remove(nearest + 1);
    }
    merged
}

fn down(time: i64) -> i64 {
    time.checked_sub(time.rem_euclid(MINUTE)).unwrap_or(i64::MIN)
}

fn up(time: i64) -> i64 {
    match time.rem_euclid(MINUTE) {
        0 => time,
        over => time.checked_add(MINUTE - over).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(from: i64, to: i64) -> TimeRange {
        TimeRange { from, to }
    }

    #[test]
    fn whole_minutes_that_did_not_change_are_counted_and_the_rest_is_afresh() {
        let m = MINUTE;
        for (asked, changed, counted, recounted) in [
            (range(0, 10 * m), vec![], vec![range(0, 10 * m)], vec![]),
            (range(5, 10 * m + 5), vec![], vec![range(m, 10 * m)], vec![range(5, m), range(10 * m, 10 * m + 5)]),
            (range(5, 20), vec![], vec![], vec![range(5, 20)]),
            (range(m, m), vec![], vec![], vec![]),
            (
                range(0, 10 * m),
                vec![range(3 * m + 1, 3 * m + 2), range(4 * m, 5 * m), range(20 * m, 21 * m)],
                vec![range(0, 3 * m), range(5 * m, 10 * m)],
                vec![range(3 * m, 5 * m)],
            ),
            (range(0, 2 * m), vec![range(-m, 5 * m)], vec![], vec![range(0, 2 * m)]),
        ] {
            assert_eq!(Split::of(asked, changed.clone()), Split { counted, recounted }, "{asked:?} {changed:?}");
        }
        // The largest range.
        let split = Split::of(TimeRange::ALL, vec![]);
        assert_eq!((split.counted.len(), split.recounted.len()), (1, 2), "{split:?}");
    }

    #[test]
    fn many_ranges_become_few_and_lose_nothing() {
        let ranges: Vec<TimeRange> = (0..100).map(|n| range(n * n * 100, n * n * 100 + 10)).collect();
        let merged = merged_ranges(ranges.clone());
        assert_eq!(merged.len(), RANGES);
        assert!(merged.is_sorted_by(|one, next| one.to < next.from));
        for small in ranges {
            assert!(merged.iter().any(|large| large.from <= small.from && small.to <= large.to), "{small:?}");
        }
    }
}
