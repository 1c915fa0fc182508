//! Events of deletions.

use metrics::{counter, gauge};

use crate::deletion::{Deletion, DeletionState};

/// A step has removed records from the store.
pub(crate) struct RecordsRemoved {
    pub(crate) records: u64,
}

impl RecordsRemoved {
    pub(crate) fn emit(self) {
        counter!("logboom_deleted_records_total").increment(self.records);
    }
}

/// A deletion has ended. Its query may name what shall be forgotten, so it is not logged.
pub(crate) struct DeletionEnded<'a> {
    pub(crate) deletion: &'a Deletion,
}

impl DeletionEnded<'_> {
    pub(crate) fn emit(self) {
        let Deletion { id, state, removed, archived, error, .. } = self.deletion;
        counter!("logboom_deletions_total", "outcome" => state.name()).increment(1);
        match error {
            Some(error) if *state == DeletionState::Failed => {
                tracing::error!(deletion = id, removed, archived, error, "a deletion has failed");
            }
            _ => tracing::info!(deletion = id, removed, archived, state = state.name(), "a deletion has ended"),
        }
    }
}

/// A deletion that this process runs, until it is dropped.
pub(crate) struct DeletionRunning(());

impl DeletionRunning {
    pub(crate) fn begin() -> Self {
        gauge!("logboom_deletions_running").increment(1.0);
        Self(())
    }
}

impl Drop for DeletionRunning {
    fn drop(&mut self) {
        gauge!("logboom_deletions_running").decrement(1.0);
    }
}
