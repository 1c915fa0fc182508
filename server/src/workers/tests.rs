//! Tests of a slot, with a shell script in place of the program.

use std::{fs, path::Path, process::Command, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    group::Group,
    process::Launch,
    slot::{self, Notice, Roll, Slot},
};

/// A worker: notes its start, is ready at once, and drains when its input ends.
const WORKER: &str = r#"
echo "begins $$" >> log
echo '{"ready":{"announcement":"hello"}}' >&0
while read -r line; do :; done
echo "drains $$" >> log
"#;

struct Running {
    folder: tempfile::TempDir,
    group: Group,
    rolls: mpsc::Sender<Roll>,
    notices: mpsc::Receiver<Notice>,
    stop: CancellationToken,
    slot: JoinHandle<()>,
}

fn start(script: &str) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let script = format!("cd {}\n{script}", folder.path().display());
    let launch =
        Launch { program: "/bin/sh".into(), arguments: ["-c".into(), script.into()].into(), sockets: Vec::new() };
    let (group, stop) = (Group::default(), CancellationToken::new());
    let (sender, notices) = mpsc::channel(16);
    let (rolls, requested) = mpsc::channel(1);
    let slot = Slot {
        number: 1,
        launch: Arc::new(launch),
        group: group.clone(),
        rolls: requested,
        notices: sender,
        stop: stop.clone(),
        leaving: JoinSet::new(),
    };
    Running { folder, group, rolls, notices, stop, slot: tokio::spawn(slot.run()) }
}

impl Running {
    async fn is_ready(&mut self) {
        let notice = timeout(Duration::from_secs(60), self.notices.recv()).await.expect("a notice");
        assert_eq!(notice, Some(Notice::Ready { announcement: "hello".to_owned() }));
    }

    /// The lines that the workers wrote: a verb and a process id.
    fn log(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.split_once(' '));
        lines.map(|(verb, pid)| (verb.to_owned(), pid.to_owned())).collect()
    }

    async fn ends(self) -> Vec<(String, String)> {
        self.stop.cancel();
        let log = self.folder.path().join("log");
        timeout(Duration::from_secs(60), self.slot).await.expect("an end").unwrap();
        let text = fs::read_to_string(log).unwrap();
        text.lines().filter_map(|line| line.split_once(' ')).map(|(a, b)| (a.to_owned(), b.to_owned())).collect()
    }
}

#[tokio::test]
async fn a_killed_worker_is_replaced_within_a_second_and_the_last_one_drains() {
    let mut running = start(WORKER);
    running.is_ready().await;
    let first = running.log()[0].1.clone();
    let killed = Instant::now();
    assert!(Command::new("kill").args(["-9", &first]).status().unwrap().success());
    running.is_ready().await;
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    let figures = running.group.figures();
    assert_eq!((figures.ready, figures.deaths, figures.rolled), (1, 1, 0));
    let log = running.ends().await;
    assert_eq!(log.iter().map(|(verb, _)| verb.as_str()).collect::<Vec<_>>(), ["begins", "begins", "drains"]);
    assert!(log[1].1 != first && log[2].1 == log[1].1, "{log:?}");
}

#[tokio::test]
async fn a_roll_asks_the_old_worker_to_end_once_the_new_one_is_ready() {
    let mut running = start(WORKER);
    running.is_ready().await;
    assert_eq!(slot::roll(vec![running.rolls.clone()]).await, Ok(()));
    running.is_ready().await;
    let figures = running.group.figures();
    assert_eq!((figures.ready, figures.deaths, figures.rolled), (1, 0, 1));
    let log = running.log();
    let is = |at: usize, verb: &str, like: usize| log[at].0 == verb && log[at].1 == log[like].1;
    assert!(log.len() == 3 && is(0, "begins", 0) && is(1, "begins", 1) && is(2, "drains", 0), "{log:?}");
    assert_eq!(running.ends().await.len(), 4);
}

#[tokio::test]
async fn a_roll_to_a_worker_that_fails_keeps_the_old_one() {
    let mut running = start(&format!("if test -e broken; then exit 3; fi\n{WORKER}"));
    running.is_ready().await;
    fs::write(running.folder.path().join("broken"), "").unwrap();
    let error = slot::roll(vec![running.rolls.clone()]).await.unwrap_err();
    assert_eq!(error, "worker 1: the new worker ended with code 3");
    let figures = running.group.figures();
    assert_eq!((figures.ready, figures.deaths, figures.rolled), (1, 0, 0));
    // The old one still runs, and drains at the end.
    let log = running.ends().await;
    assert_eq!(log.iter().map(|(verb, _)| verb.as_str()).collect::<Vec<_>>(), ["begins", "drains"]);
}

#[tokio::test]
async fn a_worker_that_dies_again_and_again_is_started_ever_later() {
    let mut running = start(&format!("{}exit 1", WORKER.replace("while", "sleep 0.05; exit 1; while")));
    for _ in 0..5 {
        running.is_ready().await;
    }
    // At least 50, 100, 200 and 400 ms lie between the starts: half of the bound of each wait.
    let before = Instant::now();
    running.is_ready().await;
    assert!(before.elapsed() > Duration::from_millis(600), "{:?}", before.elapsed());
    assert!(running.group.figures().deaths >= 5);
    assert_eq!(running.ends().await.iter().filter(|(verb, _)| verb == "drains").count(), 0);
}

#[tokio::test]
async fn a_failure_before_any_worker_was_ready_is_final() {
    let mut running = start("echo begins 1 >> log; exit 2");
    let notice = timeout(Duration::from_secs(60), running.notices.recv()).await.unwrap();
    assert_eq!(notice, Some(Notice::Failed { number: 1, reason: "ended with code 2".to_owned() }));
    assert_eq!(running.ends().await.len(), 1);
}

#[tokio::test]
async fn a_worker_does_not_outlive_its_slot() {
    let mut running = start(WORKER);
    running.is_ready().await;
    let pid = running.log()[0].1.clone();
    running.slot.abort();
    let process = Path::new("/proc").join(&pid);
    let is_alive = || {
        let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
        stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
    };
    let begun = Instant::now();
    while is_alive() {
        assert!(begun.elapsed() < Duration::from_secs(30));
        sleep(Duration::from_millis(20)).await;
    }
}
