//! Reading in position order.

use std::time::Duration;

use model::{Position, Query, StoredRecord, TimeRange};
use pipeline::{Block, ErrorClass, LogStore, ReadLimit};

use super::{Feeder, assert_in_order, assert_same, everything, records, records_of};
use crate::{contract::StoreHarness, records as corpora};

/// The records of blocks with their positions.
fn unfold(blocks: &[Block]) -> Vec<StoredRecord> {
    blocks.iter().flat_map(|block| (0..).map_while(|place| block.stored(place))).collect()
}

/// Follows until `count` records have arrived.
async fn follow(store: &dyn LogStore, mut after: Position, count: usize) -> Vec<StoredRecord> {
    let mut seen: Vec<StoredRecord> = Vec::new();
    while seen.len() < count {
        let blocks = store.follow(after).await.unwrap();
        assert!(!blocks.is_empty(), "it is to wait until there is something");
        // A block may start before `after`; those records were already seen.
        seen.extend(unfold(&blocks).into_iter().filter(|stored| stored.position > after));
        after = blocks.last().unwrap().last();
    }
    seen
}

pub async fn following_gives_everything_once_and_in_order(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(31, 60);
    let count = records_of(&corpus).len();
    let store = harness.open().await;
    let feeder = Feeder::default();
    feeder.feed(&*store, &corpus[..20]).await;
    let follower = tokio::spawn({
        let store = store.clone();
        async move { follow(&*store, Position(0), count).await }
    });
    for part in corpus[20..].chunks(4) {
        feeder.feed(&*store, part).await;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let seen = follower.await.unwrap();
    assert_in_order(&seen);
    assert_same(&records(&seen), &records_of(&corpus), "followed");
    // Also from the middle of a block.
    for place in [0, 1, count / 2, count - 2] {
        let rest = follow(&*store, seen[place].position, count - place - 1).await;
        assert!(rest == seen[place + 1..], "following from record {place} gives something else");
    }
    assert!(everything(&*store).await == seen, "reading gives something else than following");
    store.close().await;
}

pub async fn following_wakes_when_something_is_stored(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let newest = store.newest().await.unwrap();
    let corpus = corpora::corpus(32, 1);
    let feeder = Feeder::default();
    // The first future is polled first, while nothing is available; an early result would lack the records.
    let (followed, ()) = tokio::join!(store.follow(newest), feeder.feed(&*store, &corpus));
    assert_same(&records(&unfold(&followed.unwrap())), &records_of(&corpus), "followed");
    store.close().await;
}

pub async fn closing_wakes_those_who_follow(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let newest = store.newest().await.unwrap();
    let (followed, ()) = tokio::join!(store.follow(newest), store.close());
    assert_eq!(followed.unwrap_err().class, ErrorClass::Unavailable);
}

pub async fn what_was_read_page_by_page_is_everything_once_and_in_order(harness: &dyn StoreHarness) {
    let corpus = corpora::corpus(33, 30);
    let store = harness.open().await;
    let feeder = Feeder::default();
    feeder.feed(&*store, &corpus[..15]).await;
    store.close().await;
    drop(store);
    let store = harness.open().await;
    feeder.feed(&*store, &corpus[15..]).await;

    let newest = store.newest().await.unwrap();
    for text in ["*", "level>=warn", "request", "nothing.like.this:*"] {
        let query = Query::parse(text).unwrap();
        let (mut after, mut seen) = (Position(0), Vec::new());
        loop {
            let page =
                store.read_after(after, newest, TimeRange::ALL, &query, ReadLimit::of_records(17)).await.unwrap();
            assert!(page.len() <= 17);
            let is_last = page.len() < 17;
            after = page.last().map_or(after, |last| last.position);
            seen.extend(page);
            if is_last {
                break;
            }
        }
        assert_in_order(&seen);
        let expected: Vec<_> = records_of(&corpus).into_iter().filter(|record| query.matches(record)).collect();
        assert_same(&records(&seen), &expected, text);
        // With a limit of bytes, a page ends with the record that reaches it.
        for bytes in [1, 3_000, 40_000, usize::MAX - 1] {
            let limit = ReadLimit { records: 50, bytes };
            let mut read = Vec::new();
            loop {
                let after = read.last().map_or(Position(0), |last: &StoredRecord| last.position);
                let page = store.read_after(after, newest, TimeRange::ALL, &query, limit).await.unwrap();
                let weights: Vec<usize> = page.iter().map(|stored| stored.record.weight()).collect();
                let before_the_last = weights.split_last().map_or(0, |(_, before)| before.iter().sum());
                assert!(page.len() <= 50 && before_the_last < bytes, "{text}: {weights:?} of {bytes}");
                let is_last = !limit.is_reached_by(&page);
                read.extend(page);
                if is_last {
                    break;
                }
            }
            assert!(read == seen, "{text}: {bytes} bytes a page");
        }
        // Records after `upto` are not returned.
        if let Some(middle) = seen.get(seen.len() / 2) {
            // A range of time leaves the order as it is.
            let range = TimeRange { from: middle.record.time, to: middle.record.time + 3600 * 1_000_000_000 };
            let expected: Vec<_> = seen.iter().filter(|stored| range.contains(stored.record.time)).cloned().collect();
            let (mut after, mut ranged) = (Position(0), Vec::new());
            loop {
                let page = store.read_after(after, newest, range, &query, ReadLimit::of_records(5)).await.unwrap();
                let is_last = page.len() < 5;
                after = page.last().map_or(after, |last| last.position);
                ranged.extend(page);
                if is_last {
                    break;
                }
            }
            assert!(ranged == expected, "{text}: within an hour");
            let limit = ReadLimit::of_records(10_000);
            let half = store.read_after(Position(0), middle.position, TimeRange::ALL, &query, limit).await.unwrap();
            assert!(half == seen[..=seen.len() / 2], "{text}: up to the middle");
        }
    }
    store.close().await;
}
