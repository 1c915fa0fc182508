//! The tasks that run replays: each takes one unfinished replay after another, under the lease of that replay.

use tokio_util::sync::CancellationToken;

use super::{STORE, run, shared::Shared};
use crate::{Result, Version, deletion::deleting, events::ReplayRunning, jobs};

/// Runs replays until `stop`.
pub(super) async fn slot(shared: &Shared, stop: &CancellationToken) {
    jobs::slot(&shared.jobs, stop, || run_one(shared, stop)).await;
}

/// Runs one replay that no other task runs. Returns the version of the list if there is none.
async fn run_one(shared: &Shared, stop: &CancellationToken) -> Result<Option<Version>> {
    let (replays, version) = shared.jobs.list().await?;
    for (_, replay) in replays.into_iter().filter(|(_, replay)| !replay.is_finished()) {
        if shared.lacks(&replay).is_some() || shared.is_elsewhere(&replay.id) {
            continue;
        }
        // Both were started at the same moment, and one of them may not have taken itself back yet.
        if replay.sink == STORE && deleting(&*shared.jobs.documents).await?.is_some() {
            continue;
        }
        let Some(_taken) = shared.take(&replay.id) else { continue };
        let name = format!("replay {}", replay.id);
        let work = async |lease| {
            let _running = ReplayRunning::begin();
            run::run(shared, &replay.id, lease, stop).await
        };
        match shared.jobs.hold(&name, work).await? {
            Some(outcome) => return outcome.map(|()| None),
            None => shared.found_elsewhere(replay.id),
        }
    }
    Ok(Some(version))
}
