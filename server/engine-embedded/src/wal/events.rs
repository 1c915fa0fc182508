//! The events of the write-ahead log: each function writes the log line and updates the metric.

use std::{io, path::Path, time::Duration};

use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};
use pipeline::Error;

use super::Recovery;

/// Describes every metric of the log to the recorder, which must be installed.
pub fn describe() {
    describe_histogram!("logboom_wal_group_frames", Unit::Count, "Batches made durable by one sync.");
    describe_histogram!("logboom_wal_sync_seconds", Unit::Seconds, "Duration of a write and its sync.");
    describe_counter!("logboom_wal_bytes_total", Unit::Bytes, "Bytes made durable in the write-ahead log.");
    describe_counter!("logboom_wal_failed_writes_total", Unit::Count, "Failed writes or syncs of a group.");
    describe_counter!("logboom_wal_torn_bytes_total", Unit::Bytes, "Bytes of unfinished writes cut off at a start.");
    describe_counter!("logboom_wal_damaged_frames_total", Unit::Count, "Reads of frames that fail their checksum.");
}

/// A group became durable.
pub(super) fn group_synced(frames: usize, bytes: u64, took: Duration) {
    histogram!("logboom_wal_group_frames").record(frames as f64);
    histogram!("logboom_wal_sync_seconds").record(took.as_secs_f64());
    counter!("logboom_wal_bytes_total").increment(bytes);
}

/// A write or a sync failed; its callers received the error.
pub(super) fn group_failed(frames: usize, error: &io::Error) {
    tracing::error!(%error, frames, "write-ahead log: a write failed, its segment is abandoned");
    counter!("logboom_wal_failed_writes_total").increment(1);
}

/// Appends are refused from now on.
pub(super) fn appends_refused(error: &Error) {
    tracing::warn!(reason = %error.message, "write-ahead log: appends are refused");
}

/// The writer panicked; the panic itself is already logged.
pub(super) fn writer_failed() {
    tracing::error!("write-ahead log: the writer failed and appends are refused; restart the program");
}

/// Appends are accepted again.
pub(super) fn appends_resumed() {
    tracing::info!("write-ahead log: appends are accepted again");
}

/// Truncating, removing or syncing an unneeded file failed. It only costs disk space.
pub(super) fn cleanup_failed(doing: &'static str, path: &Path, error: &io::Error) {
    tracing::warn!(%error, path = %path.display(), "write-ahead log: cannot {doing}");
}

/// The header of a segment is damaged.
pub(super) fn header_damaged(path: &Path) {
    tracing::error!(path = %path.display(), "write-ahead log: the header of a segment is damaged");
}

/// Durable frames cannot be read; an undecodable delivery replaces them.
pub(super) fn frames_lost(first: u64, last: u64, reason: &str) {
    tracing::error!(first, last, "{reason}");
    counter!("logboom_wal_damaged_frames_total").increment(last - first + 1);
}

/// The log was opened.
pub(super) fn opened(folder: &Path, recovery: &Recovery) {
    let Recovery { first_frame, last_frame, torn_bytes_cut, damaged_frames, .. } = *recovery;
    let folder = folder.display();
    tracing::info!(%folder, first_frame, last_frame, "write-ahead log: opened");
    if torn_bytes_cut > 0 {
        tracing::warn!(
            %folder, torn_bytes_cut, last_frame,
            "write-ahead log: truncated an unfinished write that was never acknowledged"
        );
        counter!("logboom_wal_torn_bytes_total").increment(torn_bytes_cut);
    }
    if damaged_frames > 0 {
        tracing::error!(%folder, damaged_frames, "write-ahead log: damaged frames become dead letters");
    }
}
