//! Compaction: merges several parts into one.

use std::{sync::Arc, time::Duration};

use chrono::DateTime;
use parts::{
    PartInfo,
    merge::{self, Keep},
    reader::Part,
};
use pipeline::{Error, Result};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Inner,
    choose::{choose, due_after_load},
    stopped,
};

/// The interval at which a paused compaction checks whether flushes are done.
const PAUSE_CHECK: Duration = Duration::from_millis(20);

/// The time without flushes after which a period of load is over.
const IDLE_AFTER: Duration = Duration::from_secs(5);

impl Inner {
    /// Merges some parts, if any are due. Returns whether it did.
    pub(super) async fn compact(self: &Arc<Self>, stop: &CancellationToken) -> Result<bool> {
        let _alone = self.rewriting.lock().await;
        let parts = self.snapshots.load().parts.clone();
        let (full, fan) = (self.options.part_rows, self.options.compact_parts);
        let (is_quiet, now) = (self.is_quiet(), super::retain::now());
        // Off the async threads: it reads the footer of each new part.
        let choice = move || {
            let due = due_after_load(&parts, full, fan, is_quiet, Part::is_passing);
            if due.is_empty() { choose(&parts, full, fan, now, Part::is_passing) } else { due }
        };
        let chosen = tokio::task::spawn_blocking(choice)
            .await
            .map_err(|error| Error::internal(format!("choosing parts failed: {error}")))?;
        // The choice has read the footers of parts from before the start.
        self.pace();
        if chosen.is_empty() {
            return Ok(false);
        }
        let started = Instant::now();
        let merged = self.merge(chosen.clone(), None, stop).await?;
        let (rows, bytes) = merged.as_ref().map_or((0, 0), |part| (part.rows, part.bytes));
        self.replace(&chosen, merged).await?;
        let elapsed = started.elapsed();
        metrics::counter!("logboom_store_compacted_parts_total").increment(chosen.len() as u64);
        metrics::histogram!("logboom_store_compaction_seconds").record(elapsed.as_secs_f64());
        tracing::debug!(parts = chosen.len(), rows, bytes, ?elapsed, "parts merged");
        Ok(true)
    }

    /// Whether there was no flush for a while, and none is pending.
    fn is_quiet(&self) -> bool {
        self.flushed.lock().elapsed() >= IDLE_AFTER && self.frozen.borrow().is_empty()
    }

    /// Merges the parts, keeping the rows accepted by `keep`; `None` if no row remains. It pauses while memory waits for
    /// its flush.
    ///
    /// # Errors
    /// `Unavailable` on `stop`, and while flushes fail. Those of the parts and of the disk.
    pub(super) async fn merge(
        self: &Arc<Self>,
        parts: Vec<Arc<Part>>,
        keep: Option<Box<Keep>>,
        stop: &CancellationToken,
    ) -> Result<Option<PartInfo>> {
        let inner = self.clone();
        let stop = stop.clone();
        let work = move || {
            let newest = parts.iter().map(|part| part.info.max_time).max().unwrap_or_default();
            let day = DateTime::from_timestamp_nanos(newest).format("%Y-%m-%d").to_string();
            let mut pause = || {
                while !inner.frozen.borrow().is_empty() && !stop.is_cancelled() {
                    // Flushes fail, so the pause would last, and with it the lock: retention, which may free the disk,
                    // and the end of a deletion would wait for it.
                    if let Some(trouble) = inner.trouble.lock().clone() {
                        return Err(Error::unavailable(trouble));
                    }
                    std::thread::sleep(PAUSE_CHECK);
                }
                if stop.is_cancelled() { Err(stopped()) } else { Ok(()) }
            };
            merge::merge(&inner.folder, &day, &parts, keep.as_deref(), &mut pause)
        };
        tokio::task::spawn_blocking(work)
            .await
            .map_err(|error| Error::internal(format!("merging parts failed: {error}")))?
    }
}
