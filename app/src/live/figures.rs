//! Follows the figures of the server.

use std::time::Duration;

use futures::StreamExt as _;
use gloo_net::eventsource::futures::EventSource;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use model::api::FiguresView;

use super::{
    Figures,
    backoff::Backoff,
    session::{LoggedOut, Probe},
    visible::while_visible,
};

/// The age at which figures count as out of date; they arrive every 2 s.
const LATE: Duration = Duration::from_secs(8);

/// Keeps `figures` up to date until the current owner is cleaned up.
pub(crate) fn watch(figures: Figures) {
    let logged_out = use_context::<LoggedOut>();
    while_visible(move || run(figures, logged_out));
}

async fn run(figures: Figures, logged_out: Option<LoggedOut>) {
    let (mut backoff, mut probe) = (Backoff::new(), Probe::new(logged_out));
    loop {
        if read(figures, &mut backoff, &mut probe).await.is_none() {
            figures.away.set(true);
            probe.failed().await;
        }
        TimeoutFuture::new(backoff.next(js_sys::Math::random())).await;
    }
}

/// Reads one stream until it ends or is silent for too long.
async fn read(figures: Figures, backoff: &mut Backoff, probe: &mut Probe) -> Option<()> {
    let mut source = EventSource::new("/api/v1/figures/live").ok()?;
    let mut events = source.subscribe("figures").ok()?;
    loop {
        let late = TimeoutFuture::new(LATE.as_millis() as u32);
        let (_, message) = match futures::future::select(events.next(), late).await {
            futures::future::Either::Left((message, _)) => message?.ok()?,
            futures::future::Either::Right(_) => return None,
        };
        let view: FiguresView = serde_json::from_str(&message.data().as_string()?).ok()?;
        backoff.reset();
        probe.connected();
        figures.away.set(false);
        figures.view.set(view);
    }
}
