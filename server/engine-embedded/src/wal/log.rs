//! State shared by the writer, the readers and the callers: the segments, the batches in memory, and the durable and
//! released positions.

use std::{collections::VecDeque, path::PathBuf, sync::Arc};

use parking_lot::Mutex;
use pipeline::Content;
use tokio::sync::watch;

use super::{
    WalOptions, WalStatus,
    segment::{Header, Mark, Segment},
    tail::Tail,
};
use crate::filesystem::{File, FileSystem};

/// The maximum number of files kept for reuse.
pub(super) const SPARES: usize = 2;

/// The shared state of a log.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) file_system: Arc<dyn FileSystem>,
    pub(super) folder: PathBuf,
    pub(super) options: WalOptions,
    /// Held briefly, never across a file system call.
    pub(super) state: Mutex<State>,
    /// Updated after `state`.
    pub(super) progress: watch::Sender<Progress>,
}

/// The state that readers wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// The newest durable frame.
    pub(super) last: u64,
    pub(super) closed: bool,
}

#[derive(Debug)]
pub(super) struct State {
    /// Sorted by first frame; the writer appends to the last one.
    pub(super) segments: VecDeque<Segment>,
    pub(super) spares: Vec<Spare>,
    pub(super) tail: Tail,
    /// Frames up to this one are durable elsewhere.
    pub(super) released: u64,
    /// Files of segments that begin after this frame hold no bytes of frames up to it; 0 until the log is sealed.
    pub(super) sealed: u64,
    /// The range of unreleased frames that are missing from the folder.
    pub(super) missing: Option<(u64, u64)>,
    /// Why appends are refused; `None` if they are accepted.
    pub(super) trouble: Option<String>,
    /// Appends are refused for lack of disk space.
    pub(super) full: bool,
}

/// A former segment kept for reuse. Its blocks are already allocated and written, so a sync writes no metadata.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// A reader's view of a segment.
#[derive(Debug)]
pub(super) struct View {
    pub(super) file: Arc<dyn File>,
    pub(super) header: Header,
    pub(super) last: u64,
    pub(super) end: u64,
    /// Where to start the scan for the requested frame.
    pub(super) start: Mark,
}

impl State {
    /// The bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        let segments: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        segments + self.spares.iter().map(|spare| spare.bytes).sum::<u64>()
    }

    /// As [`WalStatus::crowded`].
    fn crowded(&self, options: &WalOptions) -> Option<u64> {
        let has_room = !self.spares.is_empty() || self.bytes() + options.segment_bytes <= options.disk_bytes;
        if has_room && !self.full {
            return None;
        }
        // The last segment cannot be released as a whole.
        let candidates = self.segments.len().saturating_sub(1);
        let oldest = self.segments.iter().take(candidates).find(|segment| !segment.is_empty())?;
        Some(oldest.last)
    }
}

impl Log {
    /// The first segment with a frame after `after`.
    pub(super) fn view(&self, after: u64) -> Option<View> {
        let state = self.state.lock();
        let segment = state.segments.iter().find(|segment| !segment.is_empty() && segment.last > after)?;
        let start = segment.before(after + 1);
        Some(View { file: segment.file.clone(), header: segment.header, last: segment.last, end: segment.end, start })
    }

    /// The frames after `after`, if all of them are in memory.
    pub(super) fn recent(&self, after: u64, max_records: usize) -> Option<Vec<(u64, Content)>> {
        let mut state = self.state.lock();
        if state.missing.is_some_and(|(_, last)| after < last) {
            return None;
        }
        state.tail.take(after, max_records)
    }

    pub(super) fn status(&self) -> WalStatus {
        let last = self.progress.borrow().last;
        let state = self.state.lock();
        WalStatus {
            last: last.max(state.released),
            depth: last.saturating_sub(state.released),
            bytes: state.bytes(),
            bound: self.options.disk_bytes,
            segments: state.segments.len(),
            trouble: state.trouble.clone(),
            crowded: state.crowded(&self.options),
        }
    }
}
