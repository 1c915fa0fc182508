//! The stages under the supervisor: after a panic a stage restarts, the others continue, and nothing is lost or
//! duplicated (C1 to C3, C6).

use std::{collections::BTreeSet, sync::Arc};

use model::{Position, Query};
use pipeline::{
    Queue, Supervisor,
    admit::{Ingest, IngestOptions, Submission},
    consume,
    live::{LiveEvent, LiveHub, LiveOptions},
    supervisor::TaskState,
};
use testkit::{
    faulty::{FaultyQueue, FaultyStore, Mode},
    memory::{MemoryQueue, MemoryStore},
    records,
};
use tokio_util::sync::CancellationToken;

use super::{loss_ledger, raw, soon, until};

const STAGES: [&str; 4] = ["enqueue", "enqueue-streams", "consume", "live"];

fn submission(message: &str) -> Submission {
    Submission { producer: "test".into(), records: vec![raw(message)], ..Submission::default() }
}

/// The number of restarts per task.
pub(super) fn restarts(supervisor: &Supervisor) -> Vec<(String, u64)> {
    supervisor.tasks().into_iter().map(|task| (task.name, task.restarts)).collect()
}

/// Makes a task panic, and waits until it runs again.
pub(super) async fn panicked(supervisor: &Supervisor, name: &str) {
    let of = || restarts(supervisor).into_iter().find(|(task, _)| task == name).map(|(_, restarts)| restarts);
    let before = of();
    assert!(supervisor.panic_in(name), "no task {name}");
    until("the task runs again", || of() > before).await;
}

/// As [`panicked`], and no other task is restarted.
pub(super) async fn panicked_alone(supervisor: &Supervisor, name: &str) {
    let mut expected = restarts(supervisor);
    panicked(supervisor, name).await;
    expected.iter_mut().filter(|(task, _)| task == name).for_each(|(_, restarts)| *restarts += 1);
    assert_eq!(restarts(supervisor), expected, "after a panic in {name}");
}

#[tokio::test(start_paused = true)]
async fn each_stage_begins_again_and_what_comes_meanwhile_is_stored_and_shown_once() {
    let (supervisor, stop) = (Supervisor::default(), CancellationToken::new());
    let (queue, store) = (Arc::new(MemoryQueue::new()), Arc::new(MemoryStore::new()));
    let options = IngestOptions { supervisor: supervisor.clone(), ..IngestOptions::default() };
    let ingest = Ingest::start(queue.clone(), options);
    let options = LiveOptions { supervisor: supervisor.clone(), ..LiveOptions::default() };
    let hub = LiveHub::start_with(store.clone(), stop.clone(), options);
    let running =
        tokio::spawn(consume::run(queue.clone(), store.clone(), loss_ledger(queue), stop.clone(), supervisor.clone()));
    let mut tail = hub.subscribe(Query::default(), Some(Position(0))).unwrap();

    let mut sent = BTreeSet::new();
    for (round, name) in STAGES.into_iter().enumerate() {
        until("all tasks run", || supervisor.tasks().len() == STAGES.len()).await;
        assert!(supervisor.panic_in(name));
        for deliver in [false, true] {
            let message = format!("while {name} is down, {deliver}");
            let accepted = if deliver {
                soon("deliver", ingest.deliver(submission(&message))).await
            } else {
                soon("push", ingest.push(submission(&message))).await
            };
            assert_eq!(accepted.unwrap().accepted, 1);
            sent.insert(message);
        }
        let restarted = |name: &str, times| restarts(&supervisor).contains(&(name.to_owned(), times));
        until("the task runs again", || restarted(name, 1)).await;
        for other in &STAGES[round + 1..] {
            assert!(restarted(other, 0), "{other} goes on after {name}");
        }
    }
    until("all is stored", || store.all().len() >= sent.len()).await;
    let stored: Vec<String> = store.all().into_iter().map(|stored| stored.record.message).collect();
    assert_eq!(stored.len(), sent.len());
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), sent);
    let mut shown = Vec::new();
    while shown.len() < sent.len() {
        match soon("the next event", tail.next()).await {
            Some(LiveEvent::Record(stored)) => shown.push(stored.record.message),
            other => panic!("{other:?} after {shown:?}"),
        }
    }
    assert_eq!(shown.into_iter().collect::<BTreeSet<_>>(), sent);
    assert!(restarts(&supervisor).iter().all(|(_, restarts)| *restarts == 1));

    drop(ingest);
    stop.cancel();
    soon("stop", running).await.unwrap();
    until("the tasks have ended", || supervisor.tasks().iter().all(|task| task.state == TaskState::Ended)).await;
}

#[tokio::test(start_paused = true)]
async fn what_the_consumer_had_in_hand_is_delivered_again_and_stored_once() {
    let (supervisor, stop) = (Supervisor::default(), CancellationToken::new());
    let (queue, memory) = (Arc::new(MemoryQueue::new()), Arc::new(MemoryStore::new()));
    let store = FaultyStore::new(memory.clone());
    store.append.set(Mode::Hang);
    let batches = records::corpus(1, 5);
    for batch in &batches {
        queue.publish(Arc::new(batch.clone())).await.unwrap();
    }
    let running = tokio::spawn(consume::run(
        queue.clone(),
        store.clone(),
        loss_ledger(queue.clone()),
        stop.clone(),
        supervisor.clone(),
    ));
    soon("append", store.append.called(1)).await;
    panicked(&supervisor, "consume").await;
    store.append.set(Mode::Healthy);
    until("the queue is empty", || queue.depth() == 0).await;
    let expected: Vec<_> = batches.iter().flat_map(|batch| batch.records.clone()).collect();
    assert!(memory.all().into_iter().map(|stored| stored.record).eq(expected));
    stop.cancel();
    soon("stop", running).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_the_enqueue_stage_has_waiting_and_in_flight_outlives_its_panic() {
    let supervisor = Supervisor::default();
    let memory = Arc::new(MemoryQueue::new());
    let queue = FaultyQueue::new(memory.clone());
    queue.publish.set(Mode::Hang);
    let options = IngestOptions { publishes: 1, supervisor: supervisor.clone(), ..IngestOptions::default() };
    let ingest = Ingest::start(queue.clone(), options);
    let push = |message: &'static str| {
        let ingest = ingest.clone();
        tokio::spawn(async move { ingest.push(submission(message)).await })
    };
    let in_flight = push("in flight");
    soon("publish", queue.publish.called(1)).await;
    let waiting = push("waiting");
    panicked(&supervisor, "enqueue").await;
    queue.publish.set(Mode::Healthy);
    for push in [in_flight, waiting] {
        assert_eq!(soon("push", push).await.unwrap().unwrap().accepted, 1);
    }
    assert_eq!(memory.depth(), 2);
}
