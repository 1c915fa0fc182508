//! What could not be stored is listed, and tried again, by command.

use std::process::{Command, Output};

use pipeline::envelope;
use testkit::{
    records,
    servers::{postgres::Postgres, rabbitmq::RabbitMq},
};

use crate::{
    load::count,
    node::{Node, PATIENCE},
};

fn logboom(node: &Node, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_logboom")).args(words).args(["--server", &node.url]).output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dead_letters_are_listed_and_replayed_by_command() {
    let server = Postgres::shared().await;
    let store = server.fresh_database().await;
    let mut node = Node::start(&RabbitMq::shared().await.fresh_queue(), &store).await;

    let mut batch = records::batch(7, 3);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64;
    for record in &mut batch.records {
        (record.service, record.time) = ("once-dead".into(), now);
    }
    let put = |payload: &[u8], reason: &str, records: usize| {
        format!(
            "insert into logboom.dead_letters (reason, producer, payload, records) \
             values ('{reason}', 'test', '\\x{}', {records})",
            hex::encode(payload)
        )
    };
    let whole = envelope::encode(&batch);
    server.sql_in(&store, &put(&whole, "the table was dropped", 3)).await.unwrap();
    server.sql_in(&store, &put(b"no batch at all", "it does not decode", 0)).await.unwrap();

    let listed = logboom(&node, &["dead-letters"]);
    let lines = String::from_utf8(listed.stdout).unwrap();
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].ends_with("0 records\ttest\tit does not decode"), "{lines:?}");
    assert!(lines[1].ends_with("3 records\ttest\tthe table was dropped"), "{lines:?}");

    // The one is stored; the other stays, and the command says why and fails.
    let replayed = logboom(&node, &["replay", "--all"]);
    assert!(!replayed.status.success());
    assert!(String::from_utf8_lossy(&replayed.stderr).contains("holds no batch"), "{replayed:?}");
    let id = lines[1].split('\t').next().unwrap();
    assert_eq!(String::from_utf8_lossy(&replayed.stdout), format!("{id}: replayed\n"));
    let stored = async {
        while count(&node.url, "once-dead").await != 3 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, stored).await.unwrap();
    let left = logboom(&node, &["dead-letters", "--json"]);
    let left: serde_json::Value = serde_json::from_slice(&left.stdout).unwrap();
    assert_eq!(left["reason"], "it does not decode");

    let unknown = logboom(&node, &["replay", "123456789"]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no dead letter has the id"), "{unknown:?}");
    node.stop().await;
}
