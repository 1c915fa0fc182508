//! Keeps an event stream open for as long as the tail is followed.
//!
//! Each connection resumes after the last position seen, and older events are dropped, so a reconnection neither
//! loses nor repeats records. A broken stream is closed and reopened here. The browser would wait three seconds to do
//! so, without reporting the state.

use futures::{FutureExt as _, StreamExt as _, future::Either, stream::select};
use gloo_net::eventsource::{State, futures::EventSource};
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use model::api::SkippedView;
use web_sys::MessageEvent;

use super::{
    backoff::Backoff,
    session::{LoggedOut, Probe},
};
use crate::state::{explorer::Connection, feed::Event, view::tail_url};

/// How often an idle stream is checked for being open.
const POLL_MS: u32 = 500;
/// The timeout of a connection attempt.
const CONNECT_MS: f64 = 15_000.0;

/// Keeps a tail of `query` open until dropped. `last` is the position to resume from.
pub(super) async fn run(
    query: String,
    last: StoredValue<String>,
    connection: RwSignal<Connection>,
    logged_out: Option<LoggedOut>,
    deliver: impl Fn(Event<String>),
) {
    let mut backoff = Backoff::new();
    let mut probe = Probe::new(logged_out);
    connection.set(Connection::Connecting);
    loop {
        read(&query, last, connection, (&mut backoff, &mut probe), &deliver).await;
        if !matches!(connection.get_untracked(), Connection::Away { .. }) {
            connection.set(Connection::Away { since: js_sys::Date::now() as i64 });
        }
        probe.failed().await;
        TimeoutFuture::new(backoff.next(js_sys::Math::random())).await;
    }
}

/// Reads one stream to its end.
async fn read(
    query: &str,
    last: StoredValue<String>,
    connection: RwSignal<Connection>,
    (backoff, probe): (&mut Backoff, &mut Probe),
    deliver: &impl Fn(Event<String>),
) {
    let url = last.with_value(|last| tail_url(query, last));
    let Ok(mut source) = EventSource::new(&url) else { return };
    let (Ok(logs), Ok(skipped)) = (source.subscribe("log"), source.subscribe("skipped")) else { return };
    let mut events = select(logs, skipped);
    let begun = js_sys::Date::now();
    let mut opened = false;
    loop {
        // Opened and lost connections raise no event here, so the state is polled.
        let poll = TimeoutFuture::new(if opened { POLL_MS } else { POLL_MS / 10 });
        match futures::future::select(events.next(), poll.boxed_local()).await {
            Either::Left((Some(Ok((kind, message))), _)) => {
                if is_fresh(&kind, &message, last) {
                    deliver_message(&kind, &message, deliver);
                }
            }
            Either::Left(_) => return,
            Either::Right(_) => {}
        }
        match source.state() {
            State::Open if !opened => {
                opened = true;
                backoff.reset();
                probe.connected();
                connection.set(Connection::Open);
            }
            State::Open => {}
            State::Connecting if !opened && js_sys::Date::now() - begun < CONNECT_MS => {}
            State::Connecting | State::Closed => return,
        }
    }
}

/// Whether the event is new; records its position.
fn is_fresh(kind: &str, message: &MessageEvent, last: StoredValue<String>) -> bool {
    let id = message.last_event_id();
    let Ok(position) = id.parse::<i64>() else { return true };
    let seen = last.with_value(|last| last.parse().unwrap_or(i64::MIN));
    // A gap may be reported at the last position seen.
    let is_fresh = position > seen || (position == seen && kind != "log");
    if is_fresh {
        last.set_value(id);
    }
    is_fresh
}

/// Delivers the content of an event: records, one per line, or the number of skipped records.
fn deliver_message(kind: &str, message: &MessageEvent, deliver: &impl Fn(Event<String>)) {
    let Some(data) = message.data().as_string() else { return };
    if kind == "log" {
        data.split('\n').for_each(|line| deliver(Event::Record(line.to_owned())));
    } else if let Ok(SkippedView { count }) = serde_json::from_str(&data) {
        deliver(Event::Skipped(count));
    }
}
