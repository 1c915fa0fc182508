//! Ranges of time.

use crate::Nanos;

/// A half-open range of times: `from <= time < to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRange {
    pub from: Nanos,
    pub to: Nanos,
}

impl TimeRange {
    /// Every time but the last nanosecond that there is.
    pub const ALL: Self = Self { from: Nanos::MIN, to: Nanos::MAX };

    pub fn contains(self, time: Nanos) -> bool {
        self.from <= time && time < self.to
    }
}
