use std::{
    fs::OpenOptions,
    io::Write as _,
    sync::Arc,
    time::{Duration, Instant},
};

use pipeline::{BatchId, Content, Queue as _, admit::IngestOptions, normalise::RawRecord};
use testkit::{
    faulty::{FaultyQueue, Mode},
    memory::MemoryQueue,
};

use super::*;

struct Machine {
    folder: tempfile::TempDir,
    queue: Arc<MemoryQueue>,
    faulty: Arc<FaultyQueue>,
    /// Ids of batches, with the messages.
    received: Vec<(BatchId, Vec<String>)>,
}

impl Machine {
    fn new() -> Self {
        let queue = Arc::new(MemoryQueue::new());
        let faulty = FaultyQueue::new(queue.clone());
        Self { folder: tempfile::tempdir().unwrap(), queue, faulty, received: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.path(name)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// A process that follows the files until something holds.
    async fn run_until(&mut self, holds: impl Fn(&[String]) -> bool) {
        let ingest = Ingest::start(self.faulty.clone(), IngestOptions::default());
        let pattern = glob::Pattern::new(self.path("log*").to_str().unwrap()).unwrap();
        let mut files = Files::open(vec![pattern], self.path("checkpoints.json"), ingest).unwrap();
        let (queue, begun) = (self.queue.clone(), Instant::now());
        let mut follow = std::pin::pin!(files.follow());
        loop {
            tokio::select! {
                ended = &mut follow => panic!("{ended:?}"),
                deliveries = queue.receive(1) => self.take(deliveries.unwrap()),
                () = sleep(Duration::from_millis(50)) => {}
            }
            if holds(&self.messages()) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", self.received);
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

#[test]
fn a_record_has_the_name_and_the_path_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.log");
    std::fs::write(&path, "plain\n\n{\"message\":\"json\",\"service\":\"own\"}\n").unwrap();
    let read = Followed::new(path.clone()).read(Instant::now()).unwrap();
    let (records, refused) = read.records(&path);
    let seen: Vec<_> =
        records.iter().map(|RawRecord { service, message, .. }| (service.as_str(), message.as_str())).collect();
    assert_eq!((seen, refused), (vec![("shop", "plain"), ("own", "json")], 0));
    assert!(records.iter().all(|record| record.attributes.iter().any(|(name, _)| name == "log.file.path")));
}
