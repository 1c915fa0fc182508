//! How long to wait before trying again.

use std::time::Duration;

/// Doubling waits with jitter, so that nodes that lost the same server do not all come
/// back in the same moment.
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(50);
    const LONGEST: Duration = Duration::from_secs(5);

    pub(crate) fn new() -> Self {
        Self { next: Self::FIRST }
    }

    /// Between half of and the whole next wait.
    pub(crate) fn next(&mut self) -> Duration {
        let wait = self.next;
        self.next = (wait * 2).min(Self::LONGEST);
        wait.mul_f64(rand::random_range(0.5..=1.0))
    }
}
