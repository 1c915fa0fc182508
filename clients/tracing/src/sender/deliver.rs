//! Connects, and connects again.

use std::convert::Infallible;

use tokio::time::sleep;
use tonic::transport::Endpoint;

use super::{backoff::Backoff, outbox::Outbox, stream::Stream};
use crate::shared::Shared;

/// Delivers until it is dropped, which may be at any time: what is not acknowledged is in
/// the buffer or in the outbox.
pub(super) async fn deliver(shared: &Shared, endpoint: &Endpoint, outbox: &mut Outbox) -> Infallible {
    let mut backoff = Backoff::new();
    loop {
        let lost = match Stream::open(endpoint).await {
            Ok(mut stream) => {
                shared.connected();
                let lost = stream.converse(shared, outbox).await;
                // A server that takes connections and answers nothing is away as well.
                if stream.answered {
                    backoff.reset();
                }
                lost
            }
            Err(lost) => lost,
        };
        outbox.stream_lost();
        shared.disconnected(lost);
        tokio::select! {
            () = sleep(backoff.next()) => {}
            // Somebody waits, perhaps the end of the program: no time to be polite.
            () = shared.hurry.notified() => backoff.reset(),
        }
    }
}
