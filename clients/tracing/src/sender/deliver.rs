//! Connects and reconnects.

use std::{convert::Infallible, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::sleep;

use super::{Target, outbox::Outbox, stream::Stream};
use crate::shared::Shared;

/// The reconnection backoff: 100 to 200 ms at first, doubling to between 2.5 and 5 s, without end. backon adds the
/// jitter to the delay. It spreads the reconnections of clients after a restart of the server.
const WAITS: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(Duration::from_millis(2_500))
    .with_jitter()
    .without_max_times();

/// Delivers until dropped, which is safe at any time: unacknowledged entries are in the buffer or the outbox.
pub(super) async fn deliver(shared: &Shared, target: &Target, outbox: &mut Outbox) -> Infallible {
    let mut waits = WAITS.build();
    loop {
        let lost = match Stream::open(target).await {
            Ok(mut stream) => {
                shared.connected();
                let lost = stream.exchange(shared, outbox).await;
                // A server that accepts connections but does not respond also counts as unavailable.
                if stream.answered {
                    waits = WAITS.build();
                }
                lost
            }
            Err(lost) => lost,
        };
        outbox.stream_lost();
        if lost.denied {
            shared.denied(&lost.reason);
        }
        shared.disconnected(lost.reason);
        tokio::select! {
            () = sleep(waits.next().unwrap_or_default()) => {}
            // A flush is waiting, so it retries at once.
            () = shared.hurry.notified() => waits = WAITS.build(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_tenth_of_a_second_to_five_and_never_end() {
        let mut waits = WAITS.build();
        for (shortest, longest) in [(100, 200), (200, 400), (400, 800), (800, 1600), (1600, 3200), (2500, 5000)] {
            let wait = waits.next().unwrap_or_default();
            assert!((shortest..=longest).contains(&wait.as_millis()), "{wait:?} for {shortest} to {longest}");
        }
        assert!(waits.nth(10_000).is_some());
    }
}
