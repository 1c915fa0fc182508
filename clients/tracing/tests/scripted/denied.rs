//! A refused key: reported once, and nothing is lost.

use std::{
    fmt::{self, Write as _},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use logboom_tracing::Fallback;
use tonic::Status;
use tracing::{
    Event, Level, Subscriber,
    dispatcher::with_default,
    field::{Field, Visit},
    info,
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

use crate::{service::Scripted, subscriber};

const PATIENCE: Duration = Duration::from_secs(60);

/// The warnings of this crate on all threads, as an application's own layer sees them.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

impl<S: Subscriber> Layer<S> for Warnings {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::WARN && event.metadata().target().starts_with("logboom_tracing") {
            let mut text = Fields(String::new());
            event.record(&mut text);
            self.0.lock().unwrap().push(text.0);
        }
    }
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{field}={value:?};").unwrap();
    }
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_refused_key_is_reported_once_and_a_mended_one_delivers_what_waited() {
    const KEY: &str = "lb_ab12cd34_0123456789abcdef0123456789abcdef";
    let warnings = Warnings::default();
    tracing_subscriber::registry().with(warnings.clone()).init();
    let server = Scripted::start();
    server.with(|state| state.refusal = Some(Status::unauthenticated("the key lb_ab12cd34 is revoked")));
    let builder = logboom_tracing::builder(server.endpoint())
        .service("denied")
        .key(KEY)
        .fallback(Fallback::Drop)
        .flush_timeout(PATIENCE);
    let (subscriber, guard) = subscriber(builder);
    with_default(&subscriber, || info!("kept"));

    wait_until("it has tried three times", || server.with(|state| state.authorizations.len() >= 3));
    let stats = guard.stats();
    assert_eq!((stats.buffered, stats.refused, stats.lost, stats.connected), (1, 0, 0, false));
    assert!(stats.denied.unwrap().ends_with("the key lb_ab12cd34 is revoked"));

    // Another reason is news.
    server.with(|state| state.refusal = Some(Status::permission_denied("the key lb_ab12cd34 may read only")));
    wait_until("the other reason is there", || guard.stats().denied.unwrap().ends_with("may read only"));
    server.with(|state| state.refusal = None);
    assert!(guard.flush(), "{:?}", guard.stats());
    let stats = guard.stats();
    assert_eq!((stats.acknowledged, stats.buffered, stats.denied), (1, 0, None));
    server.with(|state| {
        assert_eq!(state.messages, ["kept"]);
        let header = format!("Bearer {KEY}");
        assert!(state.authorizations.iter().all(|given| given.as_deref() == Some(header.as_str())));
    });

    let warnings = warnings.0.lock().unwrap();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("lb_ab12cd34 is revoked") && warnings[1].contains("may read only"), "{warnings:?}");
    assert!(!warnings.concat().contains(KEY), "{warnings:?}");
}

#[test]
fn without_a_key_no_header_is_sent() {
    let server = Scripted::start();
    let (subscriber, guard) = subscriber(logboom_tracing::builder(server.endpoint()).flush_timeout(PATIENCE));
    with_default(&subscriber, || info!("open"));
    assert!(guard.flush());
    server.with(|state| assert_eq!(state.authorizations, [None]));
}
