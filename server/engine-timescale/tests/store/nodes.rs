//! Several nodes on one database.

use std::sync::Arc;

use model::{Position, Query};
use pipeline::{LogStore, ReadLimit, TimeRange, ask};
use sqlx::{Connection, Row};
use testkit::records;

use crate::support::{count, deliveries, follow, fresh_database, messages, open, session, until};

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_start_together_make_one_schema() {
    let url = fresh_database().await;
    let stores = futures::future::join_all((0..4).map(|_| open(&url))).await;
    stores[0].append(&deliveries(&[records::batch(1, 3)])).await.unwrap();
    for store in &stores {
        assert_eq!(ask::count(&**store, &Query::default(), TimeRange::ALL).await.unwrap(), 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_two_nodes_store_at_once_is_stored_once() {
    let url = fresh_database().await;
    let (one, other) = (open(&url).await, open(&url).await);
    for round in 0..10 {
        // In opposite orders, so that each waits for ids that the other holds.
        let batches: Vec<_> = (0..20).map(|number| records::batch(round * 100 + number, 5)).collect();
        let (forwards, mut backwards) = (deliveries(&batches), deliveries(&batches));
        backwards.reverse();
        let (first, second) = tokio::join!(one.append(&forwards), other.append(&backwards));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first.records + second.records, 100);
        assert_eq!(first.duplicates + second.duplicates, 20);
    }
    assert_eq!(ask::count(&*one, &Query::default(), TimeRange::ALL).await.unwrap(), 1_000);
}

/// `follow` checks the order and the absence of gaps; the count and the comparison check that nothing is missing or
/// duplicated.
#[tokio::test(flavor = "multi_thread")]
async fn every_node_follows_everything_in_one_order() {
    let url = fresh_database().await;
    let nodes: Vec<Arc<dyn LogStore>> = vec![open(&url).await, open(&url).await, open(&url).await];
    let writers = nodes.iter().zip(0_u64..).map(|(node, writer)| async move {
        for number in 0..40 {
            let batch = records::batch(writer * 1_000 + number, 1 + number as usize % 7);
            node.append(&deliveries(&[batch])).await.unwrap();
        }
    });
    let expected: usize = 3 * (0..40).map(|number| 1 + number % 7).sum::<usize>();
    let followers = futures::future::join_all(nodes.iter().map(|node| follow(node, expected)));
    let (followed, _) = tokio::join!(followers, futures::future::join_all(writers));

    let seen = |blocks: &[pipeline::Block]| -> Vec<_> {
        blocks.iter().flat_map(|block| (0..block.batch.records.len()).filter_map(|place| block.stored(place))).collect()
    };
    assert_eq!(count(&followed[0]), expected);
    assert_eq!(seen(&followed[0]), seen(&followed[1]));
    assert_eq!(seen(&followed[0]), seen(&followed[2]));

    // A node that starts later reads the same.
    let late = open(&url).await;
    assert_eq!(seen(&follow(&late, expected).await), seen(&followed[0]));
    let (newest, limit) = (late.newest().await.unwrap(), ReadLimit::of_records(10_000));
    let read = late.read_after(Position(0), newest, TimeRange::ALL, &Query::default(), limit).await.unwrap();
    assert_eq!(read, seen(&followed[0]));
    assert_eq!(late.status().records, expected as u64);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_transaction_holds_back_what_comes_after_it_and_nothing_else() {
    let url = fresh_database().await;
    let (store, other) = (open(&url).await, open(&url).await);
    store.append(&deliveries(&[records::batch(1, 2)])).await.unwrap();
    let before = store.newest().await.unwrap();

    // Another node in the middle of a transaction.
    let mut session = session(&url).await;
    let mut transaction = session.begin().await.unwrap();
    let held: i64 = sqlx::query("select logboom.draw_block()").fetch_one(&mut *transaction).await.unwrap().get(0);

    store.append(&deliveries(&[records::batch(2, 3)])).await.unwrap();
    assert_eq!(messages(&store, "\"of batch 2\"").await.len(), 3, "stored, and found at once");
    // A node that has seen nothing newer, and one that has just stored something newer.
    assert_eq!(other.newest().await.unwrap(), before);
    assert_eq!(store.newest().await.unwrap(), before);
    assert!(held << 20 > before.0);

    transaction.rollback().await.unwrap();
    until("the horizon moves on", async || {
        let (one, other) = (store.newest().await.unwrap(), other.newest().await.unwrap());
        one == other && one.0 >> 20 > held
    })
    .await;
    assert_eq!(count(&follow(&other, 5).await), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_any_day_are_stored_and_found() {
    let url = fresh_database().await;
    let store = open(&url).await;
    let day = 86_400_000_000_000_i64;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as i64;
    let mut batch = records::batch(1, 9);
    let times =
        [i64::MIN, -1, 0, now - 1_000 * day, now - 300 * day, now - 20 * day, now - 1, now + 20 * day, i64::MAX - 1];
    for (record, time) in batch.records.iter_mut().zip(times) {
        record.time = time;
    }
    store.append(&deliveries(&[batch.clone()])).await.unwrap();
    for record in &batch.records {
        let range = TimeRange { from: record.time, to: record.time + 1 };
        assert_eq!(ask::count(&*store, &Query::default(), range).await.unwrap(), 1, "{}", record.time);
        assert_eq!(store.get(record.id).await.unwrap().unwrap().record, *record);
    }
    let days: i64 = sqlx::query("select count(*) from pg_inherits where inhparent = 'logboom.logs'::regclass")
        .fetch_one(&mut session(&url).await)
        .await
        .unwrap()
        .get(0);
    // The catch-all, yesterday to the day after tomorrow, and two days of the past.
    assert_eq!(days, 7);
}
