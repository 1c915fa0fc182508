//! Trace ids that 2 to 50 records share, in bursts: the records of a trace are neighbours in time.
//!
//! The numbers are divided into windows. Half of a window's places belong to its traces, whose sizes are drawn for the
//! window; the records of a window are spread over the places, so that its traces overlap.

use super::Trace;
use crate::random::SplitMix;

/// Records per window.
pub(super) const WINDOW: u64 = 200;
/// Places of a window with a trace.
const TRACED: u64 = WINDOW / 2;
/// The largest trace.
const MOST: u64 = 50;
/// Without a common factor with the window, so that a multiplication reorders its places.
const STRIDES: [u64; 8] = [3, 7, 11, 13, 17, 19, 23, 29];

/// Separates the draws of windows and spans from those of records.
const WINDOWS: u64 = 0x7472_6163_6573_2d77;
const SPANS: u64 = 0x7472_6163_6573_2d73;

/// The trace of a record, if it has one.
pub(super) fn trace_of(seed: u64, number: u64) -> Option<Trace> {
    let mut random = SplitMix::of(seed ^ WINDOWS, number / WINDOW);
    let stride = random.pick(&STRIDES);
    let place = (number % WINDOW * stride + u64::from(random.below(WINDOW as u32))) % WINDOW;
    let mut end = 0;
    while end < TRACED {
        end += size(&mut random, TRACED - end);
        let trace_id = u128::from(random.next()) << 64 | u128::from(random.next()) | 1;
        if place < end {
            let span_id = SplitMix::of(seed ^ SPANS, number).next() | 1;
            return Some(Trace { trace_id: trace_id.to_be_bytes(), span_id: span_id.to_be_bytes() });
        }
    }
    None
}

/// The size of the next trace: 2 to 50 and mostly small. Never leaves a single place, which would be a trace of one.
fn size(random: &mut SplitMix, left: u64) -> u64 {
    let size = (2 + u64::from(random.below(8) * random.below(8))).min(MOST);
    match left.checked_sub(size) {
        None | Some(0) => left,
        Some(1) if size == 2 => left,
        Some(1) => size - 1,
        Some(_) => size,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_trace_is_shared_by_2_to_50_neighbours() {
        let count = 500 * WINDOW;
        let mut traces = BTreeMap::<[u8; 16], Vec<u64>>::new();
        for number in 0..count {
            if let Some(trace) = trace_of(3, number) {
                traces.entry(trace.trace_id).or_default().push(number);
            }
        }
        let traced: usize = traces.values().map(Vec::len).sum();
        assert_eq!(traced as u64, count / 2);
        let sizes = || traces.values().map(Vec::len);
        assert!(sizes().all(|size| (2..=50).contains(&size)), "{:?}", sizes().max());
        assert!(sizes().any(|size| size == 2) && sizes().any(|size| size > 40));
        let (first, last) = (|numbers: &Vec<u64>| numbers[0], |numbers: &Vec<u64>| numbers[numbers.len() - 1]);
        assert!(traces.values().all(|numbers| first(numbers) / WINDOW == last(numbers) / WINDOW));
    }

    #[test]
    fn spans_are_unique() {
        let spans: std::collections::BTreeSet<_> =
            (0..10_000).filter_map(|number| trace_of(3, number)).map(|trace| trace.span_id).collect();
        assert_eq!(spans.len(), 5_000);
    }
}
