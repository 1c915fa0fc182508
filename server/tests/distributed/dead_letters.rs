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

    // Found by what they say, shown with what they hold.
    let found = text(&logboom(&node, &["dead-letters", "list", "--reason", "TABLE", "--from", "-1h"]));
    assert_eq!(found.trim_end(), lines[1]);
    assert_eq!(text(&logboom(&node, &["dead-letters", "--door", "syslog"])), "");
    let dropped = lines[1].split('\t').next().unwrap();
    let shown: serde_json::Value =
        serde_json::from_str(&text(&logboom(&node, &["dead-letters", "show", dropped]))).unwrap();
    assert_eq!((&shown["services"][0], shown["content"].as_array().unwrap().len()), (&"once-dead".into(), 3));
    assert_eq!(logboom(&node, &["dead-letters", "show", "--raw", dropped]).stdout, whole);
    let downloaded = text(&logboom(&node, &["dead-letters", "download"]));
    let downloaded: Vec<serde_json::Value> =
        downloaded.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(downloaded[0]["payload_hex"], hex::encode("no batch at all"));
    assert_eq!(downloaded[1], shown);

    // The one is stored; the other stays, and the command says why and fails.
    let replayed = logboom(&node, &["dead-letters", "replay", "--all"]);
    assert!(!replayed.status.success());
    assert!(String::from_utf8_lossy(&replayed.stderr).contains("contains no valid batch"), "{replayed:?}");
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

    by_filter(&node).await;

    let unknown = logboom(&node, &["dead-letters", "replay", "123456789"]);
    assert!(!unknown.status.success());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("no dead letter has the id"), "{unknown:?}");
    node.stop().await;
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// One letter is left, which does not decode: the page's forms and the command delete by filter.
async fn by_filter(node: &Node) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let page = async || {
        let page = client.get(format!("{}/system", node.url)).send().await.unwrap();
        page.error_for_status().unwrap().text().await.unwrap()
    };
    let shown = page().await;
    assert!(shown.contains("data-testid=\"dead-letter\"") && shown.contains("it does not decode"), "{shown}");
    let send = async |body: &'static str| {
        let form = client.post(format!("{}/system/dead-letters", node.url));
        form.header("Content-Type", "application/x-www-form-urlencoded").body(body).send().await.unwrap()
    };
    // Nothing is deleted without saying which.
    assert_eq!(send("action=delete").await.status(), 400);
    let all = client.delete(format!("{}/api/v1/dead-letters", node.url)).send().await.unwrap();
    assert_eq!(all.status(), 400);
    let refused = logboom(node, &["dead-letters", "delete"]);
    assert!(!refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("--all"), "{refused:?}");
    // What does not match, and what came later than the page, stays.
    for body in ["action=delete&upto=999999&reason=elsewhere", "action=delete&upto=0&reason="] {
        let answer = send(body).await;
        assert_eq!(answer.status(), 303, "{body}");
        let back = answer.headers()["location"].to_str().unwrap();
        assert!(back.starts_with("/system?") && back.contains("done=deleted&number=0"), "{back}");
    }
    assert!(page().await.contains("it does not decode"));
    let left = text(&logboom(node, &["dead-letters", "delete", "--reason", "DECODE"]));
    assert!(left.ends_with(": deleted\n") && left.lines().count() == 1, "{left}");
    assert_eq!(text(&logboom(node, &["dead-letters"])), "");
    assert!(page().await.contains("no-dead-letters"));
}
