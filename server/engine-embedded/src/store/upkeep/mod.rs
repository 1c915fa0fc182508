//! Upkeep: compaction and retention. They keep the number of parts small and delete expired records. And [`removal`],
//! the deletion of records by a query.
//!
//! One task on one blocking thread; it pauses while flushes are pending. A step of a deletion runs in a task of its own,
//! between two merges of this one. Each change is one catalogue transaction and one swap of the snapshot. Replaced files
//! are deleted when the last query that reads them ends, or at the next open.

mod choose;
mod compact;
mod removal;
mod retain;

use std::{sync::Arc, time::Duration};

use crash_points::crash_point;
use parts::{PartInfo, reader::Part};
use pipeline::{Error, Result};
use tokio_util::sync::CancellationToken;

use super::Inner;

/// The wait after a failure.
const RETRY: Duration = Duration::from_secs(10);

/// Runs until `stop` is cancelled; work in progress is then abandoned.
pub(super) async fn run(inner: Arc<Inner>, stop: CancellationToken) {
    let mut wait = inner.options.upkeep_interval;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        wait = match inner.clone().run_once(&stop).await {
            Ok(()) => inner.options.upkeep_interval,
            Err(_) if stop.is_cancelled() => return,
            Err(error) => {
                tracing::error!(%error, "upkeep of the store failed; retrying");
                // Without the damaged part it can continue at once.
                match inner.set_damaged_aside().await {
                    Ok(1..) => inner.options.upkeep_interval,
                    _ => RETRY,
                }
            }
        };
    }
}

impl Inner {
    async fn run_once(self: Arc<Self>, stop: &CancellationToken) -> Result<()> {
        self.set_damaged_aside().await?;
        self.catalogue.bound_dead_letters(self.options.dead_letters).await?;
        self.retain(stop).await?;
        while self.compact(stop).await? {
            self.retain(stop).await?;
        }
        Ok(())
    }

    /// Replaces the parts `removed` by `added`.
    async fn replace(&self, removed: &[Arc<Part>], added: Option<PartInfo>) -> Result<()> {
        crash_point!("upkeep::merged");
        let _one = self.listing.lock().await;
        if removed.iter().any(|part| part.damage().is_some()) {
            self.discard(added);
            return Err(Error::unavailable("a part was found to be damaged"));
        }
        let paths: Vec<String> = removed.iter().map(|part| part.info.path.clone()).collect();
        let added: Vec<PartInfo> = added.into_iter().collect();
        if let Err(error) = self.catalogue.replace(&paths, &added).await {
            // The commit may have succeeded despite the error; only the catalogue shows it. While it cannot be read, the
            // new file is left to the next open.
            let listed = self.catalogue.parts().await?;
            let is_listed = |path: &String| listed.iter().any(|part| part.path == *path);
            if paths.iter().any(is_listed) || !added.iter().all(|info| is_listed(&info.path)) {
                self.discard(added);
                return Err(error);
            }
        }
        crash_point!("upkeep::committed");
        let added: Vec<_> =
            added.into_iter().map(|info| Arc::new(Part::new(info, &self.folder, self.footers.clone()))).collect();
        self.snapshots.update(|snapshot| {
            let mut parts = snapshot.parts.to_vec();
            parts.retain(|part| !removed.iter().any(|gone| gone.info.path == part.info.path));
            parts.extend(added);
            parts.sort_by_key(|part| std::cmp::Reverse(part.info.max_time));
            snapshot.parts = Arc::new(parts);
        });
        self.pace();
        crash_point!("upkeep::swapped");
        removed.iter().for_each(|part| part.delete_when_unused());
        let mut leaving = self.leaving.lock();
        leaving.retain(|file| file.exists());
        leaving.extend(removed.iter().map(|part| part.info.file(&self.folder)));
        Ok(())
    }

    /// Deletes files of parts that are not listed, and will not be. They may hold records that a deletion removes later,
    /// and their space may be needed before the next open.
    pub(super) fn discard(&self, parts: impl IntoIterator<Item = PartInfo>) {
        for info in parts {
            // Nobody else has it, so it is deleted here.
            Part::new(info, &self.folder, self.footers.clone()).delete_when_unused();
        }
    }
}

fn stopped() -> Error {
    Error::unavailable("the store is closing")
}
