//! The pipeline's stages on the reference engines, and the reference engines
//! themselves.

#![allow(clippy::unwrap_used)]

mod chaos;
mod consume;
mod contract;
mod deletion;
mod follow;
mod ingest;
mod lease;
mod live;
mod losses;
mod redaction;
mod supervision;
mod whole;

use std::{sync::Arc, time::Duration};

use pipeline::{Queue, clock::Clock, loss_ledger::LossLedger, normalise::RawRecord};

/// Far more than anything here needs on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that is about to be.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !holds() {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Ends what does not end by itself.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

/// A loss ledger over the queue. It is not written to documents.
fn loss_ledger(queue: Arc<dyn Queue>) -> LossLedger {
    LossLedger::new(queue, Duration::ZERO, Clock::system())
}

fn raw(message: impl Into<String>) -> RawRecord {
    RawRecord { message: message.into(), ..RawRecord::default() }
}
