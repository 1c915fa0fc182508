//! Events of the archive: each writes its log line and moves its metrics.

use archive::{Day, Manifest};
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use pipeline::Error;

/// Describes the metrics, and shows the archive as up.
pub(super) fn describe() {
    describe_counter!("logboom_archive_records_total", Unit::Count, "Records written to the archive.");
    describe_counter!(
        "logboom_archive_removed_records_total",
        Unit::Count,
        "Records that deletions removed from the archive."
    );
    describe_counter!("logboom_archive_failures_total", Unit::Count, "Failed rounds of the archive.");
    describe_gauge!("logboom_archive_up", "1 if the last round of the archive succeeded, 0 if it failed.");
    describe_gauge!(
        "logboom_archive_last_day_timestamp_seconds",
        Unit::Seconds,
        "The start of the newest archived day, since the Unix epoch."
    );
    counter!("logboom_archive_records_total").increment(0);
    counter!("logboom_archive_removed_records_total").increment(0);
    counter!("logboom_archive_failures_total").increment(0);
    gauge!("logboom_archive_up").set(1.0);
}

/// A day, or late records of it, are in the archive.
pub(super) struct DayArchived<'a> {
    pub(super) manifest: &'a Manifest,
    /// Those of this round.
    pub(super) records: u64,
}

impl DayArchived<'_> {
    pub(super) fn emit(self) {
        let Manifest { day, version, parts, .. } = self.manifest;
        counter!("logboom_archive_records_total").increment(self.records);
        tracing::info!(%day, version, records = self.records, parts = parts.len(), "records archived");
    }
}

/// A deletion removed records of an archived day.
pub(super) struct RecordsRemoved {
    pub(super) day: Day,
    pub(super) records: u64,
}

impl RecordsRemoved {
    pub(super) fn emit(self) {
        counter!("logboom_archive_removed_records_total").increment(self.records);
        tracing::info!(day = %self.day, records = self.records, "records removed from the archive");
    }
}

/// Days were deleted from the archive because of their age.
pub(super) struct DayExpired {
    pub(super) day: Day,
}

impl DayExpired {
    pub(super) fn emit(self) {
        tracing::info!(day = %self.day, "an old day was deleted from the archive");
    }
}

/// Shows the newest archived day.
pub(super) fn show_last(day: Day) {
    gauge!("logboom_archive_last_day_timestamp_seconds").set((day.start() / 1_000_000_000) as f64);
}

/// Whether the last round failed. Logs each change once.
#[derive(Default)]
pub(super) struct Health {
    is_failing: bool,
}

impl Health {
    pub(super) fn succeeded(&mut self) {
        gauge!("logboom_archive_up").set(1.0);
        if std::mem::take(&mut self.is_failing) {
            tracing::info!("the archive takes records again");
        }
    }

    pub(super) fn failed(&mut self, error: &Error) {
        counter!("logboom_archive_failures_total").increment(1);
        gauge!("logboom_archive_up").set(0.0);
        if !std::mem::replace(&mut self.is_failing, true) {
            tracing::warn!(%error, "the archive does not take records, retrying");
        }
    }
}
