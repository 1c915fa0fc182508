//! How long to wait before the next attempt to connect.
//!
//! The server uses the crate `backon`. In WebAssembly that crate's random numbers are the same
//! in every browser unless `getrandom` is linked in, so all pages would come back at once; and
//! the program has to stay small.

/// Doubles from half a second to ten, each stretched by chance up to a half, so that a
/// server that comes back is not met by all its readers at once.
pub(super) struct Backoff {
    next_ms: u32,
}

const FIRST_MS: u32 = 500;
const LONGEST_MS: u32 = 10_000;

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next_ms: FIRST_MS }
    }

    /// The next wait in milliseconds; `chance` is between 0 and 1.
    pub(super) fn next(&mut self, chance: f64) -> u32 {
        let wait = self.next_ms;
        self.next_ms = (wait * 2).min(LONGEST_MS);
        wait + (f64::from(wait) * 0.5 * chance) as u32
    }

    pub(super) fn reset(&mut self) {
        self.next_ms = FIRST_MS;
    }
}
