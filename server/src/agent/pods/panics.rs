//! A panic of the task that follows the pods.

use std::sync::atomic::{AtomicUsize, Ordering};

use axum::{
    Router,
    body::Body,
    extract::{RawQuery, State},
    routing::get,
};
use futures::stream;
use pipeline::Supervisor;
use tokio::net::TcpListener;

use super::*;
use crate::{agent::status::Inputs, testing::until};

/// Each list has one pod more. A watch stays open and has no event.
async fn answer(State(lists): State<Arc<AtomicUsize>>, RawQuery(query): RawQuery) -> Body {
    if query.unwrap_or_default().contains("watch=") {
        return Body::from_stream(stream::pending::<Result<String, std::io::Error>>());
    }
    let count = lists.fetch_add(1, Ordering::SeqCst) + 1;
    let pod =
        |n| serde_json::json!({"metadata": {"name": format!("p{n}"), "namespace": "shop", "uid": format!("u{n}")}});
    let items: Vec<_> = (1..=count).map(pod).collect();
    Body::from(serde_json::json!({"metadata": {"resourceVersion": "7"}, "items": items}).to_string())
}

#[tokio::test]
async fn a_panic_keeps_the_known_pods_and_new_ones_become_known() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let api = Router::new().route("/api/v1/pods", get(answer)).with_state(Arc::default());
    tokio::spawn(async move { axum::serve(listener, api).await });
    let access = Access { url: url.parse().unwrap(), token: None, certificates: None, node: None };
    let (inputs, supervisor, stop) = (Inputs::default(), Supervisor::default(), CancellationToken::new());
    let pods = Pods::new(inputs.add("kubernetes"));
    let task = start(access, Arc::clone(&pods), &supervisor, &stop);
    let is_known = |name: &str| pods.find("shop", name, "").is_some();
    until("the first pod is known", || is_known("p1")).await;
    assert!(supervisor.panic_in("kubernetes pods"));
    until("the task has failed", || supervisor.tasks().iter().any(|task| task.last_error.is_some())).await;
    assert!(is_known("p1"));
    until("the next pod is known", || is_known("p2")).await;
    stop.cancel();
    task.await.unwrap();
}
