//! Admitting and enqueueing: C1, C4, merging and close.

use std::{sync::Arc, time::Duration};

use model::limits;
use pipeline::{
    Batch, BatchId, Content, Error, ErrorClass, Queue,
    admit::{Ingest, IngestOptions, Submission},
};
use testkit::{
    faulty::{FaultyQueue, Mode},
    memory::MemoryQueue,
};

use super::{raw, soon, until};

fn queues() -> (Arc<MemoryQueue>, Arc<FaultyQueue>) {
    let memory = Arc::new(MemoryQueue::new());
    (memory.clone(), FaultyQueue::new(memory))
}

fn submission(records: usize) -> Submission {
    let records = (0..records).map(|number| raw(format!("record {number}"))).collect();
    Submission { producer: "test".into(), records, ..Submission::default() }
}

/// The content of the queue.
async fn published(queue: &MemoryQueue) -> Vec<Arc<Batch>> {
    if queue.depth() == 0 {
        return Vec::new();
    }
    let deliveries = queue.receive(usize::MAX).await.unwrap();
    let batch = |content| match content {
        Content::Batch(batch) => batch,
        Content::Undecodable { reason, .. } => panic!("{reason}"),
    };
    deliveries.into_iter().map(|delivery| batch(delivery.content)).collect()
}

#[tokio::test(start_paused = true)]
async fn success_comes_only_after_the_queue_has_confirmed() {
    for records in [1, 1000] {
        let (memory, faulty) = queues();
        faulty.publish.set(Mode::Hang);
        let ingest = Ingest::start(faulty.clone(), IngestOptions::default());
        let push = tokio::spawn(async move { ingest.push(submission(records)).await });
        soon("publish", faulty.publish.called(1)).await;
        // The clock is paused: it advances when all tasks are idle.
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!push.is_finished(), "it was acknowledged while the queue had not answered");
        faulty.publish.set(Mode::Healthy);
        assert_eq!(soon("push", push).await.unwrap().unwrap().accepted, records);
        assert_eq!(memory.depth(), 1);
    }
}

#[tokio::test]
async fn an_error_of_the_queue_is_told_to_every_caller() {
    let (memory, faulty) = queues();
    faulty.publish.set(Mode::Hang);
    let ingest = Ingest::start(faulty.clone(), IngestOptions { publishes: 1, ..IngestOptions::default() });
    let pushes: Vec<_> = (0..20)
        .map(|_| {
            let ingest = ingest.clone();
            tokio::spawn(async move { ingest.push(submission(1)).await })
        })
        .collect();
    soon("publish", faulty.publish.called(1)).await;
    faulty.publish.set(Mode::Fail(Error::unavailable("the broker is away")));
    for push in pushes {
        let error = soon("push", push).await.unwrap().unwrap_err();
        assert_eq!((error.class, error.message.as_str()), (ErrorClass::Unavailable, "the broker is away"));
    }
    assert_eq!(memory.depth(), 0);
    // A panic of the engine counts as an error, and the stage continues.
    faulty.publish.set(Mode::Panic);
    for records in [1, 1000] {
        assert_eq!(soon("push", ingest.push(submission(records))).await.unwrap_err().class, ErrorClass::Internal);
    }
    faulty.publish.set(Mode::Healthy);
    assert_eq!(soon("push", ingest.push(submission(1))).await.unwrap().accepted, 1);
}

#[tokio::test]
async fn a_publish_that_takes_too_long_is_unavailable() {
    let (_, faulty) = queues();
    faulty.publish.set(Mode::Hang);
    let options = IngestOptions { publish_timeout: Duration::from_millis(20), ..IngestOptions::default() };
    let ingest = Ingest::start(faulty, options);
    for records in [1, 1000] {
        let error = soon("push", ingest.push(submission(records))).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable);
        assert!(error.message.contains("may still become durable"), "{error}");
    }
    soon("close", ingest.close()).await;
}

#[tokio::test]
async fn past_the_bound_clients_are_told_to_wait_and_then_admitted_again() {
    let (memory, faulty) = queues();
    faulty.publish.set(Mode::Hang);
    let options = IngestOptions { in_flight_records: 100, ..IngestOptions::default() };
    let ingest = Ingest::start(faulty.clone(), options);
    let mut admitted = Vec::new();
    // 768 concurrent callers; the limit admits 100.
    for _ in 0..768 {
        let ingest = ingest.clone();
        admitted.push(tokio::spawn(async move { ingest.push(submission(1)).await }));
    }
    let finished = |tasks: &Vec<tokio::task::JoinHandle<_>>| tasks.iter().filter(|task| task.is_finished()).count();
    until("the others are refused", || finished(&admitted) == 668).await;
    faulty.publish.set(Mode::Healthy);
    let (mut accepted, mut overloaded) = (0, 0);
    for push in admitted {
        match soon("push", push).await.unwrap() {
            Ok(answer) => accepted += answer.accepted,
            Err(error) => {
                assert_eq!(error.class, ErrorClass::Overloaded);
                assert!(error.retry_after.is_some());
                assert!(error.message.contains("the limit is 100 records"), "{error}");
                overloaded += 1;
            }
        }
    }
    assert_eq!((accepted, overloaded), (100, 668));
    assert_eq!(published(&memory).await.iter().map(|batch| batch.records.len()).sum::<usize>(), 100);
    assert_eq!(soon("push", ingest.push(submission(100))).await.unwrap().accepted, 100);
    let too_many = soon("push", ingest.push(submission(101))).await.unwrap_err();
    assert_eq!(too_many.class, ErrorClass::Invalid, "it would never fit");
}

#[tokio::test]
async fn the_bytes_in_flight_are_bounded_as_well() {
    let (_, faulty) = queues();
    faulty.publish.set(Mode::Hang);
    let ingest = Ingest::start(faulty.clone(), IngestOptions { in_flight_bytes: 3 << 20, ..IngestOptions::default() });
    let large = || Submission { records: vec![raw("x".repeat(1 << 20))], ..Submission::default() };
    let mut pushes = Vec::new();
    for _ in 0..2 {
        let ingest = ingest.clone();
        pushes.push(tokio::spawn(async move { ingest.push(large()).await }));
    }
    soon("publish", faulty.publish.called(2)).await;
    assert_eq!(ingest.push(large()).await.unwrap_err().class, ErrorClass::Overloaded);
    faulty.publish.set(Mode::Healthy);
    for push in pushes {
        assert_eq!(soon("push", push).await.unwrap().unwrap().accepted, 1);
    }
    assert_eq!(soon("push", ingest.push(large())).await.unwrap().accepted, 1);
}

#[tokio::test(start_paused = true)]
async fn small_submissions_are_merged_while_publishes_are_in_flight() {
    let (memory, faulty) = queues();
    faulty.publish.set(Mode::Hang);
    let ingest = Ingest::start(faulty.clone(), IngestOptions { publishes: 2, ..IngestOptions::default() });
    let pushes: Vec<_> = (0..300)
        .map(|_| {
            let ingest = ingest.clone();
            tokio::spawn(async move { ingest.push(submission(2)).await })
        })
        .collect();
    soon("publish", faulty.publish.called(1)).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    faulty.publish.set(Mode::Healthy);
    for push in pushes {
        assert_eq!(soon("push", push).await.unwrap().unwrap().accepted, 2);
    }
    let batches = published(&memory).await;
    assert!(batches.len() <= 10, "300 submissions became {} batches", batches.len());
    assert_eq!(batches.iter().map(|batch| batch.records.len()).sum::<usize>(), 600);
    for batch in batches {
        let first = batch.records[0].id;
        for (place, record) in batch.records.iter().enumerate() {
            assert_eq!(record.id, first.nth(place));
            assert_eq!(record.observed_time, batch.observed_time);
        }
        assert!(!batch.client_id);
    }
}

/// The sorted sizes of the batches of one call, and of `calls` more that arrive while the first publish is in flight.
/// Concurrent publishes may finish in any order.
async fn batches_beside_a_publish_in_flight(calls: usize, publishes: u64) -> Vec<usize> {
    let (memory, faulty) = queues();
    faulty.publish.set(Mode::Hang);
    let ingest = Ingest::start(faulty.clone(), IngestOptions::default());
    let push = || {
        let ingest = ingest.clone();
        tokio::spawn(async move { ingest.push(submission(1)).await })
    };
    let mut pushes = vec![push()];
    soon("publish", faulty.publish.called(1)).await;
    pushes.extend((0..calls).map(|_| push()));
    // On one thread: every caller has run after the first, and the stage after them.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    soon("publish", faulty.publish.called(publishes)).await;
    faulty.publish.set(Mode::Healthy);
    for push in pushes {
        assert_eq!(soon("push", push).await.unwrap().unwrap().accepted, 1);
    }
    let mut sizes: Vec<usize> = published(&memory).await.iter().map(|batch| batch.records.len()).collect();
    sizes.sort_unstable();
    sizes
}

#[tokio::test]
async fn small_calls_gather_for_as_long_as_a_publish_takes() {
    assert_eq!(batches_beside_a_publish_in_flight(400, 1).await, [1, 400]);
}

#[tokio::test]
async fn a_batch_of_good_size_does_not_wait_for_a_publish_in_flight() {
    assert_eq!(batches_beside_a_publish_in_flight(600, 2).await, [1, 600]);
}

#[tokio::test]
async fn a_batch_id_of_a_client_is_kept_and_its_records_stand_alone() {
    let (memory, faulty) = queues();
    let ingest = Ingest::start(faulty, IngestOptions::default());
    let id = BatchId(*b"a client's own  ");
    for _ in 0..2 {
        ingest.push(Submission { batch_id: Some(id), ..submission(3) }).await.unwrap();
    }
    let batches = published(&memory).await;
    assert!(batches.iter().all(|batch| batch.id == id && batch.client_id && batch.records.len() == 3));
    assert_eq!(batches.len(), 2, "the store is the one that knows it again");
}

#[tokio::test]
async fn more_records_than_a_batch_holds_become_several_batches_or_an_error_with_an_id() {
    let (memory, faulty) = queues();
    let ingest = Ingest::start(faulty, IngestOptions::default());
    let count = limits::RECORDS_PER_BATCH + 1;
    assert_eq!(ingest.push(submission(count)).await.unwrap().accepted, count);
    let sizes: Vec<_> = published(&memory).await.iter().map(|batch| batch.records.len()).collect();
    assert_eq!(sizes, [limits::RECORDS_PER_BATCH, 1]);
    let id = Some(BatchId([1; 16]));
    let error = ingest.push(Submission { batch_id: id, ..submission(count) }).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.message.contains("10001") && error.message.contains("10000"), "{error}");
}

#[tokio::test]
async fn bad_records_are_rejected_by_index_and_the_others_kept() {
    let (memory, faulty) = queues();
    let ingest = Ingest::start(faulty.clone(), IngestOptions::default());
    let mut sent = submission(4);
    sent.records[1].message.clear();
    sent.records[3].message = "x".repeat(limits::MESSAGE_BYTES + 1);
    let answer = ingest.push(sent).await.unwrap();
    assert_eq!(answer.accepted, 2);
    assert_eq!(answer.rejected.iter().map(|rejection| rejection.index).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(published(&memory).await[0].records[1].message, "record 2");
    // Nothing left to publish is not an error: the response lists the rejections.
    let answer = ingest.push(Submission { records: vec![raw("")], ..Submission::default() }).await.unwrap();
    assert_eq!((answer.accepted, answer.rejected.len()), (0, 1));
    assert_eq!(faulty.publish.calls(), 1);
}

#[tokio::test]
async fn a_batch_goes_on_without_its_caller_and_close_waits_for_it() {
    let (memory, faulty) = queues();
    faulty.publish.set(Mode::Hang);
    let ingest = Ingest::start(faulty.clone(), IngestOptions::default());
    for (number, records) in [(1, 1), (2, 1000)] {
        let push = tokio::spawn({
            let ingest = ingest.clone();
            async move { ingest.push(submission(records)).await }
        });
        soon("publish", faulty.publish.called(number)).await;
        push.abort();
    }
    let closing = tokio::spawn({
        let ingest = ingest.clone();
        async move { ingest.close().await }
    });
    // Refused by the limit before any record is found invalid.
    let mut refused = Ok(Default::default());
    while refused.is_ok() {
        refused = ingest.push(Submission { records: vec![raw("")], ..Submission::default() }).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(refused.unwrap_err().class, ErrorClass::Unavailable);
    assert!(!closing.is_finished(), "two batches are still in flight");
    faulty.publish.set(Mode::Healthy);
    soon("close", closing).await.unwrap();
    assert_eq!(memory.depth(), 2);
}

#[tokio::test]
async fn a_batch_is_replayed_as_it_is() {
    let (memory, faulty) = queues();
    let ingest = Ingest::start(faulty, IngestOptions::default());
    let batch = testkit::records::batch(7, 3);
    ingest.replay(batch.clone()).await.unwrap();
    assert_eq!(*published(&memory).await[0], batch);
    let empty = Batch { records: vec![], ..batch };
    assert_eq!(ingest.replay(empty).await.unwrap_err().class, ErrorClass::Invalid);
}

/// The rate of single records per second; `cargo test -p testkit --test stages -- --ignored --nocapture`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn single_record_pushes_a_second() {
    let (memory, faulty) = queues();
    faulty.publish.set(Mode::Slow(Duration::from_millis(4)));
    let ingest = Ingest::start(faulty, IngestOptions::default());
    let started = std::time::Instant::now();
    let callers: Vec<_> = (0..768)
        .map(|_| {
            let ingest = ingest.clone();
            tokio::spawn(async move {
                for number in 0..400 {
                    ingest
                        .push(Submission { records: vec![raw(format!("record {number}"))], ..Submission::default() })
                        .await
                        .unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let rate = 768.0 * 400.0 / started.elapsed().as_secs_f64();
    let batches = memory.depth();
    eprintln!("{rate:.0} pushes/s in {batches} batches of {} records", 768 * 400 / batches);
}
