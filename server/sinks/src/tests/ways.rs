//! The attribute `logboom.via` in what is sent.

use model::{Record, Text, Value};

use super::server::{Server, answer};
use crate::{
    Definition,
    examples::{outgoing, record},
};

fn with_way(message: &str, way: &str) -> Record {
    let mut record = record(message);
    record.attributes = vec![
        (Text::from("a"), Value::Int(1)),
        (Text::from("logboom.via"), Value::Text(way.into())),
        (Text::from("z"), Value::Int(2)),
    ];
    record
}

#[tokio::test]
async fn a_record_carries_the_stores_that_it_passed() {
    let refusal = r#"{"rejected":1,"rejections":[{"index":2,"reason":"bad"}]}"#;
    let server = Server::start([answer(200, refusal)]).await;
    let definition = Definition::parse(&format!("h={}", server.url("/in"))).unwrap();
    let mut sink = definition.build("0000000a").unwrap();
    let long = ["0000000b"; 8].join(",");
    let batch = outgoing([
        with_way("looped", &long),
        record("fresh"),
        with_way("passed on", "0000000b,0000000c"),
        with_way("empty", ""),
    ]);
    let sent = sink.send(&batch).await.unwrap();
    let lines = server.seen().await[0].lines();
    let ways: Vec<_> = lines.iter().map(|line| line["logboom.via"].as_str().unwrap()).collect();
    assert_eq!(ways, ["0000000a", "0000000b,0000000c,0000000a", "0000000a"]);
    let refused: Vec<_> = sent.refused.iter().map(|one| one.index).collect();
    assert_eq!(refused, [0, 3]);
    assert!(sent.refused[0].reason.contains("loop"), "{:?}", sent.refused);
    assert_eq!(sent.refused[1].reason, "bad");
}

#[tokio::test]
async fn a_batch_of_looped_records_is_not_sent() {
    let server = Server::start([]).await;
    let definition = Definition::parse(&format!("h={}", server.url("/in"))).unwrap();
    let long = ["0000000b"; 9].join(",");
    let sent = definition.build("0000000a").unwrap().send(&outgoing([with_way("looped", &long)])).await.unwrap();
    assert_eq!(sent.refused.len(), 1);
    assert!(server.seen().await.is_empty());
}
