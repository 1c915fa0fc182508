//! Ranges of time.

use model::time::Nanos;

/// A half-open range of times: `from <= time < to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub from: Nanos,
    pub to: Nanos,
}

impl TimeRange {
    pub const ALL: Self = Self { from: Nanos::MIN, to: Nanos::MAX };

    pub fn contains(self, time: Nanos) -> bool {
        self.from <= time && time < self.to
    }
}
