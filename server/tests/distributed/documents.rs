//! Documents over the API and the command line, and those that are given as files.

use std::{
    fs,
    io::Write as _,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::node::{Node, client};

/// Runs a command with this on its standard input.
fn logboom(words: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn file(views: &[(&str, &str)]) -> String {
    let views = views.iter();
    let documents: Vec<Value> =
        views.map(|(name, address)| json!({"kind": "view", "name": name, "document": {"address": address}})).collect();
    json!({"format": 1, "documents": documents}).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_come_from_files_and_move_between_servers() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("team")).unwrap();
    fs::write(folder.path().join("team/views.json"), file(&[("from a file", "/?q=file")])).unwrap();
    let environment = [("LOGBOOM_CONFIG_DIR", folder.path().display().to_string())];
    let (node, other) =
        (Node::start_with("embedded", "embedded", &environment).await, Node::start("embedded", "embedded").await);
    let http = client(Duration::from_secs(30));
    let put = |name: &str| http.put(format!("{}/api/v1/views/{name}", node.url)).json(&json!({"address": "/?q=a"}));
    assert_eq!(put("a").send().await.unwrap().status(), 204);
    let views: Value = http.get(format!("{}/api/v1/views", node.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(
        views,
        json!([{"name": "a", "address": "/?q=a"}, {"name": "from a file", "address": "/?q=file", "read_only": true}])
    );
    let remove = http.delete(format!("{}/api/v1/views/from%20a%20file", node.url));
    for request in [put("from%20a%20file"), remove] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 409);
        let problem: Value = answer.json().await.unwrap();
        assert!(problem["detail"].as_str().unwrap().contains("team/views.json; change it there"), "{problem}");
    }

    let exported = logboom(&["documents", "export", "--kind", "view", "--server", &node.url], "");
    assert!(exported.status.success(), "{exported:?}");
    let text = String::from_utf8(exported.stdout).unwrap();
    let import = ["documents", "import", "-", "--server", &other.url];
    let imported = logboom(&import, &text);
    assert!(imported.status.success(), "{imported:?}");
    assert_eq!(String::from_utf8(imported.stdout).unwrap(), "added\tview a\nadded\tview from a file\n");
    let exported = logboom(&["documents", "export", "--server", &other.url], "");
    assert_eq!(String::from_utf8(exported.stdout).unwrap(), text);

    let changed = text.replace("/?q=file", "/?q=changed");
    let refused = logboom(&import, &changed);
    assert!(!refused.status.success());
    assert_eq!(String::from_utf8(refused.stdout).unwrap(), "unchanged\tview a\n");
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert!(stderr.contains("refused\tview from a file") && stderr.contains("--replace"), "{stderr}");
    let path = folder.path().join("changed");
    fs::write(&path, &changed).unwrap();
    let replaced =
        logboom(&["documents", "import", "--replace", &path.display().to_string(), "--server", &other.url], "");
    assert_eq!(String::from_utf8(replaced.stdout).unwrap(), "changed\tview from a file\nunchanged\tview a\n");

    let wrong = logboom(&import, &file(&[("b", "https://evil.example")]));
    let stderr = String::from_utf8(wrong.stderr).unwrap();
    assert!(!wrong.status.success() && stderr.contains("document 1 (view \"b\"): address"), "{stderr}");
    let large = http.post(format!("{}/api/v1/documents", other.url)).body(" ".repeat((8 << 20) + 1));
    assert_eq!(large.send().await.unwrap().status(), 413);
    let unknown = http.get(format!("{}/api/v1/documents?kind=nope", other.url)).send().await.unwrap();
    assert_eq!(unknown.status(), 400);
}

#[test]
fn a_wrong_file_stops_the_start_by_name_and_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("views.json"), file(&[("a", "/"), ("b", "//evil.example")])).unwrap();
    let data = folder.path().join("data").display().to_string();
    let config = folder.path().display().to_string();
    let words = ["serve", "--listen", "127.0.0.1:0", "--data", &data, "--config-dir", &config];
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    let started = command.args(words).env("LOGBOOM_SITE", folder.path()).output().unwrap();
    assert!(!started.status.success());
    let stderr = String::from_utf8(started.stderr).unwrap();
    assert!(stderr.contains("views.json: document 2 (view \"b\"): address is no address"), "{stderr}");
    assert!(!folder.path().join("data").exists(), "nothing was opened");
}
