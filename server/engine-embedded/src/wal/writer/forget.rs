//! Removes the bytes of released frames from disk, for a deletion.

use std::{collections::HashSet, path::PathBuf};

use crash_points::crash_point;
use pipeline::Result;

use super::Writer;
use crate::wal::{
    io_error,
    log::Spare,
    segment::{FRAMES_AT, FileKind},
};

impl Writer {
    /// As [`Wal::forget`](crate::wal::Wal::forget).
    pub(super) fn forget(&mut self, upto: u64) -> Result<Option<u64>> {
        if self.log.state.lock().sealed < upto.min(self.next - 1) {
            self.seal()?;
        }
        self.collect();
        self.remove_unknown_files()?;
        let state = self.log.state.lock();
        let left = state.segments.iter().filter(|segment| segment.header.first <= state.sealed);
        Ok(left.map(|segment| segment.last).max())
    }

    /// Starts a segment in a new file. No file is reused that holds bytes of a frame so far.
    fn seal(&mut self) -> Result<()> {
        self.remove_spares()?;
        crash_point!("wal::spares-removed");
        let before = self.next;
        {
            let mut state = self.log.state.lock();
            state.segments.iter_mut().for_each(|segment| segment.sound = false);
            if state.segments.back().is_some_and(|segment| segment.header.first == before) {
                // No two segments may have the same first number.
                self.next += 1;
            }
        }
        if let Err(error) = self.start_segment(0) {
            if self.active.is_some() {
                // Appends go on in the old segment, whose frames have no gaps.
                self.next = before;
            } else {
                self.set_trouble(&error, FRAMES_AT);
            }
            return Err(error);
        }
        self.log.state.lock().sealed = self.next - 1;
        crash_point!("wal::sealed");
        Ok(())
    }

    fn remove_spares(&self) -> Result<()> {
        loop {
            let Some(Spare { path, bytes }) = self.log.state.lock().spares.pop() else { return Ok(()) };
            if let Err(error) = self.log.file_system.remove(&path) {
                let failed = io_error("remove a spare file of", &self.log.folder, &error);
                self.log.state.lock().spares.push(Spare { path, bytes });
                return Err(failed);
            }
        }
    }

    /// Removes the files that an earlier attempt could not remove.
    fn remove_unknown_files(&self) -> Result<()> {
        let file_system = self.log.file_system.as_ref();
        let known: HashSet<PathBuf> = {
            let state = self.log.state.lock();
            let segments = state.segments.iter().map(|segment| segment.path.clone());
            segments.chain(state.spares.iter().map(|spare| spare.path.clone())).collect()
        };
        let remove = || {
            let names = file_system.list(&self.log.folder)?;
            let files = names.iter().filter(|name| FileKind::parse(name).is_some());
            let unknown = files.map(|name| self.log.folder.join(name)).filter(|path| !known.contains(path));
            let mut removed = false;
            for path in unknown {
                file_system.remove(&path)?;
                removed = true;
            }
            if removed { file_system.sync_folder(&self.log.folder) } else { Ok(()) }
        };
        remove().map_err(|error| io_error("remove files of", &self.log.folder, &error))
    }
}
