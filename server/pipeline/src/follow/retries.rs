//! How long a destination waits for its next attempt.

use std::time::Duration;

use super::attempts::{FIRST_WAIT, LONGEST_WAIT};
use crate::{Error, backoff::Backoff};

/// An attempt that fails faster than this costs little; mostly the connection was refused.
const QUICK: Duration = Duration::from_secs(1);

/// The waits between the attempts of one destination: at most [`QUICK`] after quick failures, so that a destination that
/// is back is found soon, and at most [`LONGEST_WAIT`] after others.
pub(crate) struct Retries {
    quick: Backoff,
    slow: Backoff,
}

impl Retries {
    pub(crate) fn new() -> Self {
        Self { quick: Backoff::new(FIRST_WAIT, QUICK), slow: Backoff::new(FIRST_WAIT, LONGEST_WAIT) }
    }

    /// The wait after an attempt that failed after `took`; longer if the destination asks for that.
    pub(crate) fn after(&mut self, error: &Error, took: Duration) -> Duration {
        let backoff = if took < QUICK { &mut self.quick } else { &mut self.slow };
        error.retry_after.unwrap_or_default().max(backoff.next())
    }

    /// Restarts with the shortest waits.
    pub(crate) fn reset(&mut self) {
        self.quick.reset();
        self.slow.reset();
    }
}
