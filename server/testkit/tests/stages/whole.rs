//! The whole path, from push to store and tail, with intermittent failures everywhere: each acknowledged record is
//! found once.

use std::{sync::Arc, time::Duration};

use model::{Position, Query};
use pipeline::{
    BatchId, Error, Supervisor,
    admit::{Ingest, IngestOptions, Submission},
    consume,
    live::{LiveEvent, LiveHub},
};
use testkit::{
    faulty::{FaultyQueue, FaultyStore, Mode, Switch},
    memory::{MemoryQueue, MemoryStore},
    oracle::Oracle,
};
use tokio_util::sync::CancellationToken;

use super::{loss_ledger, raw, soon, until};

async fn inject_faults(switches: &[&Switch]) {
    let away = || Error::unavailable("away");
    let modes =
        [Mode::Fail(away()), Mode::LoseAnswer(away()), Mode::Slow(Duration::from_millis(5)), Mode::Hang, Mode::Healthy];
    for round in 0..30 {
        let switch = switches[round % switches.len()];
        switch.set(modes[round % modes.len()].clone());
        tokio::time::sleep(Duration::from_millis(15)).await;
        switch.set(Mode::Healthy);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_or_doubled_while_queue_and_store_fail() {
    let memory_queue = Arc::new(MemoryQueue::new());
    let memory_store = Arc::new(MemoryStore::new());
    let queue = FaultyQueue::new(memory_queue.clone());
    let store = FaultyStore::new(memory_store.clone());
    let (oracle, stop) = (Arc::new(Oracle::new()), CancellationToken::new());
    let ingest = Ingest::start(queue.clone(), IngestOptions::default());
    let consumer = tokio::spawn(consume::run(
        queue.clone(),
        store.clone(),
        loss_ledger(queue.clone()),
        stop.clone(),
        Supervisor::default(),
    ));
    let hub = LiveHub::start(store.clone(), stop.clone());
    let mut tail = hub.subscribe(Query::default(), Some(Position(0))).unwrap();

    // Each client retries a batch, under its id, until it is acknowledged.
    let clients: Vec<_> = (0..8_u8)
        .map(|client| {
            let (ingest, oracle) = (ingest.clone(), oracle.clone());
            tokio::spawn(async move {
                for number in 0..40_u8 {
                    let ids: Vec<_> = (0..5).map(|place| format!("{client}-{number}-{place}")).collect();
                    ids.iter().for_each(|id| oracle.given(id));
                    let mut batch_id = [0; 16];
                    batch_id[..2].copy_from_slice(&[client, number]);
                    loop {
                        let records = ids.iter().map(raw).collect();
                        let submission = Submission {
                            batch_id: Some(BatchId(batch_id)),
                            producer: "client".into(),
                            records,
                            ..Submission::default()
                        };
                        match ingest.push(submission).await {
                            Ok(_) => break,
                            Err(error) => assert!(error.is_retryable(), "{error}"),
                        }
                        tokio::time::sleep(Duration::from_millis(2)).await;
                    }
                    ids.iter().for_each(|id| oracle.acknowledged(id));
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
        })
        .collect();
    inject_faults(&[&queue.publish, &store.append, &queue.receive, &queue.acknowledge, &store.follow, &store.read])
        .await;
    for client in clients {
        soon("the client", client).await.unwrap();
    }
    until("all is stored", || memory_store.all().len() >= 8 * 40 * 5).await;
    ingest.close().await;

    memory_store.all().iter().for_each(|stored| oracle.found(&stored.record.message));
    let verdict = oracle.verdict();
    verdict.assert_clean();
    assert_eq!(verdict.found, 8 * 40 * 5);

    let seen = Oracle::new();
    let (mut shown, mut skipped) = (0, 0);
    while shown + skipped < 8 * 40 * 5 {
        match soon("the next event", tail.next()).await.unwrap() {
            LiveEvent::Record(stored) => {
                seen.given(&stored.record.message);
                seen.found(&stored.record.message);
                shown += 1;
            }
            LiveEvent::Skipped { count, .. } => skipped += count,
        }
    }
    seen.verdict().assert_clean();
    stop.cancel();
    soon("stop", consumer).await.unwrap();
}
