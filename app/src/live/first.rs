//! Follows the newest record on the page Connect.

use futures::{FutureExt as _, StreamExt as _};
use gloo_net::eventsource::futures::EventSource;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;

use super::{
    First,
    backoff::Backoff,
    session::{LoggedOut, Probe},
};
use crate::effect::until_cleanup;

/// Shows each newest record until the current owner is cleaned up, so that every pasted snippet has a visible result.
pub(crate) fn wait_for_first(first: First) {
    let logged_out = use_context::<LoggedOut>();
    until_cleanup(async move {
        let (mut backoff, mut probe) = (Backoff::new(), Probe::new(logged_out));
        loop {
            let _ = read(first, &mut backoff, &mut probe).await;
            probe.failed().await;
            TimeoutFuture::new(backoff.next(js_sys::Math::random())).await;
        }
    });
}

async fn read(first: First, backoff: &mut Backoff, probe: &mut Probe) -> Option<()> {
    let mut source = EventSource::new("/api/v1/tail?batch=100").ok()?;
    let mut records = source.subscribe("log").ok()?;
    loop {
        let (_, mut message) = records.next().await?.ok()?;
        backoff.reset();
        probe.connected();
        // Only the newest record of a busy server is shown, and none may pile up.
        while let Some(newer) = records.next().now_or_never() {
            (_, message) = newer?.ok()?;
        }
        let data = message.data().as_string()?;
        first.record.set(serde_json::from_str(data.rsplit('\n').next()?).ok());
        TimeoutFuture::new(500).await;
    }
}
