//! Restricts a statement to places in the table: ranges of positions, and single positions.

use super::Parameters;
use crate::types::Instant;

/// The most ranges of a statement; beyond it the nearest ones are merged, with what is between them.
pub(crate) const RANGES: usize = 32;

/// Places of records. More records may be there than are meant, so a statement has its other conditions too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// From the first position to the last one.
    ranges: Vec<(i64, i64)>,
    positions: Vec<i64>,
    /// The earliest and the latest time.
    times: Option<(Instant, Instant)>,
}

impl Places {
    /// Adds a range of positions, and bounds of their times.
    pub(crate) fn add_range(&mut self, (first, last): (i64, i64), times: (Instant, Instant)) {
        self.ranges.push((first, last));
        self.widen(times);
    }

    /// Adds single positions, and bounds of their times.
    pub(crate) fn add_positions(&mut self, positions: impl IntoIterator<Item = i64>, times: (Instant, Instant)) {
        let before = self.positions.len();
        self.positions.extend(positions);
        if self.positions.len() > before {
            self.widen(times);
        }
    }

    fn widen(&mut self, (earliest, latest): (Instant, Instant)) {
        let (first, last) = self.times.unwrap_or((earliest, latest));
        self.times = Some((first.min(earliest), last.max(latest)));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.positions.is_empty()
    }

    /// The SQL condition. The bounds of all places come first, because they exclude partitions, chunks and groups of
    /// rows of the columnstore, for which TimescaleDB does not look into alternatives.
    pub(super) fn condition(&self, parameters: &mut Parameters) -> String {
        let ranges = merged(self.ranges.clone());
        let firsts = ranges.iter().map(|(first, _)| *first).chain(self.positions.iter().copied());
        let lasts = ranges.iter().map(|(_, last)| *last).chain(self.positions.iter().copied());
        let (Some(first), Some(last), Some((earliest, latest))) = (firsts.min(), lasts.max(), self.times) else {
            return "false".to_owned();
        };
        let (first, last) = (parameters.bind(first), parameters.bind(last));
        let (earliest, latest) = (parameters.bind(earliest), parameters.bind(latest));
        let bounds = format!("position between {first} and {last} and time between {earliest} and {latest}");
        if ranges.len() == 1 && self.positions.is_empty() {
            return bounds;
        }
        let mut alternatives: Vec<String> = ranges
            .iter()
            .map(|(first, last)| {
                let (first, last) = (parameters.bind(*first), parameters.bind(*last));
                format!("position between {first} and {last}")
            })
            .collect();
        if !self.positions.is_empty() {
            alternatives.push(format!("position = any({})", parameters.bind(self.positions.clone())));
        }
        format!("{bounds} and ({})", alternatives.join(" or "))
    }
}

/// Merges ranges that touch, and the nearest ones beyond [`RANGES`]; sorted.
fn merged(mut ranges: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    ranges.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (first, last) in ranges {
        match merged.last_mut() {
            Some((_, end)) if end.saturating_add(1) >= first => *end = last.max(*end),
            _ => merged.push((first, last)),
        }
    }
    if merged.len() > RANGES {
        // The widest gaps stay.
        let mut gaps: Vec<(i64, usize)> =
            merged.windows(2).zip(1..).map(|(pair, place)| (pair[1].0.saturating_sub(pair[0].1), place)).collect();
        gaps.sort_unstable_by(|one, other| other.cmp(one));
        let mut starts: Vec<usize> = gaps.into_iter().take(RANGES - 1).map(|(_, place)| place).collect();
        starts.sort_unstable();
        let (begins, ends) = ([0].into_iter().chain(starts.clone()), starts.into_iter().chain([merged.len()]));
        merged = begins.zip(ends).filter_map(|(from, to)| Some((merged.get(from)?.0, merged.get(to - 1)?.1))).collect();
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn touching_ranges_are_one_and_many_become_few_that_lose_nothing() {
        assert_eq!(merged(vec![(7, 9), (1, 3), (4, 5), (8, 20)]), [(1, 5), (7, 20)]);
        assert_eq!(merged(vec![(5, i64::MAX), (i64::MAX, i64::MAX)]), [(5, i64::MAX)]);
        let ranges: Vec<(i64, i64)> = (0..200).map(|n| (n * n * 10, n * n * 10 + 3)).collect();
        let few = merged(ranges.clone());
        assert_eq!(few.len(), RANGES);
        assert!(few.is_sorted_by(|one, next| one.1 < next.0));
        for (first, last) in ranges {
            assert!(few.iter().any(|range| range.0 <= first && last <= range.1), "{first}");
        }
    }

    #[test]
    fn a_condition_begins_with_the_bounds_of_all_places() {
        let time = Instant::from_unix_micros;
        let mut places = Places::default();
        assert_eq!(places.condition(&mut Parameters::default()), "false");
        places.add_range((5, 9), (time(10), time(20)));
        assert_eq!(
            places.condition(&mut Parameters::default()),
            "position between $1 and $2 and time between $3 and $4"
        );
        places.add_positions([2, 30], (time(5), time(6)));
        assert_eq!(
            places.condition(&mut Parameters::default()),
            "position between $1 and $2 and time between $3 and $4 and (position between $5 and $6 or position = any($7))"
        );
        assert_eq!(places.times, Some((time(5), time(20))));
    }
}
