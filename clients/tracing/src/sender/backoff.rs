//! How long to wait before connecting again.

use std::time::Duration;

/// Doubling waits with jitter, so that the clients of a server that was away do not all
/// come back in the same moment: 100 ms to 5 s.
#[derive(Debug)]
pub(super) struct Backoff {
    longest: Duration,
}

impl Backoff {
    const FIRST: Duration = Duration::from_millis(200);
    const LAST: Duration = Duration::from_secs(5);

    pub(super) fn new() -> Self {
        Self { longest: Self::FIRST }
    }

    /// Between half of and the whole next wait.
    pub(super) fn next(&mut self) -> Duration {
        let wait = self.longest;
        self.longest = (wait * 2).min(Self::LAST);
        wait.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// Begins again with the shortest wait.
    pub(super) fn reset(&mut self) {
        self.longest = Self::FIRST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_tenth_of_a_second_to_five() {
        let mut backoff = Backoff::new();
        for (shortest, longest) in [(100, 200), (200, 400), (400, 800), (800, 1600), (1600, 3200), (2500, 5000)] {
            let wait = backoff.next();
            assert!((shortest..=longest).contains(&wait.as_millis()), "{wait:?} for {shortest} to {longest}");
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(200));
    }
}
