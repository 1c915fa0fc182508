//! The figures of the server, as they come.

use std::time::Duration;

use futures::{StreamExt as _, future::abortable};
use gloo_net::eventsource::futures::EventSource;
use gloo_timers::future::TimeoutFuture;
use leptos::{ev, prelude::*, task::spawn_local};
use model::api::FiguresView;

use super::{Figures, backoff::Backoff};

/// How long figures may stay away before they are said to be old; they come every 2 s.
const LATE: Duration = Duration::from_secs(8);

/// Keeps `figures` up to date until the current owner is cleaned up.
pub(crate) fn watch(figures: Figures) {
    // A hidden tab gives its connection back; browsers allow six to a site.
    let hidden = RwSignal::new(document().hidden());
    let listener = window_event_listener(ev::visibilitychange, move |_| hidden.set(document().hidden()));
    on_cleanup(move || listener.remove());
    Effect::new(move |_| {
        if hidden.get() {
            return;
        }
        let (reading, handle) = abortable(run(figures));
        spawn_local(async move {
            // Ends only by being aborted.
            let _ = reading.await;
        });
        on_cleanup(move || handle.abort());
    });
}

async fn run(figures: Figures) {
    let mut backoff = Backoff::new();
    loop {
        if read(figures, &mut backoff).await.is_none() {
            figures.away.set(true);
        }
        TimeoutFuture::new(backoff.next(js_sys::Math::random())).await;
    }
}

/// Reads one stream until it ends or falls silent.
async fn read(figures: Figures, backoff: &mut Backoff) -> Option<()> {
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
        figures.away.set(false);
        figures.view.set(view);
    }
}
