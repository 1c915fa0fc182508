//! The pipeline's stages on the reference engines, and the reference engines
//! themselves.

#![allow(clippy::unwrap_used)]

mod chaos;
mod consume;
mod contract;
mod follow;
mod ingest;
mod lease;
mod live;
mod supervision;
mod whole;

use std::time::Duration;

use pipeline::normalise::RawRecord;

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

fn raw(message: impl Into<String>) -> RawRecord {
    RawRecord { message: message.into(), ..RawRecord::default() }
}
