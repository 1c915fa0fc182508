//! What tests of several modules use.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Waits until it holds. Fails after a minute, with `what` as the reason.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: not within 60 s");
        sleep(Duration::from_millis(2)).await;
    }
}
