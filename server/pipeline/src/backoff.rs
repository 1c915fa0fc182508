//! Exponential backoff with jitter, for all retry loops of the server.
//!
//! The crate `backon` computes the waits. Its retry loop (`Retryable`) is not used: our loops select on a shutdown
//! token while they wait, reset after a success, and prefer a server's `retry_after` to the computed wait. This type
//! adds two things to the crate's iterator: it never ends, and `longest` is the longest wait (backon adds jitter on
//! top of its maximum).

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

/// Doubling waits with jitter, so that nodes that lost the same server do not reconnect at the same moment.
#[derive(Debug)]
pub struct Backoff {
    shape: ExponentialBuilder,
    waits: ExponentialBackoff,
    longest: Duration,
}

impl Backoff {
    /// Waits of at most `first`, then of at most twice that, up to `longest`. Each wait is between half of its bound
    /// and the bound.
    pub fn new(first: Duration, longest: Duration) -> Self {
        let shape = ExponentialBuilder::new()
            .with_min_delay(first / 2)
            .with_max_delay(longest / 2)
            .with_jitter()
            .without_max_times();
        Self { shape, waits: shape.build(), longest }
    }

    /// The backoff of the pipeline's stages: 50 ms to 5 s.
    pub(crate) fn of_stage() -> Self {
        Self::new(Duration::from_millis(50), Duration::from_secs(5))
    }

    /// The next wait.
    #[expect(clippy::should_implement_trait, reason = "it never ends, so it is not an iterator")]
    pub fn next(&mut self) -> Duration {
        self.waits.next().unwrap_or(self.longest)
    }

    /// Restarts with the shortest wait.
    pub fn reset(&mut self) {
        self.waits = self.shape.build();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_again() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(5));
        for most in [200, 400, 800, 1600, 3200, 5000, 5000] {
            let wait = backoff.next().as_millis();
            assert!((most / 2..=most).contains(&wait), "{wait} ms for at most {most}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(200));
    }
}
