//! The destinations, and which of them gets a group: the first, in the order given, that is not waiting for its next
//! try. One that failed is tried again after a backoff, and gets what comes then.

use std::sync::Arc;

use tokio::time::{Instant, sleep_until};

use super::{Destination, Progress, group::NAME, status::Shared};
use crate::{
    Error, ErrorClass, Result,
    clock::Clock,
    events::{DestinationBack, DestinationFailed},
    follow::{
        Outgoing, Refused,
        attempts::{Halving, LONGEST_WAIT, Opened, Refusal},
        retries::Retries,
    },
};

/// A failed destination waits at least this many times as long as its attempt took, so that one that hangs does not
/// hold up the others.
const REST: u32 = 3;

pub(super) struct Destinations {
    list: Vec<Tried>,
    shared: Arc<Shared>,
    clock: Clock,
}

/// A destination with the result of the last attempt.
struct Tried {
    destination: Destination,
    /// `None` at first, and after an attempt that was given up: a connection in the middle of a batch is of no use.
    sink: Option<Opened>,
    retries: Retries,
    /// Not tried before this.
    due: Instant,
}

impl Destinations {
    pub(super) fn new(destinations: Vec<Destination>, shared: &Arc<Shared>, clock: Clock) -> Self {
        let tried = |destination| Tried { destination, sink: None, retries: Retries::new(), due: Instant::now() };
        Self { list: destinations.into_iter().map(tried).collect(), shared: Arc::clone(shared), clock }
    }

    /// Sends the batch until it is acknowledged, and calls `begins` before each attempt. Returns the records that were
    /// refused for good. May be dropped; the batch may then have been delivered.
    pub(super) async fn deliver(
        &mut self,
        batch: Outgoing,
        progress: &mut Progress,
        begins: &mut (dyn FnMut() + Send),
    ) -> Vec<Refusal> {
        let mut halving = Halving::new(NAME, batch);
        while let Some(batch) = halving.next() {
            let now = Instant::now();
            let Some(index) = self.list.iter().position(|tried| tried.due <= now) else {
                let due = self.list.iter().map(|tried| tried.due).min().unwrap_or(now + LONGEST_WAIT);
                sleep_until(due).await;
                continue;
            };
            let tried = &mut self.list[index];
            let target = tried.destination.target.clone();
            let mut mark = progress.mark(&target);
            begins();
            let attempt = self.shared.begin_attempt();
            let sent = tried.send(batch, &mut mark).await;
            drop(attempt);
            match sent {
                Ok(refused) => {
                    progress.set_mark(&target, mark);
                    tried.retries.reset();
                    let records = batch.records.len().saturating_sub(refused.len()) as u64;
                    if self.shared.acknowledged(index, records, self.clock.now()) {
                        DestinationBack { to: &target }.emit();
                    }
                    halving.acknowledge(refused);
                }
                Err(error) if error.class == ErrorClass::Invalid => halving.refuse(&error.message),
                Err(error) => {
                    let took = now.elapsed();
                    let wait = tried.retries.after(&error, took).max(took * REST);
                    tried.due = Instant::now() + wait;
                    if self.shared.failed(index, &error) {
                        DestinationFailed { to: &target, error: &error }.emit();
                    }
                }
            }
        }
        halving.into_refused()
    }
}

impl Tried {
    async fn send(&mut self, batch: &Outgoing, mark: &mut Option<String>) -> Result<Vec<Refused>> {
        let mut sink = match self.sink.take() {
            Some(sink) => sink,
            None => (self.destination.build)().map(Opened::new).map_err(|error| match error.class {
                // It concerns the destination, so no record may be refused for it.
                ErrorClass::Invalid => Error { class: ErrorClass::Unavailable, ..error },
                _ => error,
            })?,
        };
        let sent = sink.send(batch, mark).await;
        self.sink = Some(sink);
        sent
    }
}
