//! Consuming: every delivery is stored once, despite failures (C2, C5, C6).

use std::{sync::Arc, time::Duration};

use model::Record;
use pipeline::{Batch, DeadLetter, DeadLetterRequest, DeadLetters as _, Error, Queue, Supervisor, consume, envelope};
use testkit::{
    faulty::{FaultyQueue, FaultyStore, Mode},
    memory::{MemoryQueue, MemoryStore},
    records,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{loss_ledger, soon, until};

struct Bench {
    memory_queue: Arc<MemoryQueue>,
    memory_store: Arc<MemoryStore>,
    queue: Arc<FaultyQueue>,
    store: Arc<FaultyStore>,
    stop: CancellationToken,
}

impl Bench {
    fn new() -> Self {
        let memory_queue = Arc::new(MemoryQueue::new());
        let memory_store = Arc::new(MemoryStore::new());
        Self {
            queue: FaultyQueue::new(memory_queue.clone()),
            store: FaultyStore::new(memory_store.clone()),
            memory_queue,
            memory_store,
            stop: CancellationToken::new(),
        }
    }

    fn run(&self) -> JoinHandle<()> {
        tokio::spawn(consume::run(
            self.queue.clone(),
            self.store.clone(),
            loss_ledger(self.queue.clone()),
            self.stop.clone(),
            Supervisor::default(),
        ))
    }

    async fn publish(&self, batches: &[Batch]) {
        for batch in batches {
            self.memory_queue.publish(Arc::new(batch.clone())).await.unwrap();
        }
    }

    async fn drained(&self) {
        until("the queue is empty", || self.memory_queue.depth() == 0).await;
    }

    /// The dead letters, newest first.
    async fn letters(&self) -> Vec<DeadLetter> {
        let mut letters = Vec::new();
        for head in self.memory_store.dead_letters(&DeadLetterRequest::newest(100)).await.unwrap() {
            letters.extend(self.memory_store.dead_letter(head.id).await.unwrap());
        }
        letters
    }

    fn stored(&self) -> Vec<Record> {
        self.memory_store.all().into_iter().map(|stored| stored.record).collect()
    }

    async fn stopped(&self, running: JoinHandle<()>) {
        self.stop.cancel();
        soon("stop", running).await.unwrap();
    }
}

fn records_of(batches: &[Batch]) -> Vec<Record> {
    batches.iter().flat_map(|batch| batch.records.clone()).collect()
}

fn unavailable() -> Error {
    Error::unavailable("away")
}

#[tokio::test]
async fn what_is_delivered_is_stored_and_acknowledged() {
    let bench = Bench::new();
    let corpus = records::corpus(1, 20);
    bench.publish(&corpus[..10]).await;
    let running = bench.run();
    bench.publish(&corpus[10..]).await;
    bench.drained().await;
    assert!(bench.stored() == records_of(&corpus));
    bench.stopped(running).await;
}

#[tokio::test]
async fn every_passing_failure_is_outlived_and_nothing_is_stored_twice() {
    let bench = Bench::new();
    let running = bench.run();
    let corpus = records::corpus(2, 100);
    let failures = [
        Mode::Fail(unavailable()),
        Mode::LoseAnswer(unavailable()),
        Mode::LoseAnswer(Error::overloaded("busy", Duration::from_millis(1))),
        Mode::Fail(Error::internal("a passing fault")),
        Mode::Panic,
        Mode::Hang,
        Mode::Slow(Duration::from_millis(5)),
    ];
    let switches = [&bench.store.append, &bench.queue.receive, &bench.queue.acknowledge];
    let mut parts = corpus.chunks(4);
    for (place, switch) in switches.into_iter().enumerate() {
        for failure in &failures {
            // A queue that loses its responses keeps its deliveries.
            if place == 1 && matches!(failure, Mode::LoseAnswer(_)) {
                continue;
            }
            let calls = switch.calls();
            switch.set(failure.clone());
            bench.publish(parts.next().unwrap()).await;
            // A pending receive is not repeated before it returns.
            let _ = tokio::time::timeout(Duration::from_millis(100), switch.called(calls + 1)).await;
            switch.set(Mode::Healthy);
        }
    }
    for part in parts {
        bench.publish(part).await;
    }
    until("all is stored", || bench.stored().len() >= records_of(&corpus).len()).await;
    bench.stopped(running).await;
    assert!(bench.stored() == records_of(&corpus), "everything is stored once and in order");

    // Another process receives the unacknowledged deliveries, and the ledger knows them.
    let (queue, stop) = (Arc::new(bench.memory_queue.reopen()), CancellationToken::new());
    let running = tokio::spawn(consume::run(
        queue.clone(),
        bench.memory_store.clone(),
        loss_ledger(queue.clone()),
        stop.clone(),
        Supervisor::default(),
    ));
    until("the queue is empty", || queue.depth() == 0).await;
    stop.cancel();
    soon("stop", running).await.unwrap();
    assert_eq!(bench.stored().len(), records_of(&corpus).len());
}

#[tokio::test]
async fn while_the_store_is_away_nothing_more_is_received_and_nothing_acknowledged() {
    let bench = Bench::new();
    bench.store.append.set(Mode::Fail(unavailable()));
    bench.publish(&records::corpus(3, 3)).await;
    let running = bench.run();
    soon("append", bench.store.append.called(3)).await;
    let received = bench.queue.receive.calls();
    bench.publish(&records::corpus(4, 3)).await;
    soon("append", bench.store.append.called(5)).await;
    assert_eq!(bench.queue.receive.calls(), received);
    assert_eq!((bench.queue.acknowledge.calls(), bench.queue.release.calls()), (0, 0));
    bench.store.append.set(Mode::Healthy);
    bench.drained().await;
    assert_eq!(
        bench.stored().len(),
        records_of(&records::corpus(3, 3)).len() + records_of(&records::corpus(4, 3)).len()
    );
    bench.stopped(running).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_gets_nothing_more_and_its_deliveries_go_back_for_other_nodes() {
    let bench = Bench::new();
    for switch in [&bench.store.append, &bench.store.newest] {
        switch.set(Mode::Fail(unavailable()));
    }
    let corpus = records::corpus(3, 6);
    bench.publish(&corpus[..3]).await;
    let running = bench.run();
    soon("release", bench.queue.release.called(1)).await;
    let received = bench.queue.receive.calls();
    bench.publish(&corpus[3..]).await;
    soon("looks whether the store is back", bench.store.newest.called(5)).await;
    assert_eq!(bench.queue.receive.calls(), received);
    for switch in [&bench.store.append, &bench.store.newest] {
        switch.set(Mode::Healthy);
    }
    bench.drained().await;
    bench.stopped(running).await;
    assert!(bench.stored() == records_of(&corpus), "everything is stored once and in order");
}

#[tokio::test]
async fn one_poison_batch_becomes_a_dead_letter_and_the_others_are_stored() {
    for error in [Error::invalid("value out of range"), Error::corrupt("bad"), Error::internal("a fault")] {
        let bench = Bench::new();
        let corpus = records::corpus(5, 16);
        let poison = corpus[11].id;
        let refused = error.clone();
        bench.store.refuse(move |batch| (batch.id == poison).then(|| refused.clone()));
        bench.publish(&corpus).await;
        let running = bench.run();
        bench.drained().await;
        bench.stopped(running).await;

        let good: Vec<_> = corpus.iter().filter(|batch| batch.id != poison).cloned().collect();
        assert!(bench.stored() == records_of(&good), "the others are stored, in order");
        let letters = bench.letters().await;
        assert_eq!(letters.len(), 1);
        let letter = &letters[0].letter;
        assert_eq!(letter.reason, error.message);
        assert_eq!(letter.batch_id, Some(poison));
        assert_eq!(letter.records as usize, corpus[11].records.len());
        let kept = envelope::decode(&letter.payload).unwrap();
        assert!(kept.records == corpus[11].records, "nothing of it is lost");
        assert_ne!(kept.id, poison, "its replay is no redelivery");
    }
}

#[tokio::test]
async fn in_a_large_transaction_a_poison_batch_and_a_redelivery_cost_only_themselves() {
    let bench = Bench::new();
    let corpus: Vec<_> = (0..1_000).map(|number| records::batch(number, 3)).collect();
    let (poison, known) = (corpus[611].id, &corpus[300..302]);
    bench.store.refuse(move |batch| (batch.id == poison).then(|| Error::invalid("value out of range")));
    bench.publish(known).await;
    bench.publish(&corpus).await;
    let running = bench.run();
    bench.drained().await;
    bench.stopped(running).await;

    let good: Vec<_> = corpus.iter().filter(|batch| batch.id != poison && !known.contains(batch)).cloned().collect();
    assert!(bench.stored() == records_of(&[known, &good].concat()), "the others are stored once, in order");
    let letters = bench.memory_store.dead_letters(&DeadLetterRequest::newest(10)).await.unwrap();
    assert_eq!(letters.iter().map(|letter| letter.batch_id).collect::<Vec<_>>(), [Some(poison)]);
    // One for the whole, and one for each half on the way down to the refused batch.
    assert!(bench.store.append.calls() <= 21, "{} transactions", bench.store.append.calls());
}

#[tokio::test]
async fn what_is_no_batch_is_given_to_the_store_as_it_is() {
    let bench = Bench::new();
    bench.memory_queue.push_undecodable(&[1, 2, 3]);
    let corpus = records::corpus(6, 2);
    bench.publish(&corpus).await;
    let running = bench.run();
    bench.drained().await;
    bench.stopped(running).await;
    assert_eq!(bench.stored().len(), records_of(&corpus).len());
    assert_eq!(bench.letters().await[0].letter.payload, [1, 2, 3]);
}

#[tokio::test]
async fn a_poison_batch_that_cannot_even_be_buried_stays_in_the_queue_and_stops_nobody() {
    let bench = Bench::new();
    let corpus = records::corpus(7, 6);
    let poison = corpus[2].id;
    bench.store.refuse(move |batch| (batch.id == poison).then(|| Error::invalid("no")));
    bench.store.put_dead_letters.set(Mode::Fail(Error::invalid("no letters either")));
    bench.publish(&corpus).await;
    let running = bench.run();
    until("the others are stored", || bench.memory_queue.depth() == 1).await;
    bench.publish(&records::corpus(8, 1)).await;
    until("what comes later is stored", || bench.memory_queue.depth() == 1).await;
    bench.stopped(running).await;
    assert_eq!(bench.memory_queue.reopen().depth(), 1);
}

#[tokio::test(start_paused = true)]
async fn on_stop_what_was_received_is_finished() {
    let bench = Bench::new();
    bench.store.append.set(Mode::Hang);
    let corpus = records::corpus(9, 3);
    bench.publish(&corpus).await;
    let running = bench.run();
    soon("append", bench.store.append.called(1)).await;
    bench.stop.cancel();
    // The clock is paused: it advances when all tasks are idle.
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!running.is_finished());
    bench.store.append.set(Mode::Healthy);
    soon("stop", running).await.unwrap();
    assert!(bench.stored() == records_of(&corpus));
    assert_eq!(bench.memory_queue.depth(), 0);
}

#[tokio::test]
async fn on_stop_what_cannot_be_stored_is_given_back() {
    let bench = Bench::new();
    bench.store.append.set(Mode::Fail(unavailable()));
    let corpus = records::corpus(10, 3);
    bench.publish(&corpus).await;
    let running = bench.run();
    soon("append", bench.store.append.called(1)).await;
    bench.stopped(running).await;
    assert_eq!(bench.queue.release.calls(), 1);
    assert_eq!(bench.memory_queue.depth(), 3);
    assert!(bench.memory_store.all().is_empty());
}
