//! Every record arrives exactly once.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Duration,
};

use tracing::{dispatcher::with_default, info};

use crate::{program::Server, proxy::Proxy, subscriber};

/// The values of the attribute `number`, sorted.
fn numbers(server: &Server, service: &str, least: usize) -> Vec<i64> {
    let records = server.records(service, least);
    let mut numbers: Vec<_> = records.iter().map(|record| record.attributes["number"].as_i64().unwrap()).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn twenty_thousand_events_of_four_threads_arrive_exactly_once() {
    const EVENTS: i64 = 20_000;
    let server = Server::start();
    let builder = logboom_tracing::builder(server.endpoint()).service("many").max_buffered_records(30_000);
    let (subscriber, guard) = subscriber(builder);
    thread::scope(|scope| {
        for thread in 0..4 {
            let subscriber = &subscriber;
            scope.spawn(move || {
                with_default(subscriber, || {
                    for number in (thread..EVENTS).step_by(4) {
                        info!(number, "event");
                    }
                });
            });
        }
    });
    assert!(guard.flush());
    let stats = guard.stats();
    assert_eq!((stats.acknowledged, stats.buffered, stats.buffered_bytes, stats.overflowed), (20_000, 0, 0, 0));
    assert!(stats.connected && stats.error.is_none());
    // The queue is ordered: when the last event is stored, so are the earlier ones.
    with_default(&subscriber, || info!(number = EVENTS, "last"));
    assert!(guard.flush());
    assert_eq!(numbers(&server, "many", 20_001), (0..=EVENTS).collect::<Vec<_>>());
}

/// Sets the flag when it is dropped.
struct Ending<'f>(&'f AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_server_that_is_killed_and_comes_back_has_everything_exactly_once() {
    let mut server = Server::start();
    let builder = logboom_tracing::builder(server.endpoint())
        .service("killed")
        .batch_records(50)
        .max_buffered_records(1_000_000)
        .max_buffered_bytes(1 << 30)
        .flush_timeout(Duration::from_secs(60));
    let (subscriber, guard) = subscriber(builder);
    let over = AtomicBool::new(false);
    let events = thread::scope(|scope| {
        // Also after a panic, which the scope would otherwise never get to.
        let ending = Ending(&over);
        let sending = scope.spawn(|| {
            with_default(&subscriber, || {
                let mut number = 0;
                while !over.load(Ordering::Relaxed) {
                    for _ in 0..10 {
                        info!(number, "event");
                        number += 1;
                    }
                    thread::sleep(Duration::from_millis(1));
                }
                number
            })
        });
        // Killed three times while batches are in flight, at random moments.
        for _ in 0..3 {
            let before = guard.stats().acknowledged;
            while guard.stats().acknowledged < before + 1_000 || guard.stats().buffered == 0 {
                thread::sleep(Duration::from_millis(1));
            }
            server.kill();
            while guard.stats().connected {
                thread::sleep(Duration::from_millis(1));
            }
            assert!(guard.stats().error.is_some());
            server.run();
        }
        drop(ending);
        sending.join().unwrap()
    });
    assert!(guard.flush());
    with_default(&subscriber, || info!(number = events, "last"));
    assert!(guard.flush());
    let stats = guard.stats();
    assert_eq!((stats.acknowledged, stats.overflowed, stats.refused), (events as u64 + 1, 0, 0));
    assert_eq!(numbers(&server, "killed", events as usize + 1), (0..=events).collect::<Vec<i64>>());
}

#[test]
fn batches_whose_acknowledgements_are_lost_are_sent_again_and_stored_once() {
    let server = Server::start();
    let proxy = Proxy::start(server.grpc());
    let (subscriber, guard) = subscriber(logboom_tracing::builder(proxy.endpoint()).service("deaf"));
    with_default(&subscriber, || info!(number = 0, "event"));
    assert!(guard.flush());
    proxy.deafen();
    with_default(&subscriber, || (1..1_000).for_each(|number| info!(number, "event")));
    // The server has stored all of them, but the client has no acknowledgement.
    assert_eq!(server.records("deaf", 1_000).len(), 1_000);
    assert_eq!((guard.stats().acknowledged, guard.stats().buffered), (1, 999));
    proxy.cut();
    assert!(guard.flush());
    assert_eq!(guard.stats().acknowledged, 1_000);
    with_default(&subscriber, || info!(number = 1_000, "last"));
    assert!(guard.flush());
    assert_eq!(numbers(&server, "deaf", 1_001), (0..=1_000).collect::<Vec<i64>>());
}

#[test]
fn a_server_without_room_is_sent_to_again_when_it_says() {
    // Space for one batch at a time, while up to 32 arrive at once.
    let server = Server::start_with(&["--max-in-flight", "100"]);
    let builder = logboom_tracing::builder(server.endpoint())
        .service("room")
        .batch_records(100)
        .flush_timeout(Duration::from_secs(60));
    let (subscriber, guard) = subscriber(builder);
    with_default(&subscriber, || (0..800).for_each(|number| info!(number, "event")));
    assert!(guard.flush());
    assert_eq!(guard.stats().acknowledged, 800);
    assert_eq!(numbers(&server, "room", 800), (0..800).collect::<Vec<i64>>());
}
