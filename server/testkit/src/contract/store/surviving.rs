//! The state after a restart.

use std::collections::BTreeMap;

use super::{Feeder, assert_in_order, assert_same, everything, records, records_of};
use crate::{contract::StoreHarness, records as corpora};

pub async fn what_was_stored_is_there_after_reopening(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(21, 20);
    let store = harness.open().await;
    Feeder::default().feed(&*store, &corpus).await;
    let before = everything(&*store).await;
    store.close().await;
    drop(store);

    let store = harness.open().await;
    let after = everything(&*store).await;
    assert_same(&records(&after), &records_of(&corpus), "everything");
    assert!(before == after, "positions have changed");
    store.close().await;
}

pub async fn a_redelivery_after_reopening_changes_nothing(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(22, 9);
    let feeder = Feeder::default();
    let deliveries = feeder.deliveries(&corpus);
    let store = harness.open().await;
    store.append(&deliveries).await.unwrap();
    store.close().await;
    drop(store);

    let store = harness.open().await;
    let appended = store.append(&deliveries).await.unwrap();
    assert_eq!((appended.records, appended.duplicates), (0, corpus.len() as u64));
    assert_same(&records(&everything(&*store).await), &records_of(&corpus), "everything");
    store.close().await;
}

/// The queue still has whatever a store had only in memory: after a crash every batch may be redelivered, and missing
/// ones are.
pub async fn after_a_crash_a_redelivery_stores_what_is_missing_and_nothing_twice(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(23, 12);
    let feeder = Feeder::default();
    let deliveries = feeder.deliveries(&corpus);
    for round in 1..=4 {
        let store = harness.open().await;
        store.append(&deliveries[..round * 3]).await.unwrap();
        let stored = everything(&*store).await;
        assert_in_order(&stored);
        assert_same(&records(&stored), &records_of(&corpus[..round * 3]), "everything");
        harness.crash(store).await;
    }
}

pub async fn positions_grow_across_reopening_and_are_never_given_again(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(24, 12);
    let feeder = Feeder::default();
    let mut given = BTreeMap::new();
    for (round, part) in corpus.chunks(3).enumerate() {
        let store = harness.open().await;
        let newest = store.newest().await.unwrap();
        assert!(given.keys().all(|position| *position <= newest), "the newest position went back");
        feeder.feed(&*store, part).await;
        let stored = everything(&*store).await;
        assert_in_order(&stored);
        for stored in stored {
            let id = stored.record.id;
            let before = *given.entry(stored.position).or_insert(id);
            assert_eq!(before, id, "{} names another record now", stored.position);
            assert!(
                !part.iter().flat_map(|batch| &batch.records).any(|record| record.id == id) || stored.position > newest
            );
        }
        assert_eq!(given.len(), records_of(&corpus[..(round + 1) * 3]).len());
        store.close().await;
    }
}
