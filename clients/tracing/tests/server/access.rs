//! Keys: the right one delivers, and the wrong one loses nothing.

use std::{
    thread,
    time::{Duration, Instant},
};

use logboom_tracing::{Builder, Fallback};
use tracing::{dispatcher::with_default, info};

use crate::{
    program::{PATIENCE, Server},
    subscriber,
};

fn builder(server: &Server, service: &str, key: &str) -> Builder {
    logboom_tracing::builder(server.endpoint())
        .service(service)
        .key(key)
        .fallback(Fallback::Drop)
        .flush_timeout(Duration::ZERO)
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_key_that_may_write_delivers() {
    let server = Server::guarded();
    let (_, key) = server.create_key("write");
    let (subscriber, guard) = subscriber(builder(&server, "writes", &key).flush_timeout(PATIENCE));
    with_default(&subscriber, || info!("with a key"));
    assert!(guard.flush(), "{:?}", guard.stats());
    assert_eq!(guard.stats().denied, None);
    server.record("writes", "with a key");
}

#[test]
fn records_of_a_refused_key_stay_in_memory_and_the_reason_has_no_secret() {
    let server = Server::guarded();
    let (id, reads) = server.create_key("read");
    let wrong = format!("lb_00000000_{}", "0".repeat(32));
    for (service, key, named) in [("wrong", &wrong, "lb_00000000"), ("reads", &reads, id.as_str())] {
        let (subscriber, guard) = subscriber(builder(&server, service, key));
        with_default(&subscriber, || info!("kept"));
        wait_until("the key is refused", || guard.stats().denied.is_some());
        let stats = guard.stats();
        let reason = stats.denied.unwrap();
        assert!(reason.contains(named) && !reason.contains(key), "{reason}");
        assert_eq!((stats.buffered, stats.acknowledged, stats.refused, stats.connected), (1, 0, 0, false));
    }
}

#[test]
fn a_revoked_key_ends_the_stream_and_what_comes_after_waits() {
    let server = Server::guarded();
    let (id, key) = server.create_key("write");
    // The guard waits for nothing at the end, because the last record cannot be sent.
    let (subscriber, guard) = subscriber(builder(&server, "revoked", &key));
    with_default(&subscriber, || info!("before"));
    wait_until("the record is acknowledged", || guard.stats().acknowledged == 1);
    server.revoke_key(&id);
    // The stream is idle: the server ends it.
    wait_until("the stream ends", || guard.stats().denied.is_some());
    with_default(&subscriber, || info!("after"));
    let stats = guard.stats();
    assert_eq!((stats.acknowledged, stats.buffered, stats.refused), (1, 1, 0));
    assert_eq!(server.records("revoked", 1).len(), 1);
}
