//! The loss ledger of several nodes on one queue and one store (C10).

use std::{process::Command, time::Duration};

use serde_json::{Value, json};
use testkit::servers::{postgres::Postgres, rabbitmq::RabbitMq};

use crate::{
    load::count,
    node::{Node, PATIENCE, client},
};

/// Has the database refuse records with the message `poison`.
const POISON: &str = "
    create function logboom.refuse_poison() returns trigger language plpgsql as $$
        begin raise exception 'poison' using errcode = 'check_violation'; end $$;
    create trigger refuse_poison before insert on logboom.logs
        for each row when (new.message = 'poison') execute function logboom.refuse_poison();";

/// Pushes records. With a key, a repetition is recognised.
async fn push(node: &Node, service: &str, key: Option<&str>, messages: &[String]) {
    let records: Vec<Value> = messages.iter().map(|message| json!({"service": service, "message": message})).collect();
    let mut request = client(PATIENCE).post(format!("{}/api/v1/push", node.url)).json(&records);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
}

fn messages(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("message {number}")).collect()
}

/// The sums of a service's rows; an hour may end during the test.
async fn numbers(node: &Node, service: &str) -> Value {
    let answer = client(PATIENCE).get(format!("{}/api/v1/ledger?from=-2h", node.url)).send().await.unwrap();
    let ledger: Value = answer.json().await.unwrap();
    let rows = ledger["rows"].as_array().unwrap_or_else(|| panic!("{ledger}"));
    let sum = |name: &str| -> u64 {
        let own = rows.iter().filter(|row| row["service"] == service);
        own.map(|row| row[name].as_u64().unwrap()).sum()
    };
    json!({
        "received": sum("received"), "stored": sum("stored"), "deduplicated": sum("deduplicated"),
        "dead": sum("dead"), "in_flight": sum("in_flight"), "missing": sum("missing"),
    })
}

async fn until_numbers(node: &Node, service: &str, expected: Value) {
    let mut last = Value::Null;
    let reached = async {
        while last != expected {
            tokio::time::sleep(Duration::from_millis(200)).await;
            last = numbers(node, service).await;
        }
    };
    let reached = tokio::time::timeout(PATIENCE, reached).await;
    assert!(reached.is_ok(), "{service}: {last} instead of {expected}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ledger_of_all_nodes_balances_and_tells_of_a_row_that_somebody_deleted() {
    let server = Postgres::shared().await;
    let queue = RabbitMq::shared().await.fresh_queue();
    let store = server.fresh_database().await;
    let one = Node::start(&queue, &store).await;
    let mut other = Node::start(&queue, &store).await;
    server.sql_in(&store, POISON).await.unwrap();

    push(&one, "a", None, &messages(700)).await;
    push(&other, "a", None, &messages(300)).await;
    // The repetition reaches another node, which does not know the key.
    for node in [&one, &other] {
        push(node, "b", Some("7"), &messages(5)).await;
    }
    push(&one, "b", None, &["poison".to_owned(), "fine".to_owned()]).await;
    let of_a = |missing: u64| {
        let stored = 1_000 - missing;
        json!({
            "received": 1_000, "stored": stored, "deduplicated": 0, "dead": 0, "in_flight": 0, "missing": missing,
        })
    };
    let of_b = json!({"received": 12, "stored": 6, "deduplicated": 5, "dead": 1, "in_flight": 0, "missing": 0});
    for node in [&one, &other] {
        until_numbers(node, "a", of_a(0)).await;
        until_numbers(node, "b", of_b.clone()).await;
    }
    let ledger = |node: &Node| {
        Command::new(env!("CARGO_BIN_EXE_logboom")).args(["ledger", "--server", &node.url]).output().unwrap()
    };
    let balanced = ledger(&one);
    assert!(balanced.status.success(), "{}", String::from_utf8_lossy(&balanced.stderr));

    server.sql_in(&store, "delete from logboom.logs where service = 'a' and message = 'message 299'").await.unwrap();
    assert_eq!(count(&one.url, "a").await, 998, "both nodes had sent one of this text");
    for node in [&one, &other] {
        until_numbers(node, "a", of_a(2)).await;
        until_numbers(node, "b", of_b.clone()).await;
    }
    let lossy = ledger(&other);
    assert!(!lossy.status.success());
    let error = String::from_utf8_lossy(&lossy.stderr).into_owned();
    assert!(error.contains("2 of 1012 received records are missing"), "{error}");

    // Also once the node that received them is gone.
    other.stop().await;
    until_numbers(&one, "a", of_a(2)).await;
}
