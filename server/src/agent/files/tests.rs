use std::{
    fs::OpenOptions,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use pipeline::{BatchId, Content, Queue as _, admit::IngestOptions};
use testkit::{
    faulty::{FaultyQueue, Mode},
    memory::MemoryQueue,
};

use super::*;
use crate::agent::{records::Origin, status::Inputs};

struct Machine {
    folder: tempfile::TempDir,
    queue: Arc<MemoryQueue>,
    faulty: Arc<FaultyQueue>,
    /// Ids of batches, with the messages.
    received: Vec<(BatchId, Vec<String>)>,
    multiline: Option<&'static str>,
}

impl Machine {
    fn new() -> Self {
        let queue = Arc::new(MemoryQueue::new());
        let faulty = FaultyQueue::new(queue.clone());
        Self { folder: tempfile::tempdir().unwrap(), queue, faulty, received: Vec::new(), multiline: None }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// A process that ends with these messages, and has noted that the queue has them.
    async fn run_until_settled(&mut self, holds: impl Fn(&[String]) -> bool) {
        let checkpoints = self.path("checkpoints.json");
        let is_settled = || {
            let content: serde_json::Value = serde_json::from_slice(&std::fs::read(&checkpoints).ok()?).ok()?;
            content["files"].as_object()?.values().all(|file| file["sending"].is_null()).then_some(())
        };
        self.run_until(|messages| holds(messages) && is_settled().is_some()).await;
    }

    /// A process that follows the files until something holds.
    async fn run_until(&mut self, holds: impl Fn(&[String]) -> bool) {
        let ingest = Ingest::start(self.faulty.clone(), IngestOptions::default());
        let pattern = glob::Pattern::new(self.path("log*").to_str().unwrap()).unwrap();
        let format = Format { multiline: self.multiline.map(|rule| rule.parse().unwrap()), ..Format::default() };
        let settings = Settings::files(vec![pattern], format, "host".into());
        let status = Inputs::default().add("file");
        let mut files = Files::open(settings, self.path("checkpoints.json"), ingest, status).unwrap();
        let (queue, begun) = (self.queue.clone(), Instant::now());
        // The supervisor starts it again after an error: the process before it may still be replacing the checkpoints.
        'started: loop {
            let mut follow = std::pin::pin!(files.follow());
            loop {
                tokio::select! {
                    ended = &mut follow => {
                        let error = ended.unwrap_err();
                        assert!(error.message.contains("checkpoints"), "{error}");
                        continue 'started;
                    }
                    deliveries = queue.receive(1) => self.take(deliveries.unwrap()),
                    () = sleep(Duration::from_millis(50)) => {}
                }
                if holds(&self.messages()) {
                    return;
                }
                assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", self.received);
            }
        }
    }

    fn take(&mut self, deliveries: Vec<pipeline::Delivery>) {
        for delivery in deliveries {
            let Content::Batch(batch) = delivery.content else { continue };
            let messages = batch.records.iter().map(|record| record.message.clone()).collect();
            self.received.push((batch.id, messages));
        }
    }

    /// All messages, those of a batch that came twice once.
    fn messages(&self) -> Vec<String> {
        let mut known = HashSet::new();
        let new = self.received.iter().filter(|(id, _)| known.insert(*id));
        new.flat_map(|(_, messages)| messages.clone()).collect()
    }
}

fn has(count: usize) -> impl Fn(&[String]) -> bool {
    move |messages| messages.len() >= count
}

#[tokio::test]
async fn lines_come_once_over_rotations_to_names_that_match_and_restarts() {
    let mut machine = Machine::new();
    machine.append("log", "one\n");
    machine.run_until(has(1)).await;
    machine.append("log", "two\n");
    std::fs::rename(machine.path("log"), machine.path("log.1")).unwrap();
    machine.append("log", "three\n");
    machine.run_until(has(3)).await;
    std::fs::rename(machine.path("log.1"), machine.path("log.2")).unwrap();
    std::fs::rename(machine.path("log"), machine.path("log.1")).unwrap();
    machine.append("log", "four\n");
    machine.run_until(has(4)).await;
    machine.append("log", "five\n");
    machine.run_until(has(5)).await;
    let mut messages = machine.messages();
    messages.sort();
    assert_eq!(messages, ["five", "four", "one", "three", "two"]);
}

#[tokio::test]
async fn a_batch_whose_confirmation_was_lost_is_sent_again_under_its_id() {
    let mut machine = Machine::new();
    machine.append("log", "one\ntwo\n");
    // It is in the queue, and the process ends before it knows.
    machine.faulty.publish.set(Mode::LoseAnswer(Error::unavailable("lost")));
    machine.run_until(has(2)).await;
    machine.faulty.publish.set(Mode::Healthy);
    machine.append("log", "three\n");
    machine.run_until(has(3)).await;
    let batches: HashSet<BatchId> = machine.received.iter().map(|(id, _)| *id).collect();
    assert!(machine.received.len() > batches.len(), "it came twice: {:?}", machine.received);
    assert_eq!(machine.messages(), ["one", "two", "three"]);
}

fn gzip(path: &Path) {
    assert!(std::process::Command::new("gzip").arg(path).status().unwrap().success());
}

#[tokio::test]
async fn a_compressed_file_replaces_the_file_that_it_was_made_from() {
    // A process that ends as soon as the queue has the lines, and one that has noted it.
    for is_settled in [false, true] {
        compressed_files_replace_their_files(is_settled).await;
    }
}

async fn compressed_files_replace_their_files(is_settled: bool) {
    let mut machine = Machine::new();
    machine.append("log", "one\n");
    machine.run_until(has(1)).await;
    // Compressed while the agent is away, and then renamed.
    machine.append("log", "two\n");
    std::fs::rename(machine.path("log"), machine.path("log.1")).unwrap();
    gzip(&machine.path("log.1"));
    machine.append("log", "three\n");
    if is_settled {
        machine.run_until_settled(has(3)).await;
    } else {
        machine.run_until(has(3)).await;
    }
    std::fs::rename(machine.path("log.1.gz"), machine.path("log.2.gz")).unwrap();
    std::fs::rename(machine.path("log"), machine.path("log.1")).unwrap();
    gzip(&machine.path("log.1"));
    machine.append("log", "four\n");
    machine.run_until(has(4)).await;
    // A process that goes on finds nothing new in them.
    machine.append("log", "five\n");
    machine.run_until(has(5)).await;
    let mut messages = machine.messages();
    messages.sort();
    assert_eq!(messages, ["five", "four", "one", "three", "two"]);
}

#[tokio::test]
async fn records_of_several_lines_come_once_and_whole_over_restarts() {
    let mut machine = Machine { multiline: Some("java"), ..Machine::new() };
    machine.append("log", "one\ntwo\n\tat a\n");
    machine.run_until_settled(has(1)).await;
    // The process has ended before the second record was complete.
    machine.append("log", "\tat b\nthree\n");
    machine.faulty.publish.set(Mode::LoseAnswer(Error::unavailable("lost")));
    machine.run_until(has(2)).await;
    machine.faulty.publish.set(Mode::Healthy);
    machine.run_until(has(3)).await;
    assert_eq!(machine.messages(), ["one", "two\n\tat a\n\tat b", "three"]);
}

#[test]
fn the_service_is_the_name_of_the_file() {
    for (path, service) in [("/var/log/shop.log", "shop"), ("/var/log/shop.log.1", "shop"), ("/a/.hidden", "hidden")] {
        assert_eq!(origins::named(Path::new(path)).service, service);
    }
    let records = |text: &str| {
        Origin::new("shop").with(submit::PATH, "/a/b").records(&Format::default(), &"host".into(), text.as_bytes())
    };
    let (records, refused) = records("plain\n\n{\"message\":\"json\",\"service\":\"own\"}\n");
    let seen: Vec<_> = records.iter().map(|record| (record.service.as_str(), record.message.as_str())).collect();
    assert_eq!((seen, refused), (vec![("shop", "plain"), ("own", "json")], 0));
    assert!(records.iter().all(|record| record.node == "host" && record.attributes.len() == 1));
}
