//! Tests of a slot, with a shell script in place of the program.

use std::{
    fs,
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    process::Command,
    sync::Arc,
    time::Duration,
};

use pipeline::Supervisor;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    net::TcpListener,
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    group::Group,
    process::Launch,
    slot::{self, Notice, Roll, Slot},
    supervise,
};
use crate::{sockets::Socket, streams::Distributor, testing::until};

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
    supervisor: Supervisor,
    slot: JoinHandle<()>,
}

fn start(script: &str) -> Running {
    start_with(script, Vec::new())
}

fn start_with(script: &str, datagrams: Vec<Socket>) -> Running {
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
        datagrams,
        group: group.clone(),
        rolls: requested,
        notices: sender,
        stop: stop.clone(),
        leaving: JoinSet::new(),
    };
    let supervisor = Supervisor::default();
    let slot = tokio::spawn(slot.supervise(supervisor.clone()));
    Running { folder, group, rolls, notices, stop, supervisor, slot }
}

impl Running {
    async fn is_ready(&mut self) {
        let notice = timeout(Duration::from_secs(60), self.notices.recv()).await.expect("a notice");
        assert_eq!(notice, Some(Notice::Ready { announcement: "hello".to_owned() }));
    }

    /// Makes the slot panic, and waits until it has.
    async fn panics(&self) {
        assert!(self.supervisor.panic_in("worker slot 1"));
        until("the slot panics", || self.supervisor.tasks()[0].last_error.is_some()).await;
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
async fn each_worker_of_a_slot_gets_the_sockets_of_the_slot() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = Socket { name: "gelf-udp".to_owned(), descriptor: socket.into() };
    let mut running = start_with(&format!("read -r line; echo \"gets $line\" >> log\n{WORKER}"), vec![socket]);
    running.is_ready().await;
    let first = running.log()[1].1.clone();
    assert!(Command::new("kill").args(["-9", &first]).status().unwrap().success());
    running.is_ready().await;
    assert_eq!(slot::roll(vec![running.rolls.clone()]).await, Ok(()));
    running.is_ready().await;
    let log = running.ends().await;
    let got = log.iter().filter(|(verb, _)| verb == "gets").map(|(_, line)| line.as_str());
    assert_eq!(got.collect::<Vec<_>>(), [r#"{"socket":{"name":"gelf-udp"}}"#; 3]);
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

#[tokio::test]
async fn a_panic_in_a_slot_keeps_its_worker_and_its_sockets_and_the_slot_goes_on() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let socket = Socket { name: "gelf-udp".to_owned(), descriptor: socket.into() };
    let mut running = start_with(&format!("read -r line; echo \"gets $line\" >> log\n{WORKER}"), vec![socket]);
    running.is_ready().await;
    running.panics().await;
    // Also a request that comes before the restart is answered.
    assert_eq!(slot::roll(vec![running.rolls.clone()]).await, Ok(()));
    running.is_ready().await;
    let tasks = running.supervisor.tasks();
    let restarts: Vec<_> = tasks.iter().map(|task| (task.name.as_str(), task.restarts)).collect();
    assert_eq!(restarts, [("worker slot 1", 1)]);
    let begun = |log: &[(String, String)]| -> Vec<String> {
        log.iter().filter(|(verb, _)| verb == "begins").map(|(_, pid)| pid.clone()).collect()
    };
    let workers = begun(&running.log());
    assert_eq!(workers.len(), 2, "the panic cost no worker: {:?}", running.log());
    assert!(Command::new("kill").args(["-9", &workers[1]]).status().unwrap().success());
    running.is_ready().await;
    let figures = running.group.figures();
    assert_eq!((figures.ready, figures.deaths, figures.rolled), (1, 1, 1));
    let log = running.ends().await;
    assert_eq!(begun(&log).len(), 3);
    let got = log.iter().filter(|(verb, _)| verb == "gets").map(|(_, line)| line.as_str());
    assert_eq!(got.collect::<Vec<_>>(), [r#"{"socket":{"name":"gelf-udp"}}"#; 3]);
}

#[tokio::test]
async fn a_worker_drains_at_a_stop_between_a_panic_and_the_restart() {
    let mut running = start(WORKER);
    running.is_ready().await;
    running.panics().await;
    let log = running.ends().await;
    assert_eq!(log.iter().map(|(verb, _)| verb.as_str()).collect::<Vec<_>>(), ["begins", "drains"]);
}

#[tokio::test]
async fn a_panic_in_the_registration_with_the_distributor_is_followed_by_another_registration() {
    let (supervisor, stop) = (Supervisor::default(), CancellationToken::new());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let distributor = Distributor { address: address.to_string(), advertise: None, listening: address };
    supervise::keep_registered(distributor, &supervisor, &stop);
    let mut open = Vec::new();
    for restarts in [0, 1] {
        let (stream, _) = timeout(Duration::from_secs(60), listener.accept()).await.expect("a connection").unwrap();
        let mut stream = BufReader::new(stream);
        let mut packet = Vec::new();
        // The last byte of the packet's end.
        stream.read_until(0xb6, &mut packet).await.unwrap();
        let packet = String::from_utf8(packet).unwrap();
        assert!(packet.ends_with('¶') && packet.contains("/distributes"), "{packet}");
        open.push(stream);
        let tasks: Vec<_> = supervisor.tasks().into_iter().map(|task| (task.name, task.restarts)).collect();
        assert_eq!(tasks, [("distributor".to_owned(), restarts)]);
        assert!(supervisor.panic_in("distributor"));
    }
    stop.cancel();
}
