//! Appending: each batch is stored once.

use model::{
    Position, Query, RecordId,
    aggregate::{Aggregation, Key, Table},
    limits,
    query::Field,
};
use pipeline::{Content, DeadLetterRequest, ErrorClass, SearchRequest, TimeRange, ask};

use super::{Feeder, assert_in_order, assert_same, everything, records, records_of};
use crate::{contract::StoreHarness, records as corpora};

pub async fn what_is_appended_is_read_back_unchanged(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let corpus = corpora::corpus(11, 20);
    Feeder::default().feed(&*store, &corpus).await;
    let stored = everything(&*store).await;
    assert_in_order(&stored);
    assert_same(&records(&stored), &records_of(&corpus), "everything");
    for expected in stored.iter().step_by(7) {
        let found = store.get(expected.record.id).await.unwrap();
        assert_eq!(found.as_ref(), Some(expected));
    }
    assert_eq!(store.newest().await.unwrap(), stored.last().unwrap().position);
    store.close().await;
}

pub async fn an_empty_store_answers_every_question(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let (query, range) = (Query::default(), TimeRange { from: 0, to: 60 });
    assert_eq!(everything(&*store).await, []);
    assert_eq!(ask::count(&*store, &query, TimeRange::ALL).await.unwrap(), 0);
    let request = SearchRequest::new(query.clone(), TimeRange::ALL, 10);
    let page = store.search(&request).await.unwrap();
    assert_eq!((page.records, page.next), (vec![], None));
    for keys in [vec![Key::Time { width: 20 }], vec![Key::Field(Field::Service)]] {
        let aggregation = Aggregation::counting(query.clone(), range, keys, 5);
        assert_eq!(store.aggregate(&aggregation).await.unwrap(), [Table { rows: vec![], complete: true }]);
    }
    assert_eq!(store.get(RecordId(1)).await.unwrap(), None);
    assert_eq!(store.context(RecordId(1), 5, 5).await.unwrap(), None);
    assert_eq!(store.dead_letters(&DeadLetterRequest::newest(10)).await.unwrap(), []);
    let appended = store.append(&[]).await.unwrap();
    assert_eq!((appended.records, appended.duplicates, appended.dead), (0, 0, 0));
    store.close().await;
}

pub async fn a_redelivered_batch_is_stored_once(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let feeder = Feeder::default();
    let corpus = corpora::corpus(12, 6);
    let deliveries = feeder.deliveries(&corpus);
    store.append(&deliveries).await.unwrap();
    // The same delivery again, and the same batch published twice.
    for again in [deliveries[1..3].to_vec(), feeder.deliveries(&corpus[..4])] {
        let appended = store.append(&again).await.unwrap();
        assert_eq!((appended.records, appended.duplicates), (0, again.len() as u64));
    }
    assert_same(&records(&everything(&*store).await), &records_of(&corpus), "everything");
    store.close().await;
}

pub async fn a_batch_given_twice_in_one_call_is_stored_once(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let feeder = Feeder::default();
    let mut corpus = corpora::corpus(13, 4);
    // A client's retry under its own id, with other ids of the records.
    let mut resent = corpus[1].clone();
    corpus[1].client_id = true;
    resent.client_id = true;
    let base = RecordId::base(1_767_323_045_001, 99 << 16);
    resent.records.iter_mut().enumerate().for_each(|(place, record)| record.id = base.nth(place));
    let twice = [&corpus[0], &corpus[1], &corpus[0], &resent, &corpus[2]].map(|batch| feeder.delivery(batch));
    let appended = store.append(&twice).await.unwrap();
    assert_eq!(appended.duplicates, 2);
    // The other one is a redelivery: its client has sent it once.
    assert_eq!(appended.deduplicated.records(), resent.records.len() as u64);
    let stored = everything(&*store).await;
    assert_same(&records(&stored), &records_of(&corpus[..3]), "everything");
    store.close().await;
}

/// A transaction after a backlog: many small batches, including redeliveries and an undecodable one.
pub async fn many_batches_of_one_call_are_each_stored_once_and_in_order(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let feeder = Feeder::default();
    let corpus: Vec<_> = (0..1_200).map(|number| corpora::batch(number, 1 + number as usize % 4)).collect();
    let known: Vec<_> = corpus.iter().step_by(100).cloned().collect();
    feeder.feed(&*store, &known).await;
    let new: Vec<_> = corpus.iter().filter(|batch| !known.contains(batch)).cloned().collect();

    let mut call = feeder.deliveries(&corpus);
    call.insert(700, feeder.wrap(Content::Undecodable { bytes: vec![1, 2], reason: "no batch".into() }));
    let appended = store.append(&call).await.unwrap();
    let outcome = (appended.records, appended.duplicates, appended.dead);
    assert_eq!(outcome, (records_of(&new).len() as u64, known.len() as u64, 1));
    let again = store.append(&feeder.deliveries(&corpus)).await.unwrap();
    assert_eq!((again.records, again.duplicates), (0, corpus.len() as u64));

    let stored = everything(&*store).await;
    assert_in_order(&stored);
    assert_same(&records(&stored), &records_of(&[known, new].concat()), "everything");
    store.close().await;
}

/// An engine may use different code for many records than for few.
pub async fn awkward_records_among_many_are_stored_unchanged(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let mut batches = corpora::corpus(15, 40);
    batches.insert(20, corpora::batch(1, limits::RECORDS_PER_BATCH));
    let appended = store.append(&Feeder::default().deliveries(&batches)).await.unwrap();
    assert_eq!(appended.records, records_of(&batches).len() as u64);
    assert_same(&records(&everything(&*store).await), &records_of(&batches), "everything");
    store.close().await;
}

pub async fn records_of_any_time_are_stored(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let times = [i64::MIN, i64::MIN + 1, -86_400_000_000_001, -1, 0, 1, 999, corpora::OBSERVED, i64::MAX - 1];
    let mut batch = corpora::batch(1, times.len());
    for (record, time) in batch.records.iter_mut().zip(times) {
        record.time = time;
    }
    Feeder::default().feed(&*store, std::slice::from_ref(&batch)).await;
    assert_same(&records(&everything(&*store).await), &batch.records, "everything");
    let request = SearchRequest::new(Query::default(), TimeRange::ALL, 100);
    let mut found = records(&store.search(&request).await.unwrap().records);
    found.reverse();
    assert_same(&found, &batch.records, "search");
    for (place, time) in times.into_iter().enumerate() {
        let range = TimeRange { from: time, to: time + 1 };
        assert_eq!(ask::count(&*store, &Query::default(), range).await.unwrap(), 1, "{time}");
        let range = TimeRange { from: i64::MIN, to: time };
        assert_eq!(ask::count(&*store, &Query::default(), range).await.unwrap(), place as u64, "before {time}");
    }
    store.close().await;
}

pub async fn a_full_batch_is_stored(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let batches = [corpora::batch(1, limits::RECORDS_PER_BATCH), corpora::long_messages(2, 6, limits::MESSAGE_BYTES)];
    Feeder::default().feed(&*store, &batches).await;
    assert_same(&records(&everything(&*store).await), &records_of(&batches), "everything");
    store.close().await;
}

pub async fn a_part_that_is_not_set_aside_is_not_given_up(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    Feeder::default().feed(&*store, &corpora::corpus(17, 2)).await;
    let stored = everything(&*store).await;
    for name in ["", "2020-01-01/other.parquet", "../lock"] {
        assert!(!store.give_up_part(name).await.unwrap(), "{name:?}");
    }
    assert!(store.status().aside.is_empty());
    assert!(everything(&*store).await == stored, "records are gone");
    store.close().await;
}

pub async fn a_closed_store_is_unavailable(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let feeder = Feeder::default();
    feeder.feed(&*store, &corpora::corpus(14, 2)).await;
    store.close().await;
    let class = |result: pipeline::Result<()>| result.unwrap_err().class;
    let append = store.append(&feeder.deliveries(&[corpora::batch(1, 1)])).await.map(drop);
    assert_eq!(class(append), ErrorClass::Unavailable);
    assert_eq!(class(store.follow(Position(i64::MAX >> 1)).await.map(drop)), ErrorClass::Unavailable);
    let undecodable = feeder.wrap(Content::Undecodable { bytes: vec![1], reason: "x".into() });
    assert_eq!(class(store.append(&[undecodable]).await.map(drop)), ErrorClass::Unavailable);
    assert_eq!(class(store.give_up_part("2020-01-01/other.parquet").await.map(drop)), ErrorClass::Unavailable);
    // A second close is harmless, and the status stays available.
    store.close().await;
    assert!(!store.status().engine.is_empty());
}
