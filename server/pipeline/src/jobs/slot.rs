//! The loop of a task that runs jobs.

use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Job, Jobs};
use crate::{ErrorClass, Result, Version, backoff::Backoff};

/// The interval at which a node tries to take over a job from another one.
pub(crate) const TAKE_OVER: Duration = Duration::from_secs(5);
/// The shortest and the longest pause after an error.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// The pause after a change of some job, because a running job changes often.
const SETTLE: Duration = Duration::from_millis(100);

/// Runs jobs until `stop`. `run_one` runs one job, or returns the version of the list if there is none to run now.
pub(crate) async fn slot<J: Job, F: Future<Output = Result<Option<Version>>>>(
    jobs: &Jobs<J>,
    stop: &CancellationToken,
    run_one: impl Fn() -> F,
) {
    let name = J::KIND.name;
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    while !stop.is_cancelled() {
        match run_one().await {
            Ok(None) => backoff.reset(),
            Ok(Some(seen)) => {
                backoff.reset();
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = sleep(TAKE_OVER) => {}
                    _ = jobs.documents.watch(J::KIND, seen) => {
                        let _ = stop.run_until_cancelled(sleep(SETTLE)).await;
                    }
                }
            }
            Err(error) => {
                if error.class == ErrorClass::Conflict {
                    tracing::debug!("a {name} was changed meanwhile: {error}");
                } else {
                    tracing::warn!(%error, "a {name} was interrupted, it goes on soon");
                }
                let _ = stop.run_until_cancelled(sleep(backoff.next())).await;
            }
        }
    }
}
