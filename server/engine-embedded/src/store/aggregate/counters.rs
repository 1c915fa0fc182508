//! Counts of numbers without a hash table.
//!
//! Users, orders and sequences have numbers that lie close together. A field of many values would add each row to a hash
//! table of its unit first and then, since hardly a value is twice in it, to the totals. An array of counters, shared by
//! all threads, takes one addition a row instead.

use std::sync::atomic::{AtomicU64, Ordering};

/// The numbers with a counter: 8 MiB.
const NUMBERS: usize = 1 << 20;

/// Counters for consecutive numbers.
pub(super) struct Counters {
    first: i64,
    counts: Box<[AtomicU64]>,
}

impl Counters {
    /// Counters for these numbers and as many on either side; `None` if they lie too far apart, or there is none.
    pub(super) fn around(numbers: impl Iterator<Item = i64>) -> Option<Self> {
        let bounds = numbers.fold(None, |bounds: Option<(i64, i64)>, number| {
            let (least, most) = bounds.unwrap_or((number, number));
            Some((least.min(number), most.max(number)))
        });
        let (least, most) = bounds?;
        let span = usize::try_from(most.checked_sub(least)?).ok()?;
        let spare = NUMBERS.checked_sub(span + 1)?;
        let first = least.saturating_sub(spare as i64 / 2);
        Some(Self { first, counts: (0..NUMBERS).map(|_| AtomicU64::new(0)).collect() })
    }

    fn counter(&self, number: i64) -> Option<&AtomicU64> {
        self.counts.get(usize::try_from(number.wrapping_sub(self.first).cast_unsigned()).ok()?)
    }

    /// Whether the number has a counter.
    pub(super) fn has(&self, number: i64) -> bool {
        self.counter(number).is_some()
    }

    /// Counts records with the number. Returns whether it has a counter.
    pub(super) fn add(&self, number: i64, records: u64) -> bool {
        let counter = self.counter(number);
        counter.is_some_and(|counter| {
            counter.fetch_add(records, Ordering::Relaxed);
            true
        })
    }

    /// Adds to a number that was counted before. Returns whether it was.
    pub(super) fn add_to_known(&self, number: i64, records: u64) -> bool {
        self.counter(number).is_some_and(|counter| counter.load(Ordering::Relaxed) > 0) && self.add(number, records)
    }

    /// The numbers that were counted, with their records.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, u64)> {
        let counted = self.counts.iter().enumerate().map(|(place, count)| (place, count.load(Ordering::Relaxed)));
        counted.filter(|(_, count)| *count > 0).map(|(place, count)| (self.first.wrapping_add(place as i64), count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_close_together_have_counters_and_others_do_not() {
        let range = NUMBERS as i64;
        for least in [0, 1_700_000_000, -5, i64::MAX - range + 1, i64::MIN] {
            let counters = Counters::around([least + 9, least, least + (range - 1)].into_iter()).unwrap();
            assert!(counters.add(least, 2) && counters.add(least + (range - 1), 3) && counters.add(least, 1));
            assert!(!counters.add_to_known(least + 9, 1) && counters.add_to_known(least, 1));
            for outside in [least.wrapping_sub(1), least.wrapping_add(range)] {
                assert!(!counters.has(outside) && !counters.add(outside, 1) && !counters.add_to_known(outside, 1));
            }
            assert!(counters.iter().eq([(least, 4), (least + (range - 1), 3)]));
        }
        assert!(Counters::around([0, range].into_iter()).is_none());
        assert!(Counters::around([i64::MIN, i64::MAX].into_iter()).is_none());
        assert!(Counters::around([].into_iter()).is_none());
    }

    #[test]
    fn there_is_room_on_either_side() {
        let counters = Counters::around([1_000].into_iter()).unwrap();
        assert!(counters.has(1_000 + NUMBERS as i64 / 2 - 1) && counters.has(1_000 - NUMBERS as i64 / 2 + 1));
    }
}
