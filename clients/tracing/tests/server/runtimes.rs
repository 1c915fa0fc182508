//! The layer works within and without any runtime.

use std::time::Duration;

use tokio::runtime;
use tracing::{dispatcher::with_default, info};

use crate::{program::Server, subscriber};

#[test]
fn outside_of_a_runtime_the_drop_of_the_guard_sends_what_waits() {
    let server = Server::start();
    // Only the drop sends it this early.
    let builder = logboom_tracing::builder(server.endpoint()).service("dropped").batch_delay(Duration::from_secs(60));
    let (subscriber, guard) = subscriber(builder);
    with_default(&subscriber, || (0..30).for_each(|number| info!(number, "event")));
    drop(guard);
    assert_eq!(server.records("dropped", 30).len(), 30);
}

#[test]
fn an_event_waits_no_longer_than_the_delay_of_a_batch() {
    let server = Server::start();
    let (subscriber, guard) = subscriber(logboom_tracing::builder(server.endpoint()).service("alone"));
    with_default(&subscriber, || info!("alone"));
    assert_eq!(server.records("alone", 1).len(), 1);
    drop(guard);
}

#[test]
fn inside_a_runtime_of_one_thread_nothing_waits_for_that_thread() {
    let server = Server::start();
    inside(runtime::Builder::new_current_thread().enable_all().build().unwrap(), &server, "current");
}

#[test]
fn inside_a_runtime_of_many_threads_all_of_them_may_log() {
    let server = Server::start();
    inside(runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap(), &server, "multi");
}

/// Builds, logs, flushes in both ways and drops the guard within a runtime.
fn inside(runtime: runtime::Runtime, server: &Server, service: &str) {
    runtime.block_on(async {
        let (subscriber, guard) = subscriber(logboom_tracing::builder(server.endpoint()).service(service));
        let tasks = (0..10).map(|task| {
            let subscriber = subscriber.clone();
            tokio::spawn(async move {
                for number in 0..10 {
                    with_default(&subscriber, || info!(task, number, "event"));
                    tokio::task::yield_now().await;
                }
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert!(guard.flush_async().await);
        assert_eq!(guard.stats().acknowledged, 100);
        with_default(&subscriber, || info!("blocking"));
        assert!(guard.flush());
        with_default(&subscriber, || info!("dropped"));
        drop(guard);
    });
    // The runtime ends before the records are checked.
    drop(runtime);
    assert_eq!(server.records(service, 102).len(), 102);
}
