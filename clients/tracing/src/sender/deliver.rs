//! Connects, and connects again.

use std::{convert::Infallible, time::Duration};

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::time::sleep;
use tonic::transport::Endpoint;

use super::{outbox::Outbox, stream::Stream};
use crate::shared::Shared;

/// The waits before connecting again: 100 to 200 ms at first, doubling up to between 2.5 and
/// 5 s, for ever. backon adds the jitter on top of the delay. It keeps the clients of a server
/// that was away from coming back all in the same moment.
const WAITS: ExponentialBuilder = ExponentialBuilder::new()
    .with_min_delay(Duration::from_millis(100))
    .with_max_delay(Duration::from_millis(2_500))
    .with_jitter()
    .without_max_times();

/// Delivers until it is dropped, which may be at any time: what is not acknowledged is in
/// the buffer or in the outbox.
pub(super) async fn deliver(shared: &Shared, endpoint: &Endpoint, outbox: &mut Outbox) -> Infallible {
    let mut waits = WAITS.build();
    loop {
        let lost = match Stream::open(endpoint).await {
            Ok(mut stream) => {
                shared.connected();
                let lost = stream.converse(shared, outbox).await;
                // A server that takes connections and answers nothing is away as well.
                if stream.answered {
                    waits = WAITS.build();
                }
                lost
            }
            Err(lost) => lost,
        };
        outbox.stream_lost();
        shared.disconnected(lost);
        tokio::select! {
            () = sleep(waits.next().unwrap_or_default()) => {}
            // Somebody waits, perhaps the end of the program: no time to be polite.
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
