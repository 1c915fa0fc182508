//! Records that do not reach the server reach the fallback.

use std::{fs, net::TcpListener, path::Path, time::Duration};

use logboom_tracing::Fallback;
use serde_json::Value;
use tempfile::TempDir;
use tracing::{dispatcher::with_default, info, warn};

use crate::{program::Server, subscriber};

fn lines(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn while_the_server_is_away_what_finds_no_room_is_in_the_fallback_and_nowhere_else() {
    const EVENTS: i64 = 1_000;
    let mut server = Server::away();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("fallback.ndjson");
    let builder = logboom_tracing::builder(server.endpoint())
        .service("tiny")
        .node("a1")
        .max_buffered_records(100)
        .fallback(Fallback::File(file.clone()))
        .flush_timeout(Duration::from_secs(60));
    let (subscriber, guard) = subscriber(builder);
    // Returns although the server never starts: logging does not wait for a connection.
    with_default(&subscriber, || (0..EVENTS).for_each(|number| info!(number, "event")));
    let stats = guard.stats();
    assert_eq!((stats.buffered, stats.overflowed, stats.lost, stats.connected), (100, 900, 0, false));

    server.run();
    assert!(guard.flush());
    assert_eq!(guard.stats().acknowledged, 100);
    let mut found: Vec<_> =
        server.records("tiny", 100).iter().map(|record| record.attributes["number"].as_i64().unwrap()).collect();
    found.sort_unstable();
    // The newest did not fit.
    assert_eq!(found, (0..100).collect::<Vec<_>>());
    let lines = lines(&file);
    for (line, number) in lines.iter().zip(100..EVENTS) {
        assert_eq!(line["number"], number);
        assert_eq!((&line["service"], &line["node"]), (&Value::from("tiny"), &Value::from("a1")));
        assert_eq!((&line["level"], &line["message"]), (&Value::from("info"), &Value::from("event")));
        assert_eq!(line["logboom.fallback"], "the buffer is full");
    }
    assert_eq!(lines.len(), 900);

    // The server accepts the file unchanged.
    server.push(&fs::read(&file).unwrap());
    let records = server.records("tiny", 1_000);
    assert_eq!(records.len(), 1_000);
    let late = records.iter().find(|record| record.attributes["number"] == 999).unwrap();
    assert_eq!((late.severity, late.node.as_str(), late.message.as_str()), (9, "a1", "event"));
    assert_eq!(late.attributes["target"], "server::fallback");
}

#[test]
fn the_drop_of_the_guard_hands_over_what_it_could_not_send() {
    let server = Server::away();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("fallback.ndjson");
    let builder = logboom_tracing::builder(server.endpoint())
        .service("left")
        .fallback(Fallback::File(file.clone()))
        .flush_timeout(Duration::from_millis(300));
    let (subscriber, guard) = subscriber(builder);
    with_default(&subscriber, || (0..1_200).for_each(|number| info!(number, "event")));
    assert!(!guard.flush());
    // Returns although the server never starts.
    drop(guard);
    with_default(&subscriber, || info!(number = 1_200, "late"));
    let lines = lines(&file);
    let numbers: Vec<_> = lines.iter().map(|line| line["number"].as_i64().unwrap()).collect();
    assert_eq!(numbers, (0..=1_200).collect::<Vec<_>>());
    assert_eq!(lines[0]["logboom.fallback"], "not sent before the end");
    assert_eq!(lines[1_200]["logboom.fallback"], "the guard is gone");
}

#[test]
fn a_server_that_says_nothing_holds_nobody_up() {
    // The system accepts the connection, but no process responds.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("fallback.ndjson");
    let builder = logboom_tracing::builder(format!("http://{}", silent.local_addr().unwrap()))
        .fallback(Fallback::File(file.clone()))
        .flush_timeout(Duration::from_millis(300));
    let (subscriber, guard) = subscriber(builder);
    with_default(&subscriber, || info!("event"));
    // Both return although there is no response.
    assert!(!guard.flush());
    drop(guard);
    assert_eq!(lines(&file).len(), 1);
}

#[test]
fn what_the_server_refuses_is_in_the_fallback_with_its_reason() {
    // A larger batch never fits.
    let server = Server::start_with(&["--max-in-flight", "50"]);
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("fallback.ndjson");
    let builder = logboom_tracing::builder(server.endpoint())
        .service("refused")
        .batch_records(60)
        // Long enough for the batch to fill.
        .batch_delay(Duration::from_secs(60))
        .fallback(Fallback::File(file.clone()));
    let (subscriber, guard) = subscriber(builder);
    with_default(&subscriber, || {
        warn!({ "" } = "no name", "one of three");
        info!("two of three");
        info!("three of three");
    });
    assert!(!guard.flush(), "a record was refused");
    let stats = guard.stats();
    assert_eq!((stats.acknowledged, stats.refused, stats.lost), (2, 1, 0));
    let refused = lines(&file).remove(0);
    assert_eq!(refused["message"], "one of three");
    let reason = refused["logboom.fallback"].as_str().unwrap();
    assert!(reason.contains("a key is empty"), "{reason}");

    with_default(&subscriber, || (0..60).for_each(|number| info!(number, "too many")));
    guard.flush();
    let stats = guard.stats();
    assert_eq!((stats.acknowledged, stats.refused, stats.buffered), (2, 61, 0));
    let last = lines(&file).pop().unwrap();
    assert_eq!(last["number"], 59);
    assert!(last["logboom.fallback"].as_str().unwrap().contains("the limit is 50 records"), "{last}");
    assert_eq!(server.records("refused", 2).len(), 2);
}
