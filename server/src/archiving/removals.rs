//! The archive as a place from which deletions remove records.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use archive::{Archive, Day, DayRemoval, Location};
use async_trait::async_trait;
use model::{Nanos, Query, TimeRange};
use pipeline::{Error, ErrorClass, Leases, Result, clock::Clock, deletion::ArchiveRemoval, hold, holder};

use super::{Fence, LEASE, NAME, SCRATCH, events::RecordsRemoved};

/// When to try again while a day is archived.
const RETRY: Duration = Duration::from_secs(5);

/// Removes records under the lease of the archive. It is opened for each call: its folder may come and go.
pub(crate) struct Removals {
    location: Location,
    scratch: PathBuf,
    leases: Arc<dyn Leases>,
    clock: Clock,
}

impl Removals {
    /// `data` is the data folder, for temporary files.
    pub(crate) fn new(location: Location, data: &Path, leases: Arc<dyn Leases>) -> Self {
        Self { location, scratch: data.join(SCRATCH), leases, clock: Clock::system() }
    }

    /// Runs `work` while nobody else writes to the archive.
    ///
    /// # Errors
    /// `Overloaded` if somebody does, `Unavailable` if the lease is lost meanwhile.
    async fn with_lease<T, F>(&self, work: impl FnOnce(Archive, Fence) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let holder = holder();
        let held = hold(&*self.leases, NAME, &holder, LEASE, |lease| {
            let fence = Fence { leases: Arc::clone(&self.leases), lease };
            let begun = self.open().map(|archive| work(archive, fence));
            async move { begun?.await }
        });
        match held.await {
            Ok(None) => Err(Error::overloaded("the archive is taking records; the deletion waits for it", RETRY)),
            // For the caller, a conflict is one of the deletion.
            Ok(Some(Err(error))) | Err(error) if error.class == ErrorClass::Conflict => {
                Err(Error::unavailable(error.message))
            }
            Ok(Some(done)) => done,
            Err(error) => Err(error),
        }
    }

    fn open(&self) -> Result<Archive> {
        fs::create_dir_all(&self.scratch)
            .map_err(|error| Error::unavailable(format!("cannot create {}: {error}", self.scratch.display())))?;
        // The disk or the folder may be back later.
        Archive::open(&self.location, &self.scratch).map_err(|error| Error::unavailable(error.message))
    }
}

#[async_trait]
impl ArchiveRemoval for Removals {
    async fn days(&self, range: TimeRange) -> Result<Vec<Nanos>> {
        // Also those without a manifest: what an interrupted attempt has left is deleted with the records.
        let folders = self.with_lease(|archive, _| async move { archive.folders().await }).await?;
        let overlaps = |day: &Day| day.range().from < range.to && range.from < day.range().to;
        Ok(folders.into_iter().filter(overlaps).map(Day::start).collect())
    }

    async fn remove(&self, day: Nanos, query: &Query, range: TimeRange) -> Result<u64> {
        let day = Day::of(day);
        let removal = DayRemoval { day, query: query.clone(), range, now: self.clock.now() };
        let work = |archive: Archive, fence: Fence| async move { archive.remove(&removal, fence.confirm()).await };
        let records = self.with_lease(work).await?;
        if records > 0 {
            RecordsRemoved { day, records }.emit();
        }
        Ok(records)
    }
}
