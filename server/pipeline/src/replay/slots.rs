//! The tasks that run replays: each takes one unfinished replay after another, under the lease of that replay.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{
    STORE,
    document::REPLAY,
    run,
    shared::{Shared, TAKE_OVER},
};
use crate::{
    ErrorClass, Result, Version, backoff::Backoff, deletion::deleting, events::ReplayRunning,
    follow::attempts::FIRST_WAIT, hold,
};

/// How long the lease lasts without a renewal.
const LEASE: Duration = Duration::from_secs(15);
/// The longest pause after an error of the store.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The pause after a change of some replay, because a running replay changes often.
const SETTLE: Duration = Duration::from_millis(100);

/// Runs replays until `stop`.
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
                    _ = shared.documents.watch(&REPLAY, seen) => {
                        let _ = stop.run_until_cancelled(sleep(SETTLE)).await;
                    }
                }
            }
            Err(error) => {
                if error.class == ErrorClass::Conflict {
                    tracing::debug!("a replay was changed meanwhile: {error}");
                } else {
                    tracing::warn!(%error, "a replay was interrupted, it goes on soon");
                }
                let _ = stop.run_until_cancelled(sleep(backoff.next())).await;
            }
        }
    }
}

/// Runs one replay that no other task runs. Returns the version of the list if there is none.
async fn run_one(shared: &Shared, stop: &CancellationToken) -> Result<Option<Version>> {
    let (replays, version) = shared.list().await?;
    for (_, replay) in replays.into_iter().filter(|(_, replay)| !replay.is_finished()) {
        if shared.lacks(&replay).is_some() || shared.is_elsewhere(&replay.id) {
            continue;
        }
        // Both were started at the same moment, and one of them may not have taken itself back yet.
        if replay.sink == STORE && deleting(&*shared.documents).await?.is_some() {
            continue;
        }
        let Some(_taken) = shared.take(&replay.id) else { continue };
        let name = format!("replay {}", replay.id);
        let work = async |lease| {
            let _running = ReplayRunning::begin();
            run::run(shared, &replay.id, lease, stop).await
        };
        match hold(&*shared.leases, &name, &shared.holder, LEASE, work).await? {
            Some(outcome) => return outcome.map(|()| None),
            None => shared.found_elsewhere(replay.id),
        }
    }
    Ok(Some(version))
}
