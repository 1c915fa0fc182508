//! The noteworthy events of the log: each writes its line and moves its metric, here
//! and nowhere else.

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

/// A write or a sync failed; its callers were told.
pub(super) fn group_failed(frames: usize, error: &io::Error) {
    tracing::error!(%error, frames, "write-ahead log: a write failed, its segment is given up");
    counter!("logboom_wal_failed_writes_total").increment(1);
}

/// From now on appends are refused.
pub(super) fn appends_refused(error: &Error) {
    tracing::warn!(reason = %error.message, "write-ahead log: takes no appends");
}

/// The writer has panicked; the panic itself is in the log already.
pub(super) fn writer_failed() {
    tracing::error!("write-ahead log: its writer has failed and takes no more appends; start the program again");
}

/// Appends are taken again.
pub(super) fn appends_resumed() {
    tracing::info!("write-ahead log: takes appends again");
}

/// A file that is not needed could not be cut, removed or forgotten; it costs room only.
pub(super) fn tidying_failed(doing: &'static str, path: &Path, error: &io::Error) {
    tracing::warn!(%error, path = %path.display(), "write-ahead log: cannot {doing}");
}

/// The head of a segment does not read.
pub(super) fn header_damaged(path: &Path) {
    tracing::error!(path = %path.display(), "write-ahead log: the head of a segment is damaged");
}

/// Frames that were durable do not read; a delivery says so in their place.
pub(super) fn frames_lost(first: u64, last: u64, reason: &str) {
    tracing::error!(first, last, "{reason}");
    counter!("logboom_wal_damaged_frames_total").increment(last - first + 1);
}

/// A log was opened.
pub(super) fn opened(folder: &Path, recovery: &Recovery) {
    let Recovery { first_frame, last_frame, torn_bytes_cut, damaged_frames, .. } = *recovery;
    let folder = folder.display();
    tracing::info!(%folder, first_frame, last_frame, "write-ahead log: opened");
    if torn_bytes_cut > 0 {
        tracing::warn!(
            %folder, torn_bytes_cut, last_frame,
            "write-ahead log: cut off an unfinished write, which nobody was told is stored"
        );
        counter!("logboom_wal_torn_bytes_total").increment(torn_bytes_cut);
    }
    if damaged_frames > 0 {
        tracing::error!(%folder, damaged_frames, "write-ahead log: holds damaged frames, which become dead letters");
    }
}
