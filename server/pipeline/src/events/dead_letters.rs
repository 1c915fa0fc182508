//! Events of the bound on dead letters.

use metrics::counter;

/// Dead letters went because there were too many bytes of them, or they were too old.
pub(crate) struct DeadLettersDropped {
    pub(crate) letters: u64,
    pub(crate) records: u64,
}

impl DeadLettersDropped {
    pub(crate) fn emit(self) {
        let Self { letters, records } = self;
        tracing::warn!(letters, records, "the oldest dead letters were dropped: they are past their bound");
        counter!("logboom_dead_letters_dropped_total").increment(letters);
    }
}
