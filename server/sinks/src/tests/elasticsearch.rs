//! The answers of `_bulk`.

use std::time::Duration;

use pipeline::{ErrorClass, follow::Sent};
use serde_json::json;

use super::{
    server::{Answer, Server, answer},
    sink, sink_with,
};
use crate::{
    examples::{full, outgoing, record},
    secrets::Credentials,
};

/// An answer of `_bulk` with these statuses.
fn bulk(action: &str, statuses: &[u16]) -> Answer {
    let item = |status: &u16| match status {
        200..=299 => json!({action: {"status": status}}),
        _ => json!({action: {"status": status, "error": {"type": "some_exception", "reason": "the reason"}}}),
    };
    let items: Vec<_> = statuses.iter().map(item).collect();
    answer(200, &json!({"errors": true, "items": items}).to_string())
}

#[tokio::test]
async fn a_batch_is_actions_and_documents() {
    let server = Server::start([bulk("index", &[201, 200, 200])]).await;
    let service = |service: &str| model::Record { service: service.into(), ..record("m") };
    let batch = outgoing([full(), service("Shop/API"), service("")]);
    let key = Credentials::ApiKey("s3cret".into());
    let url = server.url("/es/%7Bservice%7D-{yyyy}.{MM}.{dd}?compress=gzip");
    let sent = sink_with("elasticsearch+http", &url, key).send(&batch).await.unwrap();
    assert_eq!(sent, Sent::default());
    let [seen] = &server.seen().await[..] else { panic!() };
    assert!(seen.path.starts_with("/es/_bulk?filter_path="), "{}", seen.path);
    assert_eq!(seen.header("authorization"), Some("ApiKey s3cret"));
    assert!(seen.header("content-length").is_some() && seen.header("idempotency-key").is_some());
    let lines = seen.lines();
    let id = |n: usize| batch.records[n].record.id.to_string();
    assert_eq!(lines[0], json!({"index": {"_index": "shop-2023.11.14", "_id": id(0)}}));
    assert_eq!(lines[1]["@timestamp"], "2023-11-14T22:13:20.000000123Z");
    assert_eq!(lines[2], json!({"index": {"_index": "shop_api-2023.11.14", "_id": id(1)}}));
    assert_eq!(lines[3]["message"], "m");
    // No index begins with `_` or `-`.
    assert_eq!(lines[4]["index"]["_index"], "2023.11.14");
}

#[tokio::test]
async fn a_refused_document_is_refused_with_its_reason() {
    let server = Server::start([bulk("index", &[201, 400, 201, 409])]).await;
    let sent = sink("elasticsearch+http", &server.url("/logs"))
        .send(&outgoing(["a", "b", "c", "d"].map(record)))
        .await
        .unwrap();
    let refused: Vec<_> = sent.refused.iter().map(|one| (one.index, one.reason.as_str())).collect();
    assert_eq!(refused, [(1, "some_exception: the reason"), (3, "some_exception: the reason")]);
}

#[tokio::test]
async fn a_document_that_was_created_before_counts_as_stored() {
    let server = Server::start([bulk("create", &[409, 201])]).await;
    let sent = sink("elasticsearch+http", &server.url("/logs?action=create"))
        .send(&outgoing(["a", "b"].map(record)))
        .await
        .unwrap();
    assert_eq!(sent, Sent::default());
    assert!(server.seen().await[0].lines()[0].get("create").is_some());
}

#[tokio::test]
async fn only_documents_that_found_it_busy_are_sent_again() {
    let server =
        Server::start([bulk("index", &[429, 201, 400, 503]), bulk("index", &[201, 429]), bulk("index", &[400])]).await;
    let batch = outgoing(["a", "b", "c", "d"].map(record));
    let sent = sink("elasticsearch+http", &server.url("/logs")).send(&batch).await.unwrap();
    assert_eq!(sent.refused.iter().map(|one| one.index).collect::<Vec<_>>(), [2, 3]);
    let seen = server.seen().await;
    let messages = |n: usize| -> Vec<_> {
        seen[n].lines().iter().filter_map(|line| line["message"].as_str().map(str::to_owned)).collect()
    };
    let keys: std::collections::HashSet<_> = seen.iter().map(|seen| seen.header("idempotency-key")).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!((messages(1), messages(2)), (vec!["a".to_owned(), "d".to_owned()], vec!["d".to_owned()]));
}

#[tokio::test]
async fn a_destination_that_stays_busy_is_overloaded() {
    let busy = || bulk("index", &[429]);
    let server = Server::start([busy(), busy(), busy(), busy()]).await;
    let mut sink = sink("elasticsearch+http", &server.url("/logs"));
    let error = sink.send(&outgoing([record("m")])).await.unwrap_err();
    assert_eq!((error.class, error.retry_after), (ErrorClass::Overloaded, None));
    assert!(error.message.contains("too busy for 1 documents: some_exception: the reason"), "{error}");
    assert_eq!(server.seen().await.len(), 4);
}

#[tokio::test]
async fn the_wait_of_a_busy_destination_is_kept() {
    let body = r#"{"errors":true,"items":[{"index":{"status":429}}]}"#;
    let server = Server::start([Answer::Now(200, vec![("retry-after", "9")], body.into())]).await;
    let error = sink("elasticsearch+http", &server.url("/logs")).send(&outgoing([record("m")])).await.unwrap_err();
    assert_eq!((error.class, error.retry_after), (ErrorClass::Overloaded, Some(Duration::from_secs(9))));
}

#[tokio::test]
async fn an_index_that_is_forbidden_or_full_costs_no_record() {
    for status in [401, 403, 404] {
        let server = Server::start([bulk("index", &[201, status])]).await;
        let mut sink = sink("elasticsearch+http", &server.url("/logs"));
        let error = sink.send(&outgoing(["a", "b"].map(record))).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable);
        assert!(error.message.contains("refuses the index: some_exception: the reason"), "{error}");
    }
}

#[tokio::test]
async fn an_answer_of_something_else_acknowledges_nothing() {
    for body in ["<html>log in</html>", "{}", r#"{"items":[]}"#, r#"{"items":[{"index":{}}]}"#] {
        let server = Server::start([answer(200, body)]).await;
        let error = sink("elasticsearch+http", &server.url("")).send(&outgoing([record("m")])).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable, "{body}");
        assert!(error.message.contains("no answer of Elasticsearch's _bulk"), "{error}");
    }
}
