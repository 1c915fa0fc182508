//! Deletions by query.

use std::collections::BTreeMap;

use model::{Position, Query, StoredRecord, TimeRange};
use pipeline::{Ask as _, ErrorClass, Log as _, LogStore, Removal, RemovalStep, Tally};

use super::{Feeder, asking::Pair, assert_in_order, assert_same, everything, records, records_of};
use crate::{
    contract::StoreHarness,
    records::{self as corpora, OBSERVED},
};

const SECOND: i64 = 1_000_000_000;
/// More steps than any removal of these tests takes.
const STEPS: usize = 10_000;
/// The most failures of a step that may succeed when it is tried again.
const TRIES: usize = 20;

fn removal(text: &str, range: TimeRange, upto: Position) -> Removal {
    Removal { query: Query::parse(text).unwrap(), range, upto }
}

/// A step. One that lost a lock to the upkeep of the store is tried again.
async fn step(store: &dyn LogStore, removal: &Removal, from: Option<&str>) -> RemovalStep {
    for _ in 0..TRIES {
        match store.remove(removal, from).await {
            Err(error) if error.is_retryable() => {}
            step => return step.unwrap(),
        }
    }
    store.remove(removal, from).await.unwrap()
}

/// One pass. Returns the number of removed records.
async fn remove(store: &dyn LogStore, removal: &Removal) -> u64 {
    let (mut from, mut removed) = (None, 0);
    for _ in 0..STEPS {
        let step = step(store, removal, from.as_deref()).await;
        removed += step.removed;
        let Some(next) = step.next else { return removed };
        assert!(next.len() <= 1000, "{next:?} is too long");
        from = Some(next);
    }
    panic!("there is no end to the removal of `{}`", removal.query);
}

/// By hour and service.
fn numbers(tally: &Tally) -> BTreeMap<(i64, String), u64> {
    tally.iter().map(|(hour, service, count)| ((hour.0, service.to_string()), count)).collect()
}

/// Splits into what the removal takes and what it leaves.
fn split(stored: Vec<StoredRecord>, removal: &Removal) -> (Vec<StoredRecord>, Vec<StoredRecord>) {
    stored.into_iter().partition(|stored| removal.takes(stored))
}

#[track_caller]
fn assert_left(found: &[StoredRecord], expected: &[StoredRecord], what: &str) {
    assert_in_order(found);
    assert_same(&records(found), &records(expected), what);
    let moved = found.iter().zip(expected).find(|(found, expected)| found.position != expected.position);
    assert!(moved.is_none(), "{what}: a record has another position: {moved:?}");
}

pub async fn a_removal_takes_what_matches_and_nothing_else(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(71, 130);
    let queries = corpora::queries(71, &corpus, 40);
    let (mut fresh, feeder) = (corpus.iter(), Feeder::default());
    let mut store = harness.open().await;
    for batch in fresh.by_ref().take(30) {
        feeder.feed(&*store, std::slice::from_ref(batch)).await;
    }
    for (number, query) in queries.into_iter().enumerate() {
        if let Some(batch) = fresh.next() {
            feeder.feed(&*store, std::slice::from_ref(batch)).await;
        }
        // Old and fresh records, in files and in memory.
        if number % 20 == 10 {
            store.close().await;
            drop(store);
            store = harness.open().await;
        }
        if number % 6 == 3 {
            harness.settle().await;
        }
        let from = OBSERVED + (number as i64 % 6 - 3) * SECOND;
        let range = if number % 9 == 8 { TimeRange::ALL } else { TimeRange { from, to: from + SECOND } };
        let stored = everything(&*store).await;
        // Half of the records are too new.
        let upto = match stored.get(stored.len() / 2) {
            Some(middle) if number % 3 == 0 => middle.position,
            _ => store.newest().await.unwrap(),
        };
        let removal = Removal { query, range, upto };
        let what = format!("the removal of `{}` in {range:?} up to {upto}", removal.query);
        let (taken, left) = split(stored, &removal);
        let mut expected = Tally::default();
        taken.iter().for_each(|stored| expected.add(&stored.record));
        let counted = store.count_removal(&removal).await.unwrap();
        assert_eq!(numbers(&counted), numbers(&expected), "the count of {what}");
        assert_eq!(remove(&*store, &removal).await, taken.len() as u64, "{what}");
        assert_left(&everything(&*store).await, &left, &what);
        assert!(store.count_removal(&removal).await.unwrap().is_empty(), "something is left after {what}");
        assert_eq!(remove(&*store, &removal).await, 0, "{what}, repeated");
        for stored in taken.iter().step_by(17) {
            assert_eq!(store.get(stored.record.id).await.unwrap(), None, "{what}");
        }
    }
    let before = everything(&*store).await;
    assert!(!before.is_empty(), "the test has removed everything and tests nothing");
    store.close().await;
    drop(store);
    let store = harness.open().await;
    assert_left(&everything(&*store).await, &before, "after reopening");
    store.close().await;
}

pub async fn what_was_removed_is_in_no_answer(harness: &dyn StoreHarness) {
    let pair = Pair::mixed(harness, 72).await;
    let (store, reference) = (&*pair.store, &pair.reference);
    for text in ["level:error,fatal", "service:api -request", "message:/ms$/ level<warn"] {
        let upto = store.newest().await.unwrap();
        let removed = remove(store, &removal(text, TimeRange::ALL, upto)).await;
        let upto = reference.newest().await.unwrap();
        assert_eq!(remove(reference, &removal(text, TimeRange::ALL, upto)).await, removed, "{text}");
        assert!(removed > 0, "{text}");
    }
    pair.compare_queries(72).await;
    for aggregation in corpora::aggregations(72, &pair.corpus, 100) {
        pair.compare(&aggregation).await;
    }
    let left = everything(store).await;
    assert_same(&records(&left), &records(&reference.all()), "everything");
    for (number, stored) in left.iter().enumerate().step_by(29) {
        let id = stored.record.id;
        let neighbours = [(5, 5), (0, 40), (1000, 1000)][number % 3];
        let found = store.context(id, neighbours.0, neighbours.1).await.unwrap().unwrap();
        let expected = reference.context(id, neighbours.0, neighbours.1).await.unwrap().unwrap();
        assert_same(&records(&found.before), &records(&expected.before), "before");
        assert_same(&records(&found.after), &records(&expected.after), "after");
    }
    // A tail that begins anywhere.
    for place in [0, left.len() / 2] {
        let (mut after, mut seen) = (Position(left[place].position.0 - 1), Vec::new());
        while seen.len() < left.len() - place {
            for block in store.follow(after).await.unwrap() {
                let of_block = (0..).map_while(|place| block.stored(place));
                seen.extend(of_block.filter(|stored| stored.position > after));
                after = after.max(block.last());
            }
        }
        assert_left(&seen, &left[place..], "followed");
    }
    store.close().await;
}

pub async fn what_was_removed_stays_away_after_a_crash_and_a_redelivery(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(73, 12);
    let feeder = Feeder::default();
    let deliveries = feeder.deliveries(&corpus);
    let store = harness.open().await;
    store.append(&deliveries).await.unwrap();
    let upto = store.newest().await.unwrap();
    let removal = removal("level>=warn", TimeRange::ALL, upto);
    let (taken, left) = split(everything(&*store).await, &removal);
    assert!(!taken.is_empty() && !left.is_empty());
    assert_eq!(remove(&*store, &removal).await, taken.len() as u64);
    harness.crash(store).await;

    // The queue may deliver everything once more.
    let store = harness.open().await;
    let appended = store.append(&deliveries).await.unwrap();
    assert_eq!(appended.records, 0, "a removed batch was stored again");
    assert_left(&everything(&*store).await, &left, "after a crash");
    store.close().await;
    drop(store);
    let store = harness.open().await;
    assert_left(&everything(&*store).await, &left, "after reopening");
    store.close().await;
}

pub async fn a_removal_goes_on_from_anywhere(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(74, 40);
    let feeder = Feeder::default();
    let mut store = harness.open().await;
    feeder.feed(&*store, &corpus[..20]).await;
    store.close().await;
    drop(store);
    store = harness.open().await;
    feeder.feed(&*store, &corpus[20..]).await;
    let upto = store.newest().await.unwrap();
    let removal = removal("request OR level:error", TimeRange::ALL, upto);
    let (taken, left) = split(everything(&*store).await, &removal);
    // Each step in a process of its own, as after crashes.
    let (mut places, mut from, mut removed) = (Vec::new(), None, 0);
    for _ in 0..STEPS {
        let step = step(&*store, &removal, from.as_deref()).await;
        removed += step.removed;
        if places.len() < 5 {
            store.close().await;
            drop(store);
            store = harness.open().await;
        }
        places.extend(step.next.clone());
        from = step.next;
        if from.is_none() {
            break;
        }
    }
    // A merge may have moved records from one file to another meanwhile. Another pass removes them.
    removed += remove(&*store, &removal).await;
    assert_eq!(removed, taken.len() as u64);
    assert_left(&everything(&*store).await, &left, "step by step");
    // Places of a pass that is over.
    for place in &places {
        assert_eq!(step(&*store, &removal, Some(place)).await.removed, 0, "{place}");
    }
    let error = store.remove(&removal, Some("\u{0}no place at all")).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid, "{error}");
    store.close().await;
    for error in
        [store.remove(&removal, None).await.unwrap_err(), store.count_removal(&removal).await.map(drop).unwrap_err()]
    {
        assert_eq!(error.class, ErrorClass::Unavailable, "{error}");
    }
}

pub async fn a_removal_leaves_what_arrives_meanwhile(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(75, 60);
    let feeder = Feeder::default();
    let store = harness.open().await;
    feeder.feed(&*store, &corpus[..30]).await;
    let upto = store.newest().await.unwrap();
    let removal = removal("-level:error", TimeRange::ALL, upto);
    let (taken, left) = split(everything(&*store).await, &removal);
    let late = records_of(&corpus[30..]);
    let append = async {
        for batch in &corpus[30..] {
            feeder.feed(&*store, std::slice::from_ref(batch)).await;
        }
    };
    let tail = async {
        let (mut after, mut seen) = (upto, Vec::new());
        while seen.len() < late.len() {
            for block in store.follow(after).await.unwrap() {
                let of_block = (0..).map_while(|place| block.stored(place));
                seen.extend(of_block.filter(|stored| stored.position > after));
                after = after.max(block.last());
            }
        }
        seen
    };
    let ask = async {
        for _ in 0..20 {
            // What stays is in each answer, at each moment.
            let all = everything(&*store).await;
            let here = |stored: &StoredRecord| all.binary_search_by_key(&stored.position, |one| one.position).is_ok();
            assert!(left.iter().all(here), "a record that stays was away");
        }
    };
    let (removed, (), seen, ()) = tokio::join!(remove(&*store, &removal), append, tail, ask);
    let removed = removed + remove(&*store, &removal).await;
    assert_eq!(removed, taken.len() as u64);
    assert_same(&records(&seen), &late, "the tail");
    let expected: Vec<StoredRecord> = left.into_iter().chain(seen).collect();
    assert_left(&everything(&*store).await, &expected, "everything");
    store.close().await;
}

pub async fn a_removal_of_everything_leaves_an_empty_store_that_goes_on(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(76, 20);
    let feeder = Feeder::default();
    let store = harness.open().await;
    feeder.feed(&*store, &corpus[..10]).await;
    let upto = store.newest().await.unwrap();
    let removal = removal("", TimeRange::ALL, upto);
    assert_eq!(remove(&*store, &removal).await, records_of(&corpus[..10]).len() as u64);
    assert!(everything(&*store).await.is_empty());
    assert_eq!(store.newest().await.unwrap(), upto, "the newest position went back");
    store.close().await;
    drop(store);

    let store = harness.open().await;
    assert!(store.newest().await.unwrap() >= upto, "the newest position went back");
    feeder.feed(&*store, &corpus[10..]).await;
    let stored = everything(&*store).await;
    assert_same(&records(&stored), &records_of(&corpus[10..]), "what came later");
    assert!(stored.iter().all(|stored| stored.position > upto), "a position was given again");
    store.close().await;
}

pub async fn an_empty_store_has_nothing_to_remove(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let upto = store.newest().await.unwrap();
    for text in ["", "level:error"] {
        let removal = removal(text, TimeRange::ALL, upto);
        assert!(store.count_removal(&removal).await.unwrap().is_empty());
        assert_eq!(remove(&*store, &removal).await, 0);
    }
    store.close().await;
}
