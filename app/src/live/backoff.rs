//! The delay before the next connection attempt.
//!
//! The server uses the crate `backon`. In WebAssembly its random numbers are the same in every browser unless
//! `getrandom` is linked, so all pages would reconnect at once. The bundle must also stay small.

/// Exponential backoff from half a second to ten seconds, plus up to 50 % jitter. The jitter spreads the
/// reconnections after a restart of the server.
pub(super) struct Backoff {
    next_ms: u32,
}

const FIRST_MS: u32 = 500;
const LONGEST_MS: u32 = 10_000;

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next_ms: FIRST_MS }
    }

    /// The next delay in milliseconds; `chance` is between 0 and 1.
    pub(super) fn next(&mut self, chance: f64) -> u32 {
        let wait = self.next_ms;
        self.next_ms = (wait * 2).min(LONGEST_MS);
        wait + (f64::from(wait) * 0.5 * chance) as u32
    }

    pub(super) fn reset(&mut self) {
        self.next_ms = FIRST_MS;
    }
}
