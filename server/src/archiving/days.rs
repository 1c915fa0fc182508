//! The archive as the source of replays.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process,
};

use archive::{Archive, Day, Location};
use async_trait::async_trait;
use futures::{StreamExt as _, stream, stream::BoxStream};
use model::{Nanos, StoredRecord};
use pipeline::{
    Error, Result,
    replay::{ArchivedDay, ArchivedDays},
};
use rustix::{
    io::Errno,
    process::{Pid, test_kill_process},
};

/// The folder within the data folder for the parts that are read. In it, each process has a folder whose name is its
/// process id.
const SCRATCH: &str = "replay-scratch";

/// Reads days from the archive. It is opened for each day: its folder may come and go.
pub(crate) struct Days {
    location: Location,
    scratch: PathBuf,
}

impl Days {
    /// `data` is the data folder. Deletes what processes that have ended left there.
    pub(crate) fn new(location: Location, data: &Path) -> Self {
        let all = data.join(SCRATCH);
        for entry in fs::read_dir(&all).into_iter().flatten().flatten() {
            let process = entry.file_name();
            // A new process may have the number of the one that left the folder.
            let is_own = process.to_str() == Some(&process::id().to_string());
            if is_own || has_ended(&process) {
                // What cannot be deleted only wastes space.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
        Self { location, scratch: all.join(process::id().to_string()) }
    }

    fn open(&self) -> Result<Archive> {
        fs::create_dir_all(&self.scratch)
            .map_err(|error| Error::unavailable(format!("cannot create {}: {error}", self.scratch.display())))?;
        // The disk or the folder may be back later.
        Archive::open(&self.location, &self.scratch).map_err(|error| Error::unavailable(error.message))
    }
}

impl Drop for Days {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// Whether the name is the id of a process that has ended. A signal is not sent: the system only checks whether the
/// process exists, also where there is no `/proc`.
fn has_ended(process: &OsStr) -> bool {
    let id = process.to_str().and_then(|name| name.parse::<u32>().ok()).and_then(|id| i32::try_from(id).ok());
    // For a running process of another user, the error is a different one.
    id.and_then(Pid::from_raw).is_some_and(|id| test_kill_process(id) == Err(Errno::SRCH))
}

#[async_trait]
impl ArchivedDays for Days {
    async fn find(&self, start: Nanos) -> Result<Option<ArchivedDay>> {
        let manifest = self.open()?.manifest(Day::of(start)).await?;
        Ok(manifest.map(|manifest| ArchivedDay { start, upto: manifest.position, records: manifest.records }))
    }

    fn read(&self, day: ArchivedDay) -> BoxStream<'static, Result<Vec<StoredRecord>>> {
        match self.open() {
            Ok(archive) => archive.read(Day::of(day.start)).boxed(),
            Err(error) => stream::once(async move { Err(error) }).boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::parent_id, process::Command};

    use super::*;

    #[test]
    fn only_what_processes_that_have_ended_left_is_deleted() {
        let data = tempfile::tempdir().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let cases = [
            ("the own process id, of an earlier process", process::id().to_string(), false),
            ("a process that has ended", child.id().to_string(), false),
            ("a running process", parent_id().to_string(), true),
            ("a running process of root", "1".to_owned(), true),
            ("the process group of the caller", "0".to_owned(), true),
            ("every process", "-1".to_owned(), true),
            ("a number that no process has", u64::MAX.to_string(), true),
            ("no process id", "parts-of-another-program".to_owned(), true),
        ];
        for (_, name, _) in &cases {
            let folder = data.path().join(SCRATCH).join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("part"), "rows").unwrap();
        }
        let days = Days::new(Location::parse("file:///archive").unwrap(), data.path());
        for (case, name, is_left) in &cases {
            assert_eq!(data.path().join(SCRATCH).join(name).exists(), *is_left, "{case}");
        }
        assert_eq!(days.scratch, data.path().join(SCRATCH).join(process::id().to_string()));
    }
}
