//! A panic in an input restarts that input alone, and it goes on where it was.
//!
//! Each source is a file `log` in a folder with the name of the task. That of `docker` is served by a daemon of the
//! test, and that of `journald` is read by a script in place of `journalctl`, which is found by `PATH`. So the test runs
//! once more in a process of its own.

use std::{
    collections::{BTreeMap, HashSet},
    env,
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use axum::{Router, body::Body, http::Uri};
use clap::Parser as _;
use futures::{StreamExt as _, stream};
use parking_lot::Mutex;
use pipeline::{
    Content, Queue as _, Supervisor,
    admit::{Ingest, IngestOptions},
};
use testkit::memory::MemoryQueue;
use tokio::net::UnixListener;
use tokio_util::sync::CancellationToken;

use super::{
    inputs::{self, Context},
    status::Inputs,
};
use crate::{config::InputOptions, testing::until};

const TASKS: [&str; 4] = ["files", "kubernetes", "docker", "journald"];
const NAME: &str = "agent::panics::a_panic_restarts_one_input_and_no_line_is_lost_or_doubled";
/// The folder of the test, in the environment of its own process.
const FOLDER: &str = "LOGBOOM_TEST_FOLDER";

/// Writes each line of the log as an entry. The cursor is the number of the line.
const JOURNALCTL: &str = r#"#!/bin/sh
after=0 number=0
for argument; do
    case "$argument" in
    --directory=*) folder="${argument#*=}" ;;
    --after-cursor=*) after="${argument#*=}" ;;
    --follow) follow=yes ;;
    esac
done
test "$follow" || exit 0
while read -r line; do
    number=$((number + 1))
    test "$number" -le "$after" && continue
    printf '__CURSOR=%s\n__REALTIME_TIMESTAMP=1704067200000000\nMESSAGE=%s\n\n' "$number" "$line"
done < "$folder/log"
# Ends with the program that follows it.
exec tail -f /dev/null --pid=$PPID
"#;

#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    inputs: InputOptions,
}

/// The daemon of one container.
fn serve_docker(folder: &Path) {
    let listener = UnixListener::bind(folder.join("socket")).unwrap();
    let log = folder.join("log");
    let answer = move |uri: Uri| {
        let open = |text: String| {
            let text = stream::once(async move { Ok::<_, std::io::Error>(text) });
            Body::from_stream(text.chain(stream::pending()))
        };
        std::future::ready(match uri.path() {
            "/events" => open("\n".to_owned()),
            "/containers/json" => Body::from(r#"[{"Id":"a","State":"running"}]"#),
            "/containers/a/logs" => open(fs::read_to_string(&log).unwrap()),
            _ => Body::from(r#"{"Config":{"Tty":true},"State":{"Running":true}}"#),
        })
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
}

/// Appends a line to the source of a task.
fn write(folder: &Path, task: &str, number: u32) {
    let time = match task {
        "kubernetes" => format!("2024-01-01T00:00:{number:02}Z stdout F "),
        "docker" => format!("2024-01-01T00:00:{number:02}Z "),
        _ => String::new(),
    };
    let mut log = OpenOptions::new().append(true).create(true).open(folder.join(task).join("log")).unwrap();
    log.write_all(format!("{time}{task} {number}\n").as_bytes()).unwrap();
}

/// Takes the messages from the queue; those of a batch that comes twice once.
async fn take(queue: Arc<MemoryQueue>, messages: Arc<Mutex<Vec<String>>>) {
    let mut known = HashSet::new();
    loop {
        for delivery in queue.receive(100).await.unwrap() {
            let Content::Batch(batch) = delivery.content else { panic!("an undecodable batch") };
            if known.insert(batch.id) {
                messages.lock().extend(batch.records.iter().map(|record| record.message.clone()));
            }
        }
    }
}

#[tokio::test]
async fn a_panic_restarts_one_input_and_no_line_is_lost_or_doubled() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else { return run_again() };
    for task in TASKS {
        write(&folder, task, 1);
    }
    serve_docker(&folder.join("docker"));
    let log = |task: &str| folder.join(task).join("log").display().to_string();
    let (socket, journal) = (folder.join("docker/socket"), folder.join("journald"));
    let options = Options::parse_from([
        "agent",
        "--file",
        &log("files"),
        "--kubernetes",
        &log("kubernetes"),
        "--docker",
        &socket.display().to_string(),
        "--journald",
        &journal.display().to_string(),
    ]);
    let queue = Arc::new(MemoryQueue::new());
    let ingest = Ingest::start(queue.clone(), IngestOptions::default());
    let (supervisor, stop, messages) = (Supervisor::default(), CancellationToken::new(), Arc::default());
    tokio::spawn(take(queue, Arc::clone(&messages)));
    let context = Context { data: &folder, ingest: &ingest, supervisor: &supervisor, stop: &stop };
    let reading = inputs::start(&options.inputs, &context, &Inputs::default()).await.unwrap();

    let restarts =
        || -> BTreeMap<String, u64> { supervisor.tasks().into_iter().map(|task| (task.name, task.restarts)).collect() };
    let mut expected = BTreeMap::from(TASKS.map(|task| (task.to_owned(), 0)));
    for task in TASKS {
        until(task, || messages.lock().contains(&format!("{task} 1"))).await;
        assert!(supervisor.panic_in(task), "no task {task}");
        // Not before the panic, which comes first when the task runs again.
        write(&folder, task, 2);
        expected.insert(task.to_owned(), 1);
        until(task, || restarts() == expected).await;
        until(task, || messages.lock().contains(&format!("{task} 2"))).await;
    }
    assert_eq!(restarts(), expected);
    let mut found = messages.lock().clone();
    found.sort_unstable();
    let mut lines: Vec<String> =
        TASKS.iter().flat_map(|task| [1, 2].map(|number| format!("{task} {number}"))).collect();
    lines.sort_unstable();
    assert_eq!(found, lines);
    stop.cancel();
    for task in reading {
        task.await.unwrap();
    }
}

/// Runs the test in a process of its own, whose `PATH` begins with a folder with the script.
fn run_again() {
    let folder = tempfile::tempdir().unwrap();
    for task in TASKS {
        fs::create_dir(folder.path().join(task)).unwrap();
    }
    let program = folder.path().join("journalctl");
    fs::write(&program, JOURNALCTL).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let others = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(std::iter::once(folder.path().to_owned()).chain(env::split_paths(&others))).unwrap();
    let test = Command::new(env::current_exe().unwrap())
        .args(["--exact", NAME, "--nocapture"])
        .env("PATH", path)
        .env(FOLDER, folder.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&test.stdout);
    assert!(test.status.success() && output.contains("1 passed"), "{output}{}", String::from_utf8_lossy(&test.stderr));
}
