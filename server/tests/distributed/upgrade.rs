//! Two versions of the program on one queue and one store, as during a rolling upgrade.
//!
//! One program plays all versions: `LOGBOOM_TEST_FORMATS` lets a node write batches and documents as the version before
//! or the version after would.

use std::{fs, path::Path, sync::Arc, time::Duration};

use parking_lot::RwLock;
use serde_json::{Value, json};
use testkit::{
    chaos::Proxy,
    servers::{postgres::Postgres, rabbitmq::RabbitMq},
};

use crate::{
    load::{Load, a_fresh_record_gets_through, count, push},
    node::{Node, PATIENCE, client},
};

async fn node(version: &str, queue: &str, store: &str, more: &[(&str, String)]) -> Node {
    let environment = [&[("LOGBOOM_TEST_FORMATS", version.to_owned())], more].concat();
    Node::start_with(queue, store, &environment).await
}

/// A figure of `/metrics`; 0 before the node has it.
async fn metric(node: &Node, name: &str) -> f64 {
    let text = client(PATIENCE).get(format!("{}/metrics", node.url)).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    line.unwrap_or_default()
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let reached = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, reached).await.is_ok(), "{what}: not within {PATIENCE:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_of_three_versions_share_a_queue_and_lose_and_double_nothing() {
    let queue = RabbitMq::shared().await.fresh_queue();
    let store = Postgres::shared().await.fresh_database().await;
    let mut previous = node("previous", &queue, &store, &[]).await;
    let current = node("current", &queue, &store, &[]).await;
    let urls = Arc::new(RwLock::new(vec![previous.url.clone(), current.url.clone()]));
    let load = Load::start("versions", &urls, 0);
    load.goes_on(1_000).await;
    // The upgrade: each node is replaced by one that is two versions newer, under load.
    let next = node("next", &queue, &store, &[]).await;
    *urls.write() = vec![next.url.clone(), current.url.clone()];
    previous.stop().await;
    load.goes_on(3_000).await;
    until("the older node returns newer batches", async || {
        metric(&current, "logboom_rabbitmq_newer_returned_total").await > 0.0
    })
    .await;
    load.verify().await;
    assert!(current.log().contains("batches of a newer version"), "{}", current.log());
    for node in [&current, &next] {
        assert_eq!(metric(node, "logboom_dead_letters").await, 0.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_batch_waits_for_a_newer_node_and_holds_nothing_else_up() {
    let server = Postgres::shared().await;
    let direct = server.address().unwrap();
    let proxy = Proxy::start(direct).await.unwrap();
    let store = server.fresh_database().await;
    let queue = RabbitMq::shared().await.fresh_queue();
    let current = node("current", &queue, &store, &[]).await;
    let cut_off = store.replace(&direct.to_string(), &proxy.address().to_string());
    let mut next = node("next", &queue, &cut_off, &[]).await;
    proxy.cut();
    push(&next.url, "waits", "for a newer node").await;
    next.kill();

    until("the older node has it", async || metric(&current, "logboom_queue_newer_batches").await > 0.0).await;
    for number in 0..3 {
        a_fresh_record_gets_through(&current.url, &format!("meanwhile-{number}")).await;
    }
    assert_eq!((count(&current.url, "waits").await, metric(&current, "logboom_dead_letters").await), (0, 0.0));
    let newer = node("next", &queue, &store, &[]).await;
    until("the newer node stores it", async || count(&newer.url, "waits").await == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_of_a_newer_version_are_left_to_newer_nodes() {
    let queue = RabbitMq::shared().await.fresh_queue();
    let store = Postgres::shared().await.fresh_database().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out.log");
    let sink = [("LOGBOOM_SINK", format!("file=file://{}?query=service:forwarded", file.display()))];
    // Without the sink: it only makes what both versions share.
    let current = node("current", &queue, &store, &[]).await;
    let mut next = node("next", &queue, &store, &sink).await;
    let http = client(PATIENCE);
    let save = |node: &Node, name: &str| {
        http.put(format!("{}/api/v1/views/{name}", node.url)).json(&json!({"address": "/?q=a"})).send()
    };
    let names = async |node: &Node| -> Vec<String> {
        let views: Vec<Value> =
            http.get(format!("{}/api/v1/views", node.url)).send().await.unwrap().json().await.unwrap();
        views.iter().map(|view| view["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(save(&current, "old").await.unwrap().status(), 204);
    assert_eq!(save(&next, "new").await.unwrap().status(), 204);
    assert_eq!(names(&next).await, ["new", "old"]);
    assert_eq!(names(&current).await, ["old"]);
    let refused = save(&current, "new").await.unwrap();
    assert_eq!(refused.status(), 503);
    let problem: Value = refused.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("update this node"), "{problem}");

    let lines = |file: &Path| fs::read_to_string(file).unwrap_or_default().lines().count();
    push(&next.url, "forwarded", "one").await;
    until("the newer node forwards", async || lines(&file) == 1).await;
    next.kill();
    // An older node with the sink cannot read the cursor, and must not begin a new one.
    let older = node("current", &queue, &store, &sink).await;
    push(&older.url, "forwarded", "two").await;
    until("the older node says why", async || {
        let sinks: Value = http.get(format!("{}/api/v1/sinks", older.url)).send().await.unwrap().json().await.unwrap();
        sinks[0]["error"].as_str().is_some_and(|error| error.contains("newer version"))
    })
    .await;
    assert_eq!(lines(&file), 1);
    let _next = node("next", &queue, &store, &sink).await;
    until("a newer node goes on", async || lines(&file) == 2).await;
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.lines().zip(["one", "two"]).all(|(line, message)| line.contains(message)), "{text}");
}
