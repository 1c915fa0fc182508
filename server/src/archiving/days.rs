//! The archive as the source of replays.

use std::{
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

/// The folder within the data folder for the parts that are read. Each process has a folder of its own in it.
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
            if is_own || !Path::new("/proc").join(&process).exists() {
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
