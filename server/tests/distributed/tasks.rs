//! Each supervised task on other engines has a test that makes it panic.

use std::time::{Duration, Instant};

use testkit::servers::{postgres::Postgres, rabbitmq::RabbitMq};

use crate::{
    covered,
    node::{Node, PATIENCE, client},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_test_makes_each_task_on_other_engines_panic() {
    let folder = tempfile::tempdir().unwrap();
    let url = |name: &str| format!("file://{}", folder.path().join(name).display());
    let any = || "127.0.0.1:0".to_owned();
    let environment = [
        ("LOGBOOM_SINK", format!("a={}", url("out.ndjson"))),
        ("LOGBOOM_ARCHIVE", url("archive")),
        ("LOGBOOM_CANARY", "1h".to_owned()),
        ("LOGBOOM_DISTRIBUTOR", "127.0.0.1:1".to_owned()),
        ("LOGBOOM_OTLP_LISTEN", any()),
        ("LOGBOOM_TCP_LISTEN", any()),
        ("LOGBOOM_SYSLOG_LISTEN", any()),
        ("LOGBOOM_GELF_LISTEN", any()),
        ("LOGBOOM_FLUENT_LISTEN", any()),
    ];
    let store = Postgres::shared().await.fresh_database().await;
    let node = Node::start_with(&RabbitMq::shared().await.fresh_queue(), &store, &environment).await;
    let begun = Instant::now();
    loop {
        let answer = client(Duration::from_secs(5)).get(format!("{}/metrics", node.url)).send().await.unwrap();
        let metrics = answer.text().await.unwrap();
        if covered::are_all_there("distributed", &metrics) {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "some tasks did not start:\n{metrics}\n{}", node.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
