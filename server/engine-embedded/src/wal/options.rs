//! Options and state of a log.

use pipeline::{Error, Result};

use super::segment::FRAMES_AT;

/// The limits of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalOptions {
    /// The size of a segment file, reserved on creation. Default 64 MiB.
    pub segment_bytes: u64,
    /// The limit of bytes on disk; beyond it appends fail with `Overloaded`. At least two segments. Default 4 GiB.
    pub disk_bytes: u64,
    /// The approximate bytes of unconsumed batches kept in memory; older ones are read from disk. Default 32 MiB.
    pub memory_bytes: usize,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, disk_bytes: 4 << 30, memory_bytes: 32 << 20 }
    }
}

impl WalOptions {
    /// The limits of a log of at most `disk_bytes`. A log with a small limit has small segments, because disk space is
    /// reserved and returned per segment.
    pub fn within(disk_bytes: u64) -> Self {
        let default = Self::default();
        Self { disk_bytes, segment_bytes: default.segment_bytes.min(disk_bytes / 8), ..default }
    }

    /// Rejects invalid options.
    pub(super) fn check(&self) -> Result<()> {
        let Self { segment_bytes, disk_bytes, .. } = *self;
        let least = 2 * FRAMES_AT;
        if segment_bytes < least || disk_bytes / 2 < segment_bytes {
            return Err(Error::invalid(format!(
                "write-ahead log: segment_bytes is {segment_bytes} and must be at least {least}; \
                 disk_bytes is {disk_bytes} and must be at least twice segment_bytes"
            )));
        }
        Ok(())
    }
}

/// The result of recovery when a log is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// The oldest frame that is not released; `last_frame + 1` if there is none.
    pub first_frame: u64,
    /// The newest frame, or the newest released one if the log is empty.
    pub last_frame: u64,
    /// Bytes after the last valid frame, of an interrupted write that was never acknowledged.
    pub torn_bytes_cut: u64,
    /// Unreadable frames of the last segment that were durable. [`Wal::read`] returns them, and damaged frames of older
    /// segments, as [`Content::Undecodable`].
    pub damaged_frames: u64,
    /// Segments with a damaged header; the frames of each are returned as one [`Content::Undecodable`].
    pub damaged_headers: u64,
}

/// The state of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WalStatus {
    /// The newest durable frame.
    pub last: u64,
    /// The approximate number of unreleased frames; gaps in the numbering count.
    pub depth: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// The limit of `bytes`.
    pub bound: u64,
    /// Segment files on disk, without spare ones.
    pub segments: usize,
    /// Why appends are refused; `None` if they are accepted.
    pub trouble: Option<String>,
    /// The last frame of the oldest segment, when the release of that segment is needed for the next one.
    pub crowded: Option<u64>,
}
