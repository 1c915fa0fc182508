//! A damaged data folder: the program starts, says what is missing, and does as it is told.

use std::{
    fs,
    process::{Command, Output},
    sync::Arc,
};

use engine_embedded::{Options, inspect};
use testkit::records;

use crate::node::Node;

fn logboom(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_logboom")).args(words).output().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_part_is_named_everywhere_until_it_is_back_or_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().display().to_string();
    let (queue, store) = engine_embedded::open_pair(folder.path(), Options::default()).await.unwrap();
    queue.publish(Arc::new(records::batch(1, 30))).await.unwrap();
    let deliveries = queue.receive(100).await.unwrap();
    store.append(&deliveries).await.unwrap();
    queue.acknowledge(&[deliveries[0].receipt]).await.unwrap();
    store.close().await;
    queue.close().await;
    drop((queue, store));
    let path = inspect::parts(folder.path()).await.unwrap()[0].path.clone();
    let backup = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();

    let environment = [("LOGBOOM_DATA", data.clone())];
    let mut node = Node::start_with("embedded", "embedded", &environment).await;
    let get = async |node: &Node, path: &str| {
        let answer = reqwest::get(format!("{}{path}", node.url)).await.unwrap();
        answer.error_for_status().unwrap().text().await.unwrap()
    };
    let aside: serde_json::Value = serde_json::from_str(&get(&node, "/api/v1/parts/aside").await).unwrap();
    let name = aside[0]["name"].as_str().unwrap().to_owned();
    assert_eq!((&aside[0]["records"], &aside[0]["path"]), (&30.into(), &path.display().to_string().into()));
    assert!(get(&node, "/metrics").await.contains("\nlogboom_store_parts_aside 1\n"));
    assert!(get(&node, "/metrics").await.contains("\nlogboom_store_records_aside 30\n"));
    let page = get(&node, "/system").await;
    assert!(page.contains("data-testid=\"parts-aside\"") && page.contains(&name), "{page}");
    assert!(node.log().contains("set aside") && node.log().contains(&name), "{}", node.log());
    let listed = logboom(&["parts", "aside", "--server", &node.url]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.starts_with(&name) && listed.trim_end().ends_with("30 records\tits file is missing"), "{listed}");
    let checked = logboom(&["check", "--data", &data]);
    assert!(!checked.status.success() && String::from_utf8_lossy(&checked.stdout).contains(&name), "{checked:?}");
    node.stop().await;

    // Back from a backup.
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, &backup).unwrap();
    let mut node = Node::start_with("embedded", "embedded", &environment).await;
    assert_eq!(get(&node, "/api/v1/parts/aside").await, "[]");
    assert!(get(&node, "/metrics").await.contains("\nlogboom_store_records 30\n"));
    assert!(!get(&node, "/system").await.contains("parts-aside"));
    node.stop().await;

    fs::remove_file(&path).unwrap();
    let mut node = Node::start_with("embedded", "embedded", &environment).await;
    let unknown = logboom(&["parts", "give-up", "2020-01-01/none.parquet", "--server", &node.url]);
    assert!(
        !unknown.status.success() && String::from_utf8_lossy(&unknown.stderr).contains("is set aside"),
        "{unknown:?}"
    );
    let given_up = logboom(&["parts", "give-up", "--all", "--server", &node.url]);
    assert_eq!(String::from_utf8_lossy(&given_up.stdout), format!("{name}: given up\n"));
    assert_eq!(get(&node, "/api/v1/parts/aside").await, "[]");
    assert!(logboom(&["check", "--data", &data]).status.success());
    node.stop().await;
}
