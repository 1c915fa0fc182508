//! Whether the values of a column rarely repeat, so that a dictionary does not pay off.

use std::{collections::HashSet, hash::Hash};

use foldhash::fast::RandomState;

/// The number of values of a column of numbers that are looked at.
const SAMPLE: usize = 4_096;

/// The number of distinct values up to which a dictionary pays off.
pub(super) fn spread_from(rows: usize) -> usize {
    rows / 8
}

/// Whether numbers rarely repeat, by a sample that is spread over all of them.
pub(super) fn rarely_repeats<T: Copy, K: Hash + Eq>(rows: usize, values: &[T], key: impl Fn(T) -> K) -> bool {
    let step = values.len().div_ceil(SAMPLE).max(1);
    let bound = match step {
        1 => spread_from(rows),
        _ => in_sample(spread_from(rows), values.len().div_ceil(step)),
    };
    let mut distinct = Distinct::up_to(bound);
    values.iter().step_by(step).for_each(|value| distinct.add(key(*value)));
    distinct.is_spread
}

/// How many of `distinct` values, each as frequent as the others, a sample of `looked` values shows.
fn in_sample(distinct: usize, looked: usize) -> usize {
    let (distinct, looked) = (distinct.max(1) as f64, looked as f64);
    (-distinct * (-looked / distinct).exp_m1()) as usize
}

/// The distinct values of a column, up to a limit.
pub(super) struct Distinct<T> {
    seen: HashSet<T, RandomState>,
    bound: usize,
    /// Whether there are more.
    pub(super) is_spread: bool,
}

impl<T: Hash + Eq> Distinct<T> {
    pub(super) fn of(rows: usize) -> Self {
        Self::up_to(spread_from(rows))
    }

    fn up_to(bound: usize) -> Self {
        Self { seen: HashSet::default(), bound, is_spread: false }
    }

    pub(super) fn add(&mut self, value: T) {
        if !self.is_spread && self.seen.insert(value) {
            self.is_spread = self.seen.len() > self.bound;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers below `bound` in no order: splitmix64.
    fn scattered(count: usize, bound: u64) -> Vec<u64> {
        let mixed = |number: u64| {
            let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        };
        (1..=count as u64).map(|number| mixed(number) % bound).collect()
    }

    #[test]
    fn a_sample_tells_whether_numbers_rarely_repeat() {
        // 65,536 rows: the limit is 8,192 values.
        for (bound, is_spread) in [(6, false), (2_000, false), (6_500, false), (10_500, true), (1 << 40, true)] {
            assert_eq!(rarely_repeats(65_536, &scattered(65_536, bound), |number| number), is_spread, "{bound}");
        }
        let rising: Vec<u64> = (0..65_536).collect();
        assert!(rarely_repeats(65_536, &rising, |number| number));
        assert!(!rarely_repeats(65_536, &rising, |number| number / 100));
        assert!(!rarely_repeats(65_536, &rising[..8_000], |number| number / 8), "1,000 values in few rows");
    }

    #[test]
    fn few_numbers_are_all_counted() {
        let numbers: Vec<u64> = (0..1_000).collect();
        assert!(!rarely_repeats(1_000, &numbers[..125], |number| number));
        assert!(rarely_repeats(1_000, &numbers[..126], |number| number));
        assert!(!rarely_repeats::<u64, u64>(1_000, &[], |number| number));
    }
}
