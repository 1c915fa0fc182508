//! The task that runs deletions: one after another, under one lease for the whole store.

use tokio_util::sync::CancellationToken;

use super::{
    document::{Deletion, DeletionState},
    run,
    shared::Shared,
};
use crate::{Result, Version, events::DeletionRunning, jobs, replay::restoring};

/// The name of the lease. Two deletions at once could both count a record as theirs.
const LEASE_NAME: &str = "deletions";

/// Runs deletions until `stop`.
pub(super) async fn slot(shared: &Shared, stop: &CancellationToken) {
    jobs::slot(&shared.jobs, stop, || run_one(shared, stop)).await;
}

/// Runs the oldest unfinished deletion that this node can run. Returns the version of the list if there is none, while
/// another node runs one, and while a replay to the store is not finished.
async fn run_one(shared: &Shared, stop: &CancellationToken) -> Result<Option<Version>> {
    let (deletions, version) = shared.jobs.list().await?;
    deletions.iter().for_each(|(_, deletion)| shared.forget(deletion));
    let can_run = |deletion: &Deletion| !deletion.is_finished() && shared.lacks(deletion).is_none();
    let Some((_, deletion)) = deletions.into_iter().find(|(_, deletion)| can_run(deletion)) else {
        return Ok(Some(version));
    };
    // Both were started at the same moment, and one of them may not have taken itself back yet. A cancelled deletion
    // removes nothing any more, so it only has to end.
    if deletion.state == DeletionState::Running && restoring(&*shared.jobs.documents).await?.is_some() {
        return Ok(Some(version));
    }
    let work = async |lease| {
        let _running = DeletionRunning::begin();
        run::run(shared, &deletion.id, lease, stop).await
    };
    match shared.jobs.hold(LEASE_NAME, work).await? {
        Some(outcome) => outcome.map(|()| None),
        None => Ok(Some(version)),
    }
}
