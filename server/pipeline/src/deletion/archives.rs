//! The port to the archive, for deletions.

use async_trait::async_trait;
use model::{Nanos, Query, TimeRange};

use crate::Result;

/// Removes records from the archive: whole days beside the store.
#[async_trait]
pub trait ArchiveRemoval: Send + Sync + 'static {
    /// The first nanoseconds of the archived UTC days that overlap the range, oldest first.
    ///
    /// The archiver may be reading a day from the store that is not in the list yet. Either the call waits for it, or it
    /// returns `Overloaded`: after the call, a day that comes to the archive was read from the store after the call.
    ///
    /// # Errors
    /// `Unavailable` if the archive cannot be reached, `Overloaded` while it is busy; both are retried.
    async fn days(&self, range: TimeRange) -> Result<Vec<Nanos>>;

    /// Writes the archived day again without the records that match and have a time in the range. Returns their number;
    /// 0 for a day that is not archived any longer. Idempotent: repeated after a crash, it removes what is left.
    ///
    /// Positions do not count, because an archive may have records of an older store.
    ///
    /// # Errors
    /// As [`ArchiveRemoval::days`], and `Corrupt` if the day cannot be read; the day is unchanged then.
    async fn remove(&self, day: Nanos, query: &Query, range: TimeRange) -> Result<u64>;
}
