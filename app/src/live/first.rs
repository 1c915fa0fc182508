//! The first record that comes while somebody waits for it.

use futures::{StreamExt as _, future::abortable};
use gloo_net::eventsource::futures::EventSource;
use gloo_timers::future::TimeoutFuture;
use leptos::{prelude::*, task::spawn_local};

use super::{First, backoff::Backoff};

/// Waits for a record until the current owner is cleaned up; each that comes is shown, so
/// that every paste is answered.
pub(crate) fn wait_for_first(first: First) {
    let (waiting, handle) = abortable(async move {
        let mut backoff = Backoff::new();
        loop {
            let _ = read(first, &mut backoff).await;
            TimeoutFuture::new(backoff.next(js_sys::Math::random())).await;
        }
    });
    spawn_local(async move {
        // Ends only by being aborted.
        let _ = waiting.await;
    });
    on_cleanup(move || handle.abort());
}

async fn read(first: First, backoff: &mut Backoff) -> Option<()> {
    let mut source = EventSource::new("/api/v1/tail").ok()?;
    let mut records = source.subscribe("log").ok()?;
    loop {
        let (_, message) = records.next().await?.ok()?;
        backoff.reset();
        first.record.set(serde_json::from_str(&message.data().as_string()?).ok());
        // A busy server's logs need not all be shown.
        TimeoutFuture::new(500).await;
    }
}
