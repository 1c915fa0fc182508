//! What the writer, the readers and the callers share: the segments that exist, the
//! batches in memory, and how far the log is durable and released.

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

/// Files kept for reuse.
pub(super) const SPARES: usize = 2;

/// The shared part of a log.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) file_system: Arc<dyn FileSystem>,
    pub(super) folder: PathBuf,
    pub(super) options: WalOptions,
    /// Held for moments only, never across a call of the file system.
    pub(super) state: Mutex<State>,
    /// Changes after `state` has.
    pub(super) progress: watch::Sender<Progress>,
}

/// What readers wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// The newest durable frame.
    pub(super) last: u64,
    pub(super) closed: bool,
}

#[derive(Debug)]
pub(super) struct State {
    /// By first frame; the writer appends to the last one.
    pub(super) segments: VecDeque<Segment>,
    pub(super) spares: Vec<Spare>,
    pub(super) tail: Tail,
    /// Frames up to this one are nobody's concern any more.
    pub(super) released: u64,
    /// Frames that the folder no longer holds although nobody released them.
    pub(super) missing: Option<(u64, u64)>,
    /// Why nothing can be appended now.
    pub(super) trouble: Option<String>,
}

/// A file that was a segment and will be one again: its blocks are written already,
/// so that a sync has no metadata to write.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
}

/// A segment as a reader sees it.
#[derive(Debug)]
pub(super) struct View {
    pub(super) file: Arc<dyn File>,
    pub(super) header: Header,
    pub(super) last: u64,
    pub(super) end: u64,
    /// Where to start to find the frame that was asked for.
    pub(super) start: Mark,
}

impl State {
    /// The bytes on disk.
    pub(super) fn bytes(&self) -> u64 {
        let segments: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        segments + self.spares.iter().map(|spare| spare.bytes).sum::<u64>()
    }
}

impl Log {
    /// The first segment that has a frame after `after`.
    pub(super) fn view(&self, after: u64) -> Option<View> {
        let state = self.state.lock();
        let segment = state.segments.iter().find(|segment| !segment.is_empty() && segment.last > after)?;
        let start = segment.before(after + 1);
        Some(View { file: segment.file.clone(), header: segment.header, last: segment.last, end: segment.end, start })
    }

    /// The frames after `after` where all of them are in memory.
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
        }
    }
}
