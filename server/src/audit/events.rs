//! Events of the audit itself: each writes its log line and moves its metrics.

use metrics::{Unit, counter, describe_counter};
use pipeline::Error;

use super::Event;

/// Describes the metrics.
pub(super) fn describe() {
    describe_counter!("logboom_audit_records_total", Unit::Count, "Audit records written.");
    describe_counter!(
        "logboom_audit_dropped_total",
        Unit::Count,
        "Audit records that could not be written. The log of the program has them."
    );
    counter!("logboom_audit_records_total").increment(0);
    counter!("logboom_audit_dropped_total").increment(0);
}

/// Records are durable.
pub(super) fn written(records: usize) {
    counter!("logboom_audit_records_total").increment(records as u64);
}

/// The queue in front of the writer is full, or the writer has ended. The log is what is left.
pub(super) struct EventDropped<'a> {
    pub(super) event: &'a Event,
}

impl EventDropped<'_> {
    pub(super) fn emit(self) {
        counter!("logboom_audit_dropped_total").increment(1);
        tracing::error!(event = ?self.event, "an audit record could not be written, because too many wait");
    }
}

/// The admit stage has refused a record, which is then in no batch.
pub(super) struct RecordRejected<'a> {
    /// `None` if the stage has named a record that there is not.
    pub(super) event: Option<&'a Event>,
    pub(super) reason: &'a str,
}

impl RecordRejected<'_> {
    pub(super) fn emit(self) {
        counter!("logboom_audit_dropped_total").increment(1);
        tracing::error!(event = ?self.event, reason = self.reason, "an audit record was refused");
    }
}

/// A note does not read, or has an action of a newer version. It stays, for a newer node.
pub(super) struct NoteUnread<'a> {
    pub(super) name: &'a str,
}

impl NoteUnread<'_> {
    pub(super) fn emit(self) {
        tracing::warn!(note = self.name, "a note for the audit is left to a newer version: this one cannot read it");
    }
}

/// A batch of records was refused for good.
pub(super) struct BatchLost<'a> {
    pub(super) events: &'a [Event],
    pub(super) error: &'a Error,
}

impl BatchLost<'_> {
    pub(super) fn emit(self) {
        counter!("logboom_audit_dropped_total").increment(self.events.len() as u64);
        for event in self.events {
            tracing::error!(?event, error = %self.error, "an audit record could not be written");
        }
    }
}
