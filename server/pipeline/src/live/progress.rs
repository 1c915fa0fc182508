//! How many records came after a position, from samples of the running total.

use std::collections::VecDeque;

use model::Position;

/// The limit of samples. Beyond it every second one is dropped, so that the samples reach back twice as far.
const SAMPLES: usize = 4096;

/// The records after a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behind {
    pub records: u64,
    /// Their approximate size in memory.
    pub bytes: u64,
    /// There may be more: the position is older than the start of this process.
    pub is_lower_bound: bool,
}

#[derive(Default)]
pub(super) struct Progress {
    samples: VecDeque<Sample>,
    total: Sample,
}

/// The running total up to and including a position.
#[derive(Clone, Copy)]
struct Sample {
    position: Position,
    records: u64,
    bytes: u64,
}

impl Default for Sample {
    fn default() -> Self {
        Self { position: Position(i64::MIN), records: 0, bytes: 0 }
    }
}

impl Progress {
    /// Starts after `newest`.
    pub(super) fn begin(&mut self, newest: Position) {
        self.samples.clear();
        self.total = Sample { position: newest, records: 0, bytes: 0 };
        self.samples.push_back(self.total);
    }

    pub(super) fn add(&mut self, last: Position, records: usize, bytes: usize) {
        self.total.position = last;
        self.total.records += records as u64;
        self.total.bytes += bytes as u64;
        self.samples.push_back(self.total);
        if self.samples.len() > SAMPLES {
            let mut place = 0;
            self.samples.retain(|_| {
                place += 1;
                place % 2 == 1
            });
        }
    }

    /// Rounded up to the next sample.
    pub(super) fn after(&self, at: Position) -> Behind {
        let later = self.samples.partition_point(|sample| sample.position <= at);
        let base = later.checked_sub(1).and_then(|place| self.samples.get(place));
        let (records, bytes) = base.map_or((0, 0), |base| (base.records, base.bytes));
        Behind {
            records: self.total.records - records,
            bytes: self.total.bytes - bytes,
            is_lower_bound: base.is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_from_a_position_on_also_after_many_samples() {
        let mut progress = Progress::default();
        progress.begin(Position(100));
        let all = 3 * SAMPLES as u64;
        for number in 1..=all {
            progress.add(Position(100 + number as i64 * 10), 10, 1000);
        }
        let end = 100 + all as i64 * 10;
        assert_eq!(progress.after(Position(end)), Behind::default());
        assert_eq!(
            progress.after(Position(100)),
            Behind { records: all * 10, bytes: all * 1000, is_lower_bound: false }
        );
        let before = progress.after(Position(99));
        assert!(before.is_lower_bound && before.records == all * 10);
        let late = progress.after(Position(end - 50));
        assert!((50..=90).contains(&late.records), "{late:?}");
        assert!(progress.samples.len() <= SAMPLES);
    }
}
