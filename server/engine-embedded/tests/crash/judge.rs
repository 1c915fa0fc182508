//! Records the output of the killed processes, and compares it with the stored data.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::process::ExitStatusExt as _,
    sync::Arc,
    time::{Duration, Instant},
};

use model::{Position, Query};
use pipeline::{ReadLimit, TimeRange};
use tempfile::TempDir;
use testkit::oracle::Oracle;

use crate::{
    child::{self, Fault, Line, PATIENCE},
    workload::{Engines, RECORDS, batch, consume, delete},
};

/// The batches that one process publishes, if it survives.
const BATCHES: u64 = 300;
/// The signal number of `abort`.
const ABORTED: i32 = 6;

/// One data folder and its history.
pub(crate) struct Judge {
    engines: Engines,
    folder: TempDir,
    history: Vec<String>,
    /// Published batches, and the acknowledged ones among them.
    sent: BTreeSet<u64>,
    kept: BTreeSet<u64>,
    next: u64,
    /// Every position ever seen, with the record's id.
    positions: BTreeMap<i64, u128>,
}

impl Judge {
    pub(crate) fn new(engines: Engines) -> Self {
        Self {
            engines,
            folder: tempfile::tempdir().unwrap(),
            history: Vec::new(),
            sent: BTreeSet::new(),
            kept: BTreeSet::new(),
            next: 0,
            positions: BTreeMap::new(),
        }
    }

    /// Runs a process on the folder until it is killed at the point.
    pub(crate) async fn kill_at(&mut self, at: &str) {
        self.run_process(Fault::Crash, at).await;
    }

    /// Runs a process on the folder whose disk is temporarily full at the point. Returns whether the store reported it.
    pub(crate) async fn fill_disk_at(&mut self, at: &str) -> bool {
        self.run_process(Fault::FullDisk, at).await
    }

    async fn run_process(&mut self, fault: Fault, at: &str) -> bool {
        self.history.push(format!("{fault:?} at {at}"));
        let (folder, engines, batches) = (self.folder.path().to_owned(), self.engines, self.next..self.next + BATCHES);
        self.next += BATCHES + child::MORE;
        let at = at.to_owned();
        let work = move || child::run(&folder, engines, batches, fault, &at);
        let output = tokio::task::spawn_blocking(work).await.unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        let as_expected = match fault {
            Fault::Crash => output.status.signal() == Some(ABORTED),
            Fault::FullDisk => output.status.success(),
        };
        assert!(as_expected, "{self}: {}\n{stdout}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
        let mut in_trouble = false;
        for line in stdout.lines().filter_map(Line::read) {
            match line {
                Line::Sent(number) => drop(self.sent.insert(number)),
                Line::Kept(number) => drop(self.kept.insert(number)),
                Line::Stored(position, id) => self.record_position(position, id),
                Line::Trouble => in_trouble = true,
            }
        }
        in_trouble
    }

    fn record_position(&mut self, position: i64, id: u128) {
        let before = *self.positions.entry(position).or_insert(id);
        assert_eq!(before, id, "{self}: position {position} names two records");
    }

    /// Opens the folder and checks it. Then sends the unacknowledged batches again, as clients would, and checks again.
    pub(crate) async fn verify(&mut self) {
        let (queue, store) = self.engines.open(self.folder.path()).await.unwrap();
        let consumer = tokio::spawn(consume(queue.clone(), store.clone()));
        let highest = self.positions.last_key_value().map_or(0, |(position, _)| *position);
        for round in 0..2 {
            if round == 1 {
                for number in &self.sent - &self.kept {
                    queue.publish(Arc::new(batch(number))).await.unwrap();
                    self.kept.insert(number);
                }
                // A new batch, to see its positions.
                queue.publish(Arc::new(batch(self.next))).await.unwrap();
                self.sent.insert(self.next);
                self.kept.insert(self.next);
                self.next += 1;
            }
            let asked = Instant::now();
            while queue.status().depth > 0 {
                let (queue, store) = (queue.status(), store.status());
                assert!(!consumer.is_finished(), "{self}: the consumer has ended; {queue:?}, {store:?}");
                assert!(asked.elapsed() < PATIENCE, "{self}: not stored in {PATIENCE:?}; {queue:?}, {store:?}");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let oracle = Oracle::new();
            for number in &self.sent {
                ids(*number).for_each(|id| oracle.given(id.to_string()));
            }
            // Expired and deleted batches may be missing, but must not be duplicated.
            for number in self.kept.iter().filter(|number| !self.engines.may_lose(**number)) {
                ids(*number).for_each(|id| oracle.acknowledged(id.to_string()));
            }
            // The deletion that was interrupted, once more.
            let removal = match self.engines.deletes() {
                true => Some(tokio::time::timeout(PATIENCE, delete(&*store)).await.unwrap().unwrap()),
                false => None,
            };
            let newest = store.newest().await.unwrap();
            let limit = ReadLimit::of_records(1_000_000);
            let found = store.read_after(Position(0), newest, TimeRange::ALL, &Query::default(), limit).await.unwrap();
            for stored in &found {
                oracle.found(stored.record.id.0.to_string());
                self.record_position(stored.position.0, stored.record.id.0);
            }
            let left = removal.and_then(|removal| found.into_iter().find(|stored| removal.takes(stored)));
            assert!(left.is_none(), "{self}: it was deleted: {left:?}");
            let verdict = oracle.verdict();
            assert!(verdict.is_clean(), "{self}: {verdict}");
            assert!(round == 0 || newest > Position(highest), "{self}: {newest:?} after {highest}");
        }
        queue.close().await;
        store.close().await;
        consumer.abort();
    }
}

/// The ids of a batch's records.
fn ids(number: u64) -> impl Iterator<Item = u128> {
    let first = batch(number).records[0].id;
    (0..RECORDS).map(move |place| first.nth(place).0)
}

impl std::fmt::Display for Judge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} after {}", self.engines.name(), self.history.join(", "))
    }
}
