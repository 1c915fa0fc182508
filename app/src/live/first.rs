//! The first record that comes while somebody waits for it.

use futures::{FutureExt as _, StreamExt as _};
use gloo_net::eventsource::futures::EventSource;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;

use super::{First, backoff::Backoff};
use crate::effect::until_cleanup;

/// Waits for a record until the current owner is cleaned up; each that comes is shown, so
/// that every paste is answered.
pub(crate) fn wait_for_first(first: First) {
    until_cleanup(async move {
        let mut backoff = Backoff::new();
        loop {
            let _ = read(first, &mut backoff).await;
            TimeoutFuture::new(backoff.next(js_sys::Math::random())).await;
        }
    });
}

async fn read(first: First, backoff: &mut Backoff) -> Option<()> {
    let mut source = EventSource::new("/api/v1/tail?batch=100").ok()?;
    let mut records = source.subscribe("log").ok()?;
    loop {
        let (_, mut message) = records.next().await?.ok()?;
        backoff.reset();
        // A busy server's logs need not all be shown, and none may pile up.
        while let Some(newer) = records.next().now_or_never() {
            (_, message) = newer?.ok()?;
        }
        let data = message.data().as_string()?;
        first.record.set(serde_json::from_str(data.rsplit('\n').next()?).ok());
        TimeoutFuture::new(500).await;
    }
}
