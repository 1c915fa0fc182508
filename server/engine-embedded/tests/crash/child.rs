//! The child process that is killed: this test program, restarted for the test below. It works on the folder and prints
//! each step as a line; a printed line is in the pipe, whatever happens to the process afterwards.

use std::{
    io::Write as _,
    ops::Range,
    path::Path,
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use futures::{StreamExt as _, stream};
use model::Position;
use pipeline::{LogStore, Queue};

use crate::workload::{Engines, batch, consume, delete};

const FOLDER: &str = "CRASH_FOLDER";
const ENGINES: &str = "CRASH_ENGINES";
const BATCHES: &str = "CRASH_BATCHES";

/// How often opening the folder is retried while the disk is full.
const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(20);
/// Time for asynchronous work after the last publish.
const MOMENT: Duration = Duration::from_millis(400);
const LONGEST: Duration = Duration::from_secs(20);
/// Batches after those of the range, one at a time, while the process waits for its end. On a busy machine one merge
/// may take all parts, and the next one needs new parts.
pub(crate) const MORE: u64 = 600;
/// Timeout of a child process, and of the consumer in the judge. Both normally take seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The fault at the crash point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process is killed.
    Crash,
    /// The disk is temporarily full.
    FullDisk,
}

impl Fault {
    fn variable(self) -> &'static str {
        match self {
            Self::Crash => "CRASH_AT",
            Self::FullDisk => "FULL_AT",
        }
    }
}

/// Runs the workload in a child process that ends at the point. A child that does not end within
/// [`PATIENCE`] is killed; its output shows its last step.
pub(crate) fn run(folder: &Path, engines: Engines, batches: Range<u64>, fault: Fault, at: &str) -> Output {
    Command::new("timeout")
        .args(["--signal=KILL", &PATIENCE.as_secs().to_string()])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child::works_until_it_is_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .env(ENGINES, engines.name())
        .env(BATCHES, format!("{} {}", batches.start, batches.end))
        .env(fault.variable(), at)
        .output()
        .unwrap()
}

/// A line of the child's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// It started to publish this batch.
    Sent(u64),
    /// `publish` returned.
    Kept(u64),
    /// The store returned this position and this id.
    Stored(i64, u128),
    /// The store reported trouble.
    Trouble,
}

impl Line {
    fn print(self) {
        let line = match self {
            Self::Sent(number) => format!("@ sent {number} 0\n"),
            Self::Kept(number) => format!("@ kept {number} 0\n"),
            Self::Stored(position, id) => format!("@ stored {position} {id}\n"),
            Self::Trouble => "@ trouble 0 0\n".to_owned(),
        };
        std::io::stdout().write_all(line.as_bytes()).unwrap();
        std::io::stdout().flush().unwrap();
    }

    pub(crate) fn read(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_once("@ ")?.1.split(' ').collect();
        let [what, first, second] = words[..] else { return None };
        match what {
            "sent" => Some(Self::Sent(first.parse().ok()?)),
            "kept" => Some(Self::Kept(first.parse().ok()?)),
            "trouble" => Some(Self::Trouble),
            _ => Some(Self::Stored(first.parse().ok()?, second.parse().ok()?)),
        }
    }
}

async fn tell_what_is_stored(store: Arc<dyn LogStore>) {
    let mut after = store.newest().await.unwrap();
    while let Ok(blocks) = store.follow(after).await {
        for block in blocks {
            after = block.last();
            for stored in (0..).map_while(|place| block.stored(place)) {
                let Position(position) = stored.position;
                Line::Stored(position, stored.record.id.0).print();
            }
        }
    }
}

async fn tell_of_trouble(store: Arc<dyn LogStore>) {
    while store.status().trouble.is_none() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Line::Trouble.print();
}

/// Deletes records all the time.
async fn delete_again_and_again(store: Arc<dyn LogStore>) {
    loop {
        if let Err(error) = delete(&*store).await {
            assert!(error.is_retryable(), "{error}");
            Line::Trouble.print();
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Opens the folder. Retries on a full disk, as an operator would restart the program.
async fn open(engines: Engines, folder: &Path) -> (Arc<dyn Queue>, Arc<dyn LogStore>) {
    for _ in 0..TRIES {
        match engines.open(folder).await {
            Ok(opened) => return opened,
            Err(error) => {
                assert!(error.is_retryable(), "{error}");
                Line::Trouble.print();
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    panic!("it does not open after {TRIES} tries, each on a disk with more space")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "the process that the other tests start and kill"]
async fn works_until_it_is_killed() {
    let variable = |name| std::env::var(name).unwrap();
    let engines = Engines::named(&variable(ENGINES));
    let (queue, store) = open(engines, Path::new(&variable(FOLDER))).await;
    let consumer = tokio::spawn(consume(queue.clone(), store.clone()));
    let follower = tokio::spawn(tell_what_is_stored(store.clone()));
    let trouble = tokio::spawn(tell_of_trouble(store.clone()));
    let deleting = engines.deletes().then(|| tokio::spawn(delete_again_and_again(store.clone())));

    let batches = variable(BATCHES);
    let (start, end) = batches.split_once(' ').unwrap();
    stream::iter(start.parse::<u64>().unwrap()..end.parse().unwrap())
        .for_each_concurrent(4, |number| {
            let queue = queue.clone();
            async move {
                Line::Sent(number).print();
                // At the log's limit a client would retry; this one does not.
                if queue.publish(Arc::new(batch(number))).await.is_ok() {
                    Line::Kept(number).print();
                }
            }
        })
        .await;
    // Time for timed work, and more if the process is to end by it.
    let ends_by_the_clock = std::env::var("CRASH_AT").is_ok_and(|at| !at.starts_with("wal::closing"));
    if ends_by_the_clock {
        let end: u64 = end.parse().unwrap();
        for number in end..end + MORE {
            Line::Sent(number).print();
            if queue.publish(Arc::new(batch(number))).await.is_ok() {
                Line::Kept(number).print();
            }
            tokio::time::sleep(LONGEST / MORE as u32).await;
        }
    } else {
        tokio::time::sleep(MOMENT).await;
    }
    if let Some(deleting) = deleting {
        deleting.abort();
    }
    queue.close().await;
    store.close().await;
    trouble.abort();
    let _ = tokio::join!(consumer, follower);
}
