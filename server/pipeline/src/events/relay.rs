//! Events of the relay.

use std::time::Duration;

use metrics::{Unit, describe_counter, describe_gauge};

use crate::Error;

/// A destination does not acknowledge; logged once for each error.
pub(crate) struct DestinationFailed<'a> {
    pub(crate) to: &'a str,
    pub(crate) error: &'a Error,
}

impl DestinationFailed<'_> {
    pub(crate) fn emit(self) {
        tracing::warn!(to = self.to, error = %self.error, "a destination does not take records, retrying");
    }
}

/// A destination that had failed acknowledges again.
pub(crate) struct DestinationBack<'a> {
    pub(crate) to: &'a str,
}

impl DestinationBack<'_> {
    pub(crate) fn emit(self) {
        tracing::info!(to = self.to, "a destination takes records again");
    }
}

/// Records that were refused for good.
pub(crate) struct RecordsRefused<'a> {
    pub(crate) records: usize,
    /// Of the first one.
    pub(crate) reason: &'a str,
}

impl RecordsRefused<'_> {
    pub(crate) fn emit(self) {
        let Self { records, reason } = self;
        tracing::warn!(records, reason, "records were refused for good; they go to the file of refused records");
    }
}

/// The oldest batches were dropped to make room.
pub(crate) struct OldestDropped {
    pub(crate) batches: usize,
    pub(crate) records: usize,
}

impl OldestDropped {
    pub(crate) fn emit(self) {
        let Self { batches, records } = self;
        tracing::warn!(batches, records, "the disk space is used up: the oldest records were dropped");
    }
}

/// The relay cannot continue now.
pub(crate) struct RelayFailed<'a> {
    pub(crate) error: &'a Error,
    pub(crate) wait: Duration,
}

impl RelayFailed<'_> {
    pub(crate) fn emit(self) {
        tracing::error!(error = %self.error, wait = ?self.wait, "the relay cannot continue, retrying");
    }
}

/// Describes the metrics of the relay.
pub fn describe_relay() {
    describe_counter!("logboom_agent_delivered_total", Unit::Count, "Records that a destination acknowledged.");
    describe_counter!("logboom_agent_failures_total", Unit::Count, "Failed attempts to send to a destination.");
    describe_counter!("logboom_agent_refused_total", Unit::Count, "Records that were refused for good.");
    describe_counter!(
        "logboom_agent_dropped_total",
        Unit::Count,
        "Records dropped because the disk space was used up."
    );
    describe_gauge!("logboom_agent_destination_up", "1 if the last attempt was acknowledged, 0 if it failed.");
    describe_gauge!("logboom_agent_waiting_records", Unit::Count, "Records that wait to be delivered.");
    describe_gauge!("logboom_agent_waiting_bytes", Unit::Bytes, "Size in memory of the records that wait.");
    describe_gauge!("logboom_agent_waiting_seconds", Unit::Seconds, "Time since the receipt of the oldest one.");
    describe_gauge!("logboom_agent_disk_bytes", Unit::Bytes, "Disk space in use.");
    describe_gauge!("logboom_agent_disk_limit_bytes", Unit::Bytes, "The limit of the disk space.");
}
