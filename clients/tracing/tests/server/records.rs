//! The records of events.

use std::{error::Error, fmt, io, time::SystemTime};

use serde_json::json;
use tracing::{
    Level, debug, dispatcher::with_default, error, error_span, event, field::Empty, info, info_span, span, trace, warn,
};

use crate::{
    program::{Record, Server},
    subscriber,
};

/// The attributes, except those of every event in this file.
fn attributes(record: &Record) -> serde_json::Value {
    let mut attributes = record.attributes.clone();
    assert_eq!(attributes.remove("target"), Some(json!("server::records")));
    assert!(attributes.remove("code.file.path").unwrap().as_str().unwrap().ends_with("tests/server/records.rs"));
    assert!(attributes.remove("code.line.number").unwrap().as_i64().unwrap() > 0);
    json!(attributes)
}

#[test]
fn levels_times_and_names_arrive() {
    let server = Server::start();
    let (subscriber, guard) = subscriber(logboom_tracing::builder(server.endpoint()).service("levels").node("a1"));
    let before = SystemTime::now();
    with_default(&subscriber, || {
        trace!("one");
        debug!("two");
        info!("three");
        warn!("four");
        error!("five");
    });
    assert!(guard.flush());
    let records = server.records("levels", 5);
    for (message, severity, level) in
        [("one", 1, "trace"), ("two", 5, "debug"), ("three", 9, "info"), ("four", 13, "warn"), ("five", 17, "error")]
    {
        let record = records.iter().find(|record| record.message == message).unwrap();
        assert_eq!((record.severity, record.level.as_str(), record.node.as_str()), (severity, level, "a1"));
        let time = chrono::DateTime::parse_from_rfc3339(&record.time).unwrap();
        let age = SystemTime::from(time).duration_since(before).unwrap();
        assert!(age.as_secs() < 60, "{age:?}");
    }
    assert_eq!(records.len(), 5);
}

#[test]
fn fields_keep_their_types() {
    #[derive(Debug)]
    #[allow(dead_code, reason = "read by Debug alone")]
    struct Item {
        name: &'static str,
        count: u8,
    }

    let server = Server::start();
    let (subscriber, guard) = subscriber(logboom_tracing::builder(server.endpoint()).service("fields"));
    with_default(&subscriber, || {
        info!(
            signed = -7_i64,
            unsigned = 7_u64,
            large = u64::MAX,
            larger = u128::MAX,
            smaller = i128::MIN,
            ratio = 0.5_f64,
            whole = 2.0_f64,
            endless = f64::INFINITY,
            yes = true,
            text = "plain ü",
            shown = %"shown",
            item = ?Item { name: "cup", count: 2 },
            none = Option::<i64>::None,
            some = Some(3),
            r#type = "raw",
            http.status = 500,
            bytes = [1_u8, 255].as_slice(),
            "sold {} of {}", 2, 7
        );
        info!(message = 42);
        info!(only = "fields");
    });
    assert!(guard.flush());
    let records = server.records("fields", 3);
    let found = |message: &str| records.iter().find(|record| record.message == message).unwrap();
    let expected = json!({
        "signed": -7,
        "unsigned": 7,
        "large": "18446744073709551615",
        "larger": "340282366920938463463374607431768211455",
        "smaller": "-170141183460469231731687303715884105728",
        "ratio": 0.5,
        "whole": 2.0,
        "endless": "inf",
        "yes": true,
        "text": "plain ü",
        "shown": "shown",
        "item": "Item { name: \"cup\", count: 2 }",
        "some": 3,
        "type": "raw",
        "http.status": 500,
        "bytes": "[01 ff]",
    });
    assert_eq!(attributes(found("sold 2 of 7")), expected);
    assert_eq!(attributes(found("42")), json!({}));
    assert_eq!(attributes(found("")), json!({ "only": "fields" }));
}

#[test]
fn spans_give_their_fields_to_the_events_in_them() {
    let server = Server::start();
    let (subscriber, guard) = subscriber(logboom_tracing::builder(server.endpoint()).service("spans"));
    with_default(&subscriber, || {
        let request = info_span!("request", id = 7, user = "outer", status = Empty, trace_id = Empty);
        let inside = request.enter();
        info!("before");
        request.record("status", 200);
        request.record("trace_id", "0af7651916cd43dd8448eb211c80319c");
        let pay = error_span!("pay", user = "inner", span_id = %"B7AD6B7169203331").entered();
        info!(user = "event", "inside");
        warn!("plain");
        drop((pay, inside));
        info!(parent: &request, "explicit");
        info!("outside");
        let root = span!(parent: None, Level::TRACE, "root", trace_id = "no id").entered();
        info!("other");
        drop(root);
    });
    assert!(guard.flush());
    let records = server.records("spans", 6);
    let trace = "0af7651916cd43dd8448eb211c80319c";
    for (message, expected, trace_id, span_id) in [
        ("before", json!({ "span": "request", "id": 7, "user": "outer" }), None, None),
        (
            "inside",
            json!({ "span": "request:pay", "id": 7, "user": "event", "status": 200 }),
            Some(trace),
            Some("b7ad6b7169203331"),
        ),
        (
            "plain",
            json!({ "span": "request:pay", "id": 7, "user": "inner", "status": 200 }),
            Some(trace),
            Some("b7ad6b7169203331"),
        ),
        ("explicit", json!({ "span": "request", "id": 7, "user": "outer", "status": 200 }), Some(trace), None),
        ("outside", json!({}), None, None),
        ("other", json!({ "span": "root", "trace_id": "no id" }), None, None),
    ] {
        let record = records.iter().find(|record| record.message == message).unwrap();
        assert_eq!(attributes(record), expected, "{message}");
        assert_eq!(record.trace_id.as_deref(), trace_id, "{message}");
        assert_eq!(record.span_id.as_deref(), span_id, "{message}");
    }
}

#[test]
fn errors_arrive_with_what_they_come_from() {
    #[derive(Debug)]
    struct OrderLost(io::Error);

    impl fmt::Display for OrderLost {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("order lost")
        }
    }

    impl Error for OrderLost {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    let server = Server::start();
    let (subscriber, guard) = subscriber(logboom_tracing::builder(server.endpoint()).service("errors"));
    let lost = OrderLost(io::Error::other("disk full"));
    with_default(&subscriber, || error!(error = &lost as &dyn Error, "failed"));
    assert!(guard.flush());
    assert_eq!(attributes(&server.record("errors", "failed")), json!({ "error": "order lost: disk full" }));
}

#[test]
fn what_is_too_long_arrives_shortened_and_marked() {
    let server = Server::start();
    let (subscriber, guard) = subscriber(logboom_tracing::builder(server.endpoint()).service("long"));
    let (message, value) = ("ü".repeat(600 << 10), "x".repeat((64 << 10) + 1));
    with_default(&subscriber, || info!(value, "{message}"));
    assert!(guard.flush());
    let record = server.records("long", 1).remove(0);
    assert_eq!(record.message.len(), 1 << 20);
    assert!(record.message.ends_with("ü…[cut]"));
    let value = record.attributes["value"].as_str().unwrap();
    assert_eq!(value.len(), 64 << 10);
    assert!(value.ends_with("x…[cut]"));
}

#[test]
fn records_of_the_crate_log_keep_their_target_and_level() {
    // Global for the process; its events go to each thread's subscriber.
    tracing_log::LogTracer::init().unwrap();
    let server = Server::start();
    let (subscriber, guard) = subscriber(logboom_tracing::builder(server.endpoint()).service("bridged"));
    with_default(&subscriber, || {
        let _span = info_span!("request", id = 7).entered();
        log::warn!(target: "old::library", "bridged {}", 1);
        event!(target: "log", Level::INFO, log.target = "not bridged", "native");
    });
    assert!(guard.flush());
    let mut bridged = server.record("bridged", "bridged 1");
    assert_eq!((bridged.severity, bridged.level.as_str()), (13, "warn"));
    assert!(bridged.attributes.remove("code.line.number").unwrap().as_i64().unwrap() > 0);
    assert!(bridged.attributes.remove("code.file.path").unwrap().as_str().unwrap().ends_with("records.rs"));
    assert_eq!(json!(bridged.attributes), json!({ "target": "old::library", "span": "request", "id": 7 }));
    assert_eq!(server.record("bridged", "native").attributes["log.target"], "not bridged");
}
