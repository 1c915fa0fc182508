//! The steps of one deletion: count, remove, archive, settle.

use std::collections::BTreeSet;

use model::Position;
use tokio_util::sync::CancellationToken;

use super::{
    document::{ASIDE, Deletion, DeletionState},
    shared::Shared,
};
use crate::{
    Error, ErrorClass, Lease, ReadLimit, Removal, Result, Tally,
    events::{DeletionEnded, RecordsRemoved},
    jobs::{Job as _, Progress},
    loss_ledger::deleted,
};

/// How a pass over the store ended.
enum Pass {
    /// It must stop, and goes on later.
    Stopped,
    /// At its end.
    Whole,
    /// At its end, but some records could not be removed, for this reason.
    Partial(String),
}

/// A deletion under its lease.
struct Run<'a> {
    shared: &'a Shared,
    progress: Progress<Deletion>,
    removal: Removal,
    stop: &'a CancellationToken,
}

/// Runs a deletion until it is finished, is cancelled, or `stop`.
///
/// # Errors
/// `Conflict` if the lease is lost or the deletion was cancelled. Errors of the store and of the archive. The deletion
/// goes on from its last step.
pub(super) async fn run(shared: &Shared, id: &str, lease: Lease, stop: &CancellationToken) -> Result<()> {
    let Some(mut progress) = Progress::load(&shared.jobs, id, lease).await? else { return Ok(()) };
    let removal = match progress.job.removal() {
        Ok(removal) => removal,
        // What it has removed stays noted as far as it may be.
        Err(error) => return end(shared, &mut progress, DeletionState::Failed, Some(&error.message)).await,
    };
    let mut run = Run { shared, progress, removal, stop };
    match run.steps().await {
        Ok(()) => Ok(()),
        // The lease is lost, or the deletion was cancelled.
        Err(error) if error.class == ErrorClass::Conflict => Err(error),
        Err(error) if error.is_retryable() => {
            if run.progress.note_error(&error) {
                run.progress.store().await?;
            }
            Err(error)
        }
        Err(error) => run.settle(DeletionState::Failed, Some(&error.message)).await,
    }
}

impl Run<'_> {
    async fn steps(&mut self) -> Result<()> {
        if self.progress.job.state == DeletionState::Cancelling {
            return self.settle(DeletionState::Cancelled, None).await;
        }
        if self.progress.job.total.is_none() && !self.count().await? {
            return Ok(());
        }
        if !self.progress.job.is_removed && !self.remove().await? {
            return Ok(());
        }
        if self.progress.job.archives && !self.archive().await? {
            return Ok(());
        }
        match self.progress.job.left.clone() {
            None => self.settle(DeletionState::Done, None).await,
            Some(left) => self.settle(DeletionState::Failed, Some(&left)).await,
        }
    }

    /// Counts the records and notes them in the loss ledger. Returns `false` if the deletion has ended or must stop.
    async fn count(&mut self) -> Result<bool> {
        let before = self.aside();
        let Some(counted) = self.until_cancelled(self.shared.store.count_removal(&self.removal)).await else {
            return Ok(false);
        };
        let aside = self.aside();
        if aside != before {
            // Nobody knows whether its records are in the count.
            return Err(Error::unavailable(
                "a part was set aside while the records were counted; they are counted again",
            ));
        }
        let refused = match counted {
            Ok(counted) => match self.refusal(counted.records(), aside.len()) {
                None => return self.begin(&counted, aside).await.map(|()| true),
                Some(refused) => refused,
            },
            Err(error) if error.is_retryable() => return Err(error),
            Err(error) => error.message,
        };
        self.settle(DeletionState::Failed, Some(&refused)).await?;
        Ok(false)
    }

    /// Why so many records must not be removed, beside so many parts that are set aside.
    fn refusal(&self, total: u64, aside: usize) -> Option<String> {
        if aside > ASIDE {
            return Some(format!(
                "{aside} parts of the range are set aside, and a deletion may have {ASIDE}; nothing was removed: restore \
                 or give up some of them, or name a shorter range"
            ));
        }
        let confirmed = self.progress.job.confirmed;
        (total > confirmed).then(|| {
            format!(
                "{total} records match now, and {confirmed} were confirmed; nothing was removed: preview the deletion \
                 again"
            )
        })
    }

    /// Notes what will be removed, before anything is.
    async fn begin(&mut self, counted: &Tally, aside: BTreeSet<String>) -> Result<()> {
        let Progress { job: deletion, lease, clock, .. } = &self.progress;
        deleted::note_counted(&*self.shared.jobs.documents, &deletion.id, counted, clock.now(), lease).await?;
        self.progress.job.total = Some(counted.records());
        self.progress.job.aside = aside;
        self.progress.store().await
    }

    /// The parts that are set aside now and may have records of the range.
    fn aside(&self) -> BTreeSet<String> {
        let range = self.removal.range;
        let parts = self.shared.store.status().aside.into_iter();
        parts.filter(|part| part.oldest < range.to && range.from <= part.newest).map(|part| part.name).collect()
    }

    /// # Errors
    /// `Invalid` if a part may be read again that was set aside at the count: its records were not counted, and without
    /// a note in the ledger their removal would look like a loss.
    fn check_aside(&self) -> Result<()> {
        let aside = self.aside();
        let Some(back) = self.progress.job.aside.iter().find(|part| !aside.contains(*part)) else { return Ok(()) };
        Err(Error::invalid(format!(
            "a part that was set aside is back, or was given up: {back}; preview the deletion again"
        )))
    }

    /// Removes the records from the store, pass after pass. Returns `false` if it must stop.
    async fn remove(&mut self) -> Result<bool> {
        loop {
            let is_whole = self.progress.job.next.is_none();
            let before = self.progress.job.removed;
            match self.pass().await? {
                Pass::Stopped => return Ok(false),
                Pass::Partial(reason) => {
                    self.progress.job.add_left(&reason);
                    break;
                }
                Pass::Whole => {}
            }
            let has_removed = self.progress.job.removed > before;
            let Some(found) = self.until_cancelled(self.first_left()).await else { return Ok(false) };
            match found? {
                None => break,
                // A merge may have moved records to where the pass had been.
                Some(_) if has_removed || !is_whole => {}
                Some(id) => {
                    let reason = format!("the record {id} matches and was not removed; please report this as a fault");
                    self.progress.job.add_left(&reason);
                    break;
                }
            }
        }
        self.progress.job.is_removed = true;
        self.progress.store().await?;
        Ok(true)
    }

    /// One pass over the store, or the rest of one.
    async fn pass(&mut self) -> Result<Pass> {
        self.check_aside()?;
        loop {
            let next = self.progress.job.next.clone();
            // Before the step, so that no tail shows a record that is gone, however the step ends. The hub takes in no
            // block up to this position any more.
            self.shared.live.forget(self.removal.upto);
            // A user's cancellation does not drop it: a step takes about a second, and what it removes shall be counted.
            // The end of the process does: the step may wait for long, and the last count is exact in any case.
            let step = self.stop.run_until_cancelled(self.shared.store.remove(&self.removal, next.as_deref())).await;
            let step = match step {
                None => return Ok(Pass::Stopped),
                Some(Ok(step)) => step,
                // The end of the pass: everything else is removed. No other error says so.
                Some(Err(error)) if error.class == ErrorClass::Corrupt => {
                    self.progress.job.next = None;
                    return Ok(Pass::Partial(error.message));
                }
                Some(Err(error)) => return Err(error),
            };
            if step.removed > 0 {
                RecordsRemoved { records: step.removed }.emit();
            }
            let deletion = &mut self.progress.job;
            deletion.removed += step.removed;
            deletion.next = step.next;
            deletion.error = None;
            let is_last = deletion.next.is_none();
            self.progress.store().await?;
            if is_last {
                return Ok(Pass::Whole);
            }
        }
    }

    /// The id of a record that should be gone.
    async fn first_left(&self) -> Result<Option<String>> {
        let Removal { query, range, upto } = &self.removal;
        let limit = ReadLimit::of_records(1);
        let found = self.shared.store.read_after(Position(i64::MIN), *upto, *range, query, limit).await?;
        Ok(found.first().map(|stored| stored.record.id.to_string()))
    }

    /// Removes the records from the archived days. Returns `false` if it must stop.
    async fn archive(&mut self) -> Result<bool> {
        let Some(archive) = self.shared.archive.clone() else { return Ok(false) };
        let Some(days) = self.until_cancelled(archive.days(self.removal.range)).await else { return Ok(false) };
        let done = self.progress.job.day;
        for day in days?.into_iter().filter(|day| done.is_none_or(|done| *day > done)) {
            // At the end of the process the day is dropped, and written again at the next start.
            let written = archive.remove(day, &self.removal.query, self.removal.range);
            let Some(written) = self.stop.run_until_cancelled(written).await else { return Ok(false) };
            match written {
                Ok(removed) => self.progress.job.archived += removed,
                Err(error) if error.is_retryable() => return Err(error),
                // The other days are written all the same.
                Err(error) => self.progress.job.add_left(&error.message),
            }
            self.progress.job.day = Some(day);
            self.progress.job.error = None;
            self.progress.store().await?;
        }
        Ok(true)
    }

    /// Notes in the loss ledger what was removed, and ends the deletion. On `stop`, the next start does.
    async fn settle(&mut self, state: DeletionState, error: Option<&str>) -> Result<()> {
        let (documents, Progress { job: deletion, lease, clock, .. }) = (&*self.shared.jobs.documents, &self.progress);
        match deletion.total {
            // Before the count, nothing was removed.
            None => {
                unless_for_good(deleted::forget(documents, &deletion.id, lease).await)?;
            }
            Some(total) => {
                let Some(left) = self.stop.run_until_cancelled(self.left(state)).await else { return Ok(()) };
                // Without a number, the notes stay as they are: any part of the counted records may be gone.
                if let Some(left) = unless_for_good(left)?.flatten() {
                    let noted = deleted::note_ended(documents, &deletion.id, &left, clock.now(), lease).await;
                    unless_for_good(noted)?;
                    self.progress.job.removed = total.saturating_sub(left.records());
                }
            }
        }
        self.shared.live.forget(self.removal.upto);
        end(self.shared, &mut self.progress, state, error).await
    }

    /// Of the counted records, what is still there; `None` if nobody can tell.
    async fn left(&self, state: DeletionState) -> Result<Option<Tally>> {
        if state == DeletionState::Done {
            return Ok(Some(Tally::default()));
        }
        let left = self.shared.store.count_removal(&self.removal).await?;
        // After the count, which finds damage. The records of a part that was set aside since are neither removed nor
        // counted: as removed, another deletion would take them a second time from the ledger once the part is back. And
        // those of a part that is back would be counted as left, which were not counted before.
        Ok((self.aside() == self.progress.job.aside).then_some(left))
    }

    /// The result of `work`; `None` on `stop`, and once a user has cancelled the deletion.
    async fn until_cancelled<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            () = self.stop.cancelled() => None,
            () = self.shared.jobs.cancelled(&self.progress.job.id) => None,
        }
    }
}

/// The value, or `None` after an error that another try would meet again. The deletion ends all the same, with notes that
/// are too high for the exact number; they never make a loss of it.
fn unless_for_good<T>(outcome: Result<T>) -> Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        // With a conflict, the lease is lost.
        Err(error) if error.is_retryable() || error.class == ErrorClass::Conflict => Err(error),
        Err(error) => {
            tracing::warn!(%error, "cannot note in the loss ledger what a deletion has left; it ends without");
            Ok(None)
        }
    }
}

/// Ends the deletion, and reports it.
async fn end(
    shared: &Shared,
    progress: &mut Progress<Deletion>,
    state: DeletionState,
    error: Option<&str>,
) -> Result<()> {
    progress.job.state = state;
    progress.job.ended = Some(progress.clock.now());
    progress.job.set_error(error);
    // Before the end is stored: after a crash in between, it is called once more at the next end, and not never.
    (shared.ended)(&progress.job);
    progress.store().await?;
    DeletionEnded { deletion: &progress.job }.emit();
    Ok(())
}
