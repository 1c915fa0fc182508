//! Events of the limits on dead letters.

use metrics::counter;

/// The oldest dead letters were dropped beyond the limit of bytes or age.
pub(crate) struct DeadLettersDropped {
    pub(crate) letters: u64,
    pub(crate) records: u64,
}

impl DeadLettersDropped {
    pub(crate) fn emit(self) {
        let Self { letters, records } = self;
        tracing::warn!(letters, records, "the oldest dead letters were dropped: they are beyond the limit");
        counter!("logboom_dead_letters_dropped_total").increment(letters);
    }
}
