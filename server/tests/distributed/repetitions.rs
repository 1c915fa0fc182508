//! A request that is sent again under its key.

use std::time::Duration;

use crate::{
    load::{a_fresh_record_gets_through, count},
    node::{Node, client},
};

#[tokio::test]
async fn an_idempotency_key_is_its_services_own_and_a_repetition_is_told() {
    let node = Node::start("embedded", "embedded").await;
    let http = client(Duration::from_secs(30));
    for (service, duplicate) in [("first", false), ("second", false), ("first", true), ("second", true)] {
        let body = serde_json::json!({"service": service, "message": "once"}).to_string();
        let push = http.post(format!("{}/api/v1/push", node.url)).header("idempotency-key", "1").body(body);
        let answer = push.send().await.unwrap();
        assert_eq!(answer.headers().get("idempotent-replayed").is_some(), duplicate, "{service}");
        let answer: serde_json::Value = answer.json().await.unwrap();
        let mut expected = serde_json::json!({"accepted": 1, "rejected": 0});
        if duplicate {
            expected["duplicate"] = true.into();
        }
        assert_eq!(answer, expected, "{service}");
    }
    a_fresh_record_gets_through(&node.url, "third").await;
    for service in ["first", "second"] {
        assert_eq!(count(&node.url, service).await, 1, "{service}");
    }
}
