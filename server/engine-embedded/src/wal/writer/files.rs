//! The writer's files: creates the active segment, and reuses or removes released ones.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crash_points::crash_point;
use pipeline::{Error, Result};

use super::{Active, Writer};
use crate::{
    filesystem::File,
    wal::{
        events,
        frame::HEADER_BYTES,
        io_error,
        log::{SPARES, Spare},
        segment::{FRAMES_AT, Header, Segment, segment_path, spare_path, unfinished_path},
    },
};

/// When a client should retry after the disk, or the limit, was full.
const FULL_RETRY: Duration = Duration::from_secs(5);

impl Writer {
    /// Ensures that the active segment has room for `room` bytes.
    pub(in crate::wal) fn make_room(&mut self, room: u64) -> Result<()> {
        if self.active.as_ref().is_some_and(|active| active.capacity - active.offset >= room) {
            return Ok(());
        }
        let made = self.start_segment(room);
        match &made {
            Ok(()) => self.collect(),
            Err(error) => {
                if self.wanted == 0 {
                    events::appends_refused(error);
                }
                self.set_trouble(error, room);
            }
        }
        made
    }

    pub(super) fn start_segment(&mut self, room: u64) -> Result<()> {
        let capacity = self.log.options.segment_bytes.max(FRAMES_AT + room);
        let spare = self.find_space(capacity)?;
        let header = Header::new(self.next, self.durable);
        let path = segment_path(&self.log.folder, header.first);
        let failed = |error: io::Error| failure("extend", &self.log.folder, &error);
        let (file, from) = self.make_file(spare, &header, capacity).map_err(failed)?;
        // From here on, a crash may leave a segment of this number, which ends the one before it.
        self.active = None;
        self.name_file(&from, &path).map_err(failed)?;
        self.active = Some(Active { file: file.clone(), salt: header.salt, offset: FRAMES_AT, capacity });
        self.log.state.lock().segments.push_back(Segment {
            path,
            file,
            header,
            last: header.follows,
            end: FRAMES_AT,
            bytes: capacity,
            sound: true,
            marks: Vec::new(),
        });
        Ok(())
    }

    /// A spare file of that size, or `None` if there is room for a new file within the limit.
    fn find_space(&self, capacity: u64) -> Result<Option<Spare>> {
        let mut state = self.log.state.lock();
        if let Some(place) = state.spares.iter().position(|spare| spare.bytes == capacity) {
            return Ok(Some(state.spares.swap_remove(place)));
        }
        let unfit = std::mem::take(&mut state.spares);
        let (bytes, bound) = (state.bytes(), self.log.options.disk_bytes);
        drop(state);
        // For a frame larger than a segment, the spare files are useless, but their space may help.
        for Spare { path, .. } in unfit {
            if let Err(error) = self.log.file_system.remove(&path) {
                events::cleanup_failed("remove a spare file", &path, &error);
            }
        }
        if bytes + capacity > bound {
            let reason = format!(
                "the write-ahead log has {bytes} bytes that are not stored yet; the limit is {bound}; \
                 retry when the store has caught up"
            );
            return Err(Error::overloaded(reason, FULL_RETRY));
        }
        Ok(None)
    }

    /// Creates the segment's file, under another name. It is complete and durable before it is renamed, so that a file
    /// with a segment's name always has its header.
    fn make_file(&self, spare: Option<Spare>, header: &Header, capacity: u64) -> io::Result<(Arc<dyn File>, PathBuf)> {
        let file_system = self.log.file_system.as_ref();
        let from = match &spare {
            Some(spare) => spare.path.clone(),
            None => unfinished_path(&self.log.folder, header.first),
        };
        let make = || -> io::Result<Arc<dyn File>> {
            let file = if spare.is_some() { file_system.open(&from)? } else { file_system.create(&from)? };
            file.allocate(capacity)?;
            crash_point!("wal::segment-reserved");
            let mut head = header.encode();
            head.extend_from_slice(&[0; HEADER_BYTES]);
            file.write_all_at(&head, 0)?;
            crash_point!("wal::segment-written");
            file.sync()?;
            crash_point!("wal::segment-synced");
            Ok(file)
        };
        match make() {
            Ok(file) => Ok((file, from)),
            Err(error) => {
                // It is not a segment yet. If it cannot be removed, the next open does.
                let _ = file_system.remove(&from);
                Err(error)
            }
        }
    }

    /// Gives the file its name as a segment, durably.
    fn name_file(&self, from: &Path, path: &Path) -> io::Result<()> {
        let file_system = self.log.file_system.as_ref();
        let name = || -> io::Result<()> {
            file_system.rename(from, path)?;
            crash_point!("wal::segment-named");
            file_system.sync_folder(&self.log.folder)?;
            crash_point!("wal::segment-durable");
            Ok(())
        };
        name().inspect_err(|_| {
            let _ = file_system.remove(from);
            let _ = file_system.remove(path);
        })
    }

    /// Removes released segments, or keeps them for reuse. The last one stays: it keeps the frame numbers over a
    /// restart.
    pub(super) fn collect(&mut self) {
        let mut changed = false;
        loop {
            let mut state = self.log.state.lock();
            let candidates = state.segments.len().saturating_sub(1);
            let released = state.released;
            let unneeded = |segment: &Segment| segment.is_empty() || segment.last <= released;
            let Some(place) = state.segments.iter().take(candidates).position(unneeded) else { break };
            let Some(segment) = state.segments.remove(place) else { break };
            let spares = state.spares.len();
            drop(state);
            changed = true;
            self.retire(segment, spares);
            crash_point!("wal::segment-retired");
        }
        if changed && let Err(error) = self.log.file_system.sync_folder(&self.log.folder) {
            events::cleanup_failed("sync its folder", &self.log.folder, &error);
            // The rename may not be durable: a spare that reappears under its old name must not have been overwritten.
            self.log.state.lock().spares.clear();
        }
    }

    fn retire(&self, segment: Segment, spares: usize) {
        let file_system = self.log.file_system.as_ref();
        let Segment { path, file, header, bytes, sound, .. } = segment;
        // A file that a reader still has open must not change.
        let unused = Arc::strong_count(&file) == 1;
        let reusable = sound && unused && spares < SPARES && bytes == self.log.options.segment_bytes;
        let spare = spare_path(&self.log.folder, header.first);
        if reusable && file_system.rename(&path, &spare).is_ok() {
            self.log.state.lock().spares.push(Spare { path: spare, bytes });
        } else if let Err(error) = file_system.remove(&path) {
            // It stays until the next open.
            events::cleanup_failed("remove a segment", &path, &error);
        }
    }

    /// Truncates a segment with a successor after its last frame.
    pub(in crate::wal) fn cut(&self, segment: &Segment) {
        if let Err(error) = segment.file.truncate(segment.end) {
            events::cleanup_failed("truncate a segment", &segment.path, &error);
            return;
        }
        crash_point!("wal::segment-cut");
        let mut state = self.log.state.lock();
        if let Some(cut) = state.segments.iter_mut().find(|other| other.header.first == segment.header.first) {
            cut.bytes = segment.end;
        }
    }
}

/// Converts a file system error of a write, for the client.
pub(super) fn failure(doing: &str, folder: &Path, error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::overloaded(
            format!("the disk of the write-ahead log is full; free some space under {}", folder.display()),
            FULL_RETRY,
        ),
        _ => io_error(doing, folder, error),
    }
}
