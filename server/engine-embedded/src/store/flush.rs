//! The flush: writes memtables to parts, in the background.
//!
//! One memtable at a time, oldest first. Its records are sorted, split by day and written. One catalogue transaction
//! then commits the parts, the ledger ids and the cursor of the write-ahead log. One swap of the snapshot replaces the
//! memtable by the parts. Then the log releases the frames. A crash before the transaction leaves unlisted files; a
//! crash after it leaves frames that are not read again.

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::DateTime;
use crash_points::crash_point;
use parts::{
    PartInfo,
    builder::Row,
    reader::Part,
    writer::{self, Effort},
};
use pipeline::{Error, Result};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Inner,
    memtable::{Frozen, View},
};
use crate::catalogue::{Commit, ledger};

/// The interval of checking the memtable's age.
const TICK: Duration = Duration::from_millis(500);
/// The wait after a failed flush.
const RETRY: Duration = Duration::from_secs(1);
/// The limit of [`Inner::flush_upto`].
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs until `stop` is cancelled; a flush in progress is finished.
pub(super) async fn run(inner: Arc<Inner>, stop: CancellationToken) {
    let mut frozen = inner.frozen.subscribe();
    loop {
        // Waits for the stop signal, a full memtable, or the next check of the age.
        let due = async { frozen.wait_for(|frozen| !frozen.is_empty()).await.is_ok() };
        let full = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            full = due => full,
            () = tokio::time::sleep(TICK) => false,
        };
        if !full {
            inner.freeze_aged().await;
        }
        if let Err(error) = inner.flush_frozen().await {
            tracing::error!(%error, "writing a part failed; retrying");
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(RETRY) => {}
            }
        }
    }
}

impl Inner {
    async fn freeze_aged(&self) {
        let mut appender = self.appender.lock().await;
        if appender.since.is_some_and(|since| since.elapsed() >= self.options.flush_interval) {
            self.freeze(&mut appender, false);
        }
    }

    /// Waits until the frames up to `frame` are in parts, as far as the store has taken them in. The flusher writes
    /// them; dropping the call only ends the wait.
    ///
    /// # Errors
    /// `Unavailable` if parts cannot be written, and once the store is closed; `Overloaded` after [`PATIENCE`].
    pub(super) async fn flush_upto(&self, frame: u64) -> Result<()> {
        let last = {
            let mut appender = self.appender.lock().await;
            if appender.frozen < frame && frame <= appender.frame {
                self.freeze(&mut appender, false);
            }
            appender.frozen
        };
        let (mut frozen, mut closed) = (self.frozen.subscribe(), self.closed.subscribe());
        let flushed =
            async { frozen.wait_for(|frozen| frozen.front().is_none_or(|next| next.frame > last)).await.is_ok() };
        let is_flushed = tokio::select! {
            biased;
            is_flushed = flushed => is_flushed,
            // Flushing has stopped.
            _ = closed.wait_for(|closed| *closed) => false,
            () = tokio::time::sleep(PATIENCE) => return Err(match self.trouble.lock().clone() {
                Some(trouble) => Error::unavailable(trouble),
                None => Error::overloaded("memory is not written to parts yet", RETRY),
            }),
        };
        if is_flushed { Ok(()) } else { Err(Error::unavailable("the store is closed")) }
    }

    /// Flushes all frozen memtables, oldest first.
    ///
    /// # Errors
    /// Those of the disk and the catalogue; unflushed memtables stay frozen.
    pub(super) async fn flush_frozen(&self) -> Result<()> {
        let _one = self.flushing.lock().await;
        if let Some(reason) = self.flush_stopped.get() {
            return Err(Error::internal(reason.clone()));
        }
        loop {
            let Some(next) = self.frozen.borrow().front().cloned() else { return Ok(()) };
            let flushed = self.flush(&next).await;
            *self.trouble.lock() = flushed.as_ref().err().map(|error| format!("parts cannot be written: {error}"));
            flushed?;
        }
    }

    async fn flush(&self, frozen: &Frozen) -> Result<()> {
        crash_point!("flush::started");
        let started = Instant::now();
        let effort = if frozen.full { Effort::Passing } else { Effort::Quick };
        let parts = write(self.folder.clone(), frozen.view.clone(), effort).await?;
        let bytes: u64 = parts.iter().map(|part| part.bytes).sum();
        crash_point!("flush::parts-written");
        let commit = Commit { parts, ids: frozen.ids.to_vec(), frame: frozen.frame };
        if let Err(error) = self.catalogue.commit(&commit).await {
            // The commit may have succeeded despite the error; only the catalogue shows it. While it cannot be read, the
            // files are left to the next open, because removing them would be wrong if the commit did succeed.
            if self.catalogue.progress().await?.frame < frozen.frame {
                self.discard(commit.parts);
                return Err(error);
            }
        }
        crash_point!("flush::committed");
        let added: Vec<_> = commit
            .parts
            .into_iter()
            .map(|info| Arc::new(Part::new(info, &self.folder, self.footers.clone()).written_with(effort)))
            .collect();
        self.snapshots.update(|snapshot| {
            snapshot.tables.retain(|view| !Arc::ptr_eq(&view.table, &frozen.view.table));
            let mut parts = snapshot.parts.to_vec();
            parts.extend(added);
            parts.sort_by_key(|part| std::cmp::Reverse(part.info.max_time));
            snapshot.parts = Arc::new(parts);
        });
        self.pace();
        crash_point!("flush::swapped");
        self.journal.wal().release(frozen.frame);
        crash_point!("flush::released");
        self.frozen.send_modify(|waiting| {
            waiting.pop_front();
        });
        self.appender.lock().await.recent.retain(|_, frame| *frame > frozen.frame);
        let (records, frame, elapsed) = (frozen.view.records, frozen.frame, started.elapsed());
        metrics::counter!("logboom_store_flushed_records_total").increment(records);
        metrics::histogram!("logboom_store_flush_seconds").record(elapsed.as_secs_f64());
        tracing::debug!(records, bytes, frame, ?elapsed, "memory flushed to parts");
        *self.flushed.lock() = Instant::now();
        self.forget_old_ids(frozen).await;
        Ok(())
    }

    /// Prunes the ledger when a new day begins.
    async fn forget_old_ids(&self, frozen: &Frozen) {
        let Some(day) = frozen.ids.iter().map(|(day, _)| *day).max() else { return };
        if self.pruned.swap(day, std::sync::atomic::Ordering::Relaxed) == day {
            return;
        }
        let (days, most) = (self.options.ledger_days, self.options.ledger_ids);
        if let Err(error) = self.catalogue.forget_ids(day, days, most).await {
            tracing::warn!(%error, "old batch ids stay in the ledger for now");
        }
    }
}

/// Writes the records of a view as parts, one per day.
async fn write(folder: PathBuf, view: View, effort: Effort) -> Result<Vec<PartInfo>> {
    let write = move || {
        let entries = view.entries();
        let mut rows: Vec<Row<'_>> = entries
            .iter()
            .filter_map(|entry| Some((&entry.block, entry.block.batch.records.first()?.id)))
            .flat_map(|(block, id_base)| {
                block.batch.records.iter().zip(block.first.0..).map(move |(record, position)| Row {
                    record,
                    position,
                    id_base,
                })
            })
            .collect();
        // Each time is fetched once: the records are scattered in memory.
        rows.sort_by_cached_key(|row| std::cmp::Reverse((row.record.time, row.position)));
        let days = rows.chunk_by(|a, b| day_of(a) == day_of(b));
        let mut parts: Vec<PartInfo> = Vec::new();
        for rows in days {
            match writer::write(&folder, &day_name(rows), rows, effort) {
                Ok(part) => parts.push(part),
                Err(error) => {
                    // The next try writes all days again, and the disk may be full.
                    for part in &parts {
                        let _ = std::fs::remove_file(part.file(&folder));
                    }
                    return Err(error);
                }
            }
        }
        Ok(parts)
    };
    tokio::task::spawn_blocking(write)
        .await
        .map_err(|error| Error::internal(format!("writing a part failed: {error}")))?
}

fn day_of(row: &Row<'_>) -> i64 {
    row.record.time.div_euclid(ledger::DAY)
}

fn day_name(rows: &[Row<'_>]) -> String {
    let time = rows.first().map_or(0, |row| row.record.time);
    DateTime::from_timestamp_nanos(time).format("%Y-%m-%d").to_string()
}
