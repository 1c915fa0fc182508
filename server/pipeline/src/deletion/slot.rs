//! The task that runs deletions: one after another, under one lease for the whole store.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    document::{DELETION, Deletion, DeletionState},
    run,
    shared::Shared,
};
use crate::{ErrorClass, Result, Version, backoff::Backoff, events::DeletionRunning, hold, replay::restoring};

/// The name of the lease. Two deletions at once could both count a record as theirs.
const LEASE_NAME: &str = "deletions";
/// How long the lease lasts without a renewal.
const LEASE: Duration = Duration::from_secs(15);
/// How often a node tries to take over from another one.
const TAKE_OVER: Duration = Duration::from_secs(5);
/// The shortest and the longest pause after an error of the store or of the archive.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The pause after a change of some deletion, because a running deletion changes often.
const SETTLE: Duration = Duration::from_millis(100);

/// Runs deletions until `stop`.
pub(super) async fn slot(shared: &Shared, stop: &CancellationToken) {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    while !stop.is_cancelled() {
        match run_one(shared, stop).await {
            Ok(None) => backoff.reset(),
            Ok(Some(seen)) => {
                backoff.reset();
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = sleep(TAKE_OVER) => {}
                    _ = shared.documents.watch(&DELETION, seen) => {
                        let _ = stop.run_until_cancelled(sleep(SETTLE)).await;
                    }
                }
            }
            Err(error) => {
                if error.class == ErrorClass::Conflict {
                    tracing::debug!("a deletion was changed meanwhile: {error}");
                } else {
                    tracing::warn!(%error, "a deletion was interrupted, it goes on soon");
                }
                let _ = stop.run_until_cancelled(sleep(backoff.next())).await;
            }
        }
    }
}

/// Runs the oldest unfinished deletion that this node can run. Returns the version of the list if there is none, while
/// another node runs one, and while a replay to the store is not finished.
async fn run_one(shared: &Shared, stop: &CancellationToken) -> Result<Option<Version>> {
    let (deletions, version) = shared.list().await?;
    shared.forget(&deletions);
    let can_run = |deletion: &Deletion| !deletion.is_finished() && shared.lacks(deletion).is_none();
    let Some((_, deletion)) = deletions.into_iter().find(|(_, deletion)| can_run(deletion)) else {
        return Ok(Some(version));
    };
    // Both were started at the same moment, and one of them may not have taken itself back yet. A cancelled deletion
    // removes nothing any more, so it only has to end.
    if deletion.state == DeletionState::Running && restoring(&*shared.documents).await?.is_some() {
        return Ok(Some(version));
    }
    let work = async |lease| {
        let _running = DeletionRunning::begin();
        run::run(shared, &deletion.id, lease, stop).await
    };
    match hold(&*shared.leases, LEASE_NAME, &shared.holder, LEASE, work).await? {
        Some(outcome) => outcome.map(|()| None),
        None => Ok(Some(version)),
    }
}
