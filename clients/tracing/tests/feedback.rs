//! The sender's own log events are not sent. In a separate process, because the sender's thread uses the process's
//! global subscriber.

mod program;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use program::Server;
use tracing::{Event, Subscriber, info, trace};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt as _},
    util::SubscriberInitExt as _,
};

/// Counts the events of all threads.
struct Count(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Count {
    fn on_event(&self, _: &Event<'_>, _: Context<'_, S>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn at_the_lowest_level_no_event_of_the_sender_is_sent() {
    let server = Server::start();
    let all = Arc::new(AtomicUsize::new(0));
    // By name, to include the thread that resolves it.
    let endpoint = server.endpoint().replace("127.0.0.1", "localhost");
    let (layer, guard) = logboom_tracing::builder(endpoint).service("quiet").build().unwrap();
    tracing_subscriber::registry().with(layer).with(Count(all.clone())).init();
    for round in 0..20 {
        info!(round, "event");
        // Events of other threads are sent, whatever their target.
        trace!(target: "h2::client", round, "the program's own");
        assert!(guard.flush());
    }
    // Events caused by the last flush would be sent before this one, or with it.
    info!("the last event");
    assert!(guard.flush());
    assert_eq!(guard.stats().acknowledged, 41);
    let records = server.records("quiet", 41);
    assert_eq!(records.len(), 41);
    assert_eq!(records.iter().filter(|record| record.attributes["target"] == "h2::client").count(), 20);
    // Proves that there were events to exclude.
    assert!(all.load(Ordering::Relaxed) > 100, "{all:?}");
}
