//! The rows of the next step of a search, and their division among the threads.

use std::ops::Range;

use parts::writer::PAGE_ROWS;

use super::found::Found;

/// The maximum number of rows per thread and step: two pages.
const SLICE_ROWS: usize = 2 * PAGE_ROWS;

/// The number of rows to scan next, estimated from the match rate so far and the remaining `room`. Bounded relative to
/// `seen`, because matches come in bursts; at least `share`, so that each thread has work.
fn expected_rows(seen: usize, found: usize, room: usize, share: usize) -> usize {
    let expected = room.saturating_mul(seen).checked_div(found).unwrap_or(usize::MAX);
    // The newest rows often suffice, so the first step is small.
    let most = seen.saturating_mul(4).max(1);
    expected.clamp((seen / 4).max(share).min(most), most)
}

/// The number of rows to scan next.
pub(super) fn rows_next(seen: usize, found: &Found) -> usize {
    expected_rows(seen, found.len(), found.room(), PAGE_ROWS * rayon::current_num_threads())
}

/// The span from the first to the last range.
pub(super) fn span(ranges: &[Range<usize>]) -> Range<usize> {
    match ranges {
        [] => 0..0,
        [first, ..] => first.start..ranges.last().map_or(first.end, |last| last.end),
    }
}

/// Splits a range evenly over the threads, in whole pages and limited slices.
pub(super) fn slices(range: &Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let rows = range.len().div_ceil(rayon::current_num_threads()).max(1).next_multiple_of(PAGE_ROWS).min(SLICE_ROWS);
    let end = range.end;
    range.clone().step_by(rows).map(move |start| start..end.min(start + rows))
}

#[cfg(test)]
mod tests {
    use super::{PAGE_ROWS, expected_rows};
    use parts::writer::GROUP_ROWS;

    const SHARE: usize = 2 * PAGE_ROWS;

    /// The steps over `rows` rows of which only the first page has matches.
    fn steps(rows: usize, found: usize, limit: usize) -> Vec<usize> {
        let (mut steps, mut seen) = (Vec::new(), PAGE_ROWS);
        while seen < rows {
            let step = expected_rows(seen, found, limit - found, SHARE);
            steps.push(step);
            seen += step;
        }
        steps
    }

    #[test]
    fn a_search_looks_as_far_as_the_rest_should_take() {
        assert_eq!(expected_rows(100_000, 50, 50, SHARE), 100_000);
        assert_eq!(expected_rows(100_000, 75, 25, SHARE), 33_333);
        // A small sample is not trusted much.
        assert_eq!(expected_rows(PAGE_ROWS, 1, 99, SHARE), 4 * PAGE_ROWS);
        assert_eq!(expected_rows(PAGE_ROWS, 0, 100, SHARE), 4 * PAGE_ROWS);
        assert_eq!(expected_rows(100_000, 100, 0, SHARE), 25_000);
        // Each thread has work, but many threads do not extend the search.
        assert_eq!(expected_rows(PAGE_ROWS, 99, 1, SHARE), SHARE);
        assert_eq!(expected_rows(PAGE_ROWS, 99, 1, 64 * PAGE_ROWS), 4 * PAGE_ROWS);
        assert_eq!(expected_rows(50, 0, 100, SHARE), 200);
        assert_eq!(expected_rows(0, 0, 100, SHARE), 1);
    }

    #[test]
    fn steps_get_longer_where_nothing_more_is_found() {
        for (found, most) in [(0, 6), (1, 6), (99, 30), (100, 30)] {
            let steps = steps(50 * GROUP_ROWS, found, 100);
            assert!(steps.len() <= most && steps.is_sorted(), "{found}: {steps:?}");
        }
    }

    #[test]
    fn whoever_wants_all_has_no_limit() {
        assert_eq!(expected_rows(GROUP_ROWS, 7, usize::MAX, SHARE), 4 * GROUP_ROWS);
    }
}
