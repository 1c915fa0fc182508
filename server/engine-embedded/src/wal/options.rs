//! What a log is opened with, and what it says of itself.

use pipeline::{Error, Result};

use super::segment::FRAMES_AT;

/// The bounds of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalOptions {
    /// Bytes of one segment file, reserved when it is made. Default 64 MiB.
    pub segment_bytes: u64,
    /// Bytes on disk past which appends are answered with `Overloaded`; at least two
    /// segments. Default 4 GiB.
    pub disk_bytes: u64,
    /// Bytes of unconsumed batches kept in memory, roughly; older ones are read back
    /// from disk. Default 32 MiB.
    pub memory_bytes: usize,
}

impl Default for WalOptions {
    fn default() -> Self {
        Self { segment_bytes: 64 << 20, disk_bytes: 4 << 30, memory_bytes: 32 << 20 }
    }
}

impl WalOptions {
    /// The bounds of a log that may take so many bytes on disk. A log with a small bound
    /// has small segments: disk space is reserved and given back by the segment.
    pub fn within(disk_bytes: u64) -> Self {
        let default = Self::default();
        Self { disk_bytes, segment_bytes: default.segment_bytes.min(disk_bytes / 8), ..default }
    }

    /// Refuses what cannot work.
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

/// What was found when a log was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// The oldest frame that is not released; one more than `last_frame` where there
    /// is none.
    pub first_frame: u64,
    /// The newest frame, or the newest released one where the log holds none.
    pub last_frame: u64,
    /// Bytes after the last good frame: of a write that was cut off, so that nobody
    /// was told that it is stored.
    pub torn_bytes_cut: u64,
    /// Frames of the last segment that were durable and do not read any more. They,
    /// and those of older segments, which nobody looked at yet, come out of
    /// [`Wal::read`] as [`Content::Undecodable`].
    pub damaged_frames: u64,
    /// Segments whose header does not read; their frames come out as one
    /// [`Content::Undecodable`].
    pub damaged_headers: u64,
}

/// The state of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WalStatus {
    /// The newest durable frame.
    pub last: u64,
    /// Frames not released, roughly: numbers that were never used count.
    pub depth: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// How many they may be.
    pub bound: u64,
    /// Files on disk, spare ones not counted.
    pub segments: usize,
    /// Why nothing can be appended now; `None` when it can.
    pub trouble: Option<String>,
}
