//! Live tails: C3.

use std::{sync::Arc, time::Duration};

use model::{Position, Query, StoredRecord};
use pipeline::{
    Batch, Content, Delivery, Error, ErrorClass, Log as _, LogStore, Receipt,
    live::{LiveEvent, LiveHub, LiveOptions, Subscription},
};
use testkit::{
    faulty::{FaultyStore, Mode},
    memory::MemoryStore,
    records,
};
use tokio_util::sync::CancellationToken;

use super::{soon, until};

async fn append(store: &dyn LogStore, batches: &[Batch]) {
    for batch in batches {
        let content = Content::Batch(Arc::new(batch.clone()));
        store.append(&[Delivery { receipt: Receipt(0), content }]).await.unwrap();
    }
}

/// A hub that has reached the store.
async fn hub(store: Arc<dyn LogStore>, options: LiveOptions) -> Arc<LiveHub> {
    let hub = LiveHub::start_with(store, CancellationToken::new(), options);
    until("the hub has begun", || hub.newest().is_some()).await;
    hub
}

/// A ring so small that every slow subscriber reads from the store.
fn small_ring() -> LiveOptions {
    LiveOptions { ring_records: 50, ..LiveOptions::default() }
}

async fn take(subscription: &mut Subscription, count: usize) -> Vec<StoredRecord> {
    let mut taken = Vec::new();
    while taken.len() < count {
        match soon("the next event", subscription.next()).await {
            Some(LiveEvent::Record(stored)) => taken.push(stored),
            other => panic!("after {} records: {other:?}", taken.len()),
        }
    }
    taken
}

fn matching(store: &MemoryStore, query: &Query) -> Vec<StoredRecord> {
    store.all().into_iter().filter(|stored| query.matches(&stored.record)).collect()
}

#[tokio::test]
async fn every_subscriber_sees_every_match_once_and_in_order() {
    let store = Arc::new(MemoryStore::new());
    append(&*store, &records::corpus(1, 10)).await;
    let old = store.all().len();
    let hub = hub(store.clone(), LiveOptions::default()).await;
    let queries = ["*", "level>=warn", "request", "-service:*"].map(|text| Query::parse(text).unwrap());
    let mut subscriptions: Vec<_> = queries.iter().map(|query| hub.subscribe(query.clone(), None).unwrap()).collect();
    append(&*store, &records::corpus(2, 50)).await;
    for (query, subscription) in queries.iter().zip(&mut subscriptions) {
        let fresh = store.all()[old..].to_vec();
        let expected: Vec<_> = fresh.into_iter().filter(|stored| query.matches(&stored.record)).collect();
        assert!(take(subscription, expected.len()).await == expected, "{query}");
    }
}

#[tokio::test]
async fn a_subscriber_that_comes_back_gets_what_it_missed_and_then_what_is_new_without_a_seam() {
    for options in [LiveOptions::default(), small_ring()] {
        let store = Arc::new(MemoryStore::new());
        append(&*store, &records::corpus(3, 100)).await;
        let hub = hub(store.clone(), options).await;
        let writer = tokio::spawn({
            let store = store.clone();
            async move {
                for batch in records::corpus(4, 100) {
                    append(&*store, &[batch]).await;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        });
        // Reconnects repeatedly, each time after the last seen record.
        let query = Query::parse("level>=info").unwrap();
        let (mut seen, mut after) = (Vec::new(), Position(0));
        while !writer.is_finished() {
            let mut subscription = hub.subscribe(query.clone(), Some(after)).unwrap();
            seen.extend(take(&mut subscription, 97).await);
            after = seen.last().map_or(after, |last: &StoredRecord| last.position);
            if seen.len() + 97 > matching(&store, &query).len() {
                tokio::time::sleep(Duration::from_millis(30)).await;
                break;
            }
        }
        writer.await.unwrap();
        let expected = matching(&store, &query);
        let mut subscription = hub.subscribe(query.clone(), Some(after)).unwrap();
        seen.extend(take(&mut subscription, expected.len() - seen.len()).await);
        assert!(seen == expected, "there is a hole or a repeat");
    }
}

#[tokio::test]
async fn a_slow_subscriber_is_told_how_many_it_missed_and_hinders_nobody() {
    let store = Arc::new(MemoryStore::new());
    let options = LiveOptions { events: 100, ..LiveOptions::default() };
    let hub = hub(store.clone(), options).await;
    let mut slow = hub.subscribe(Query::default(), None).unwrap();
    let corpus = records::corpus(5, 200);
    let mut other = hub.subscribe(Query::parse("seq:7").unwrap(), None).unwrap();
    append(&*store, &corpus).await;
    let newest = store.newest().await.unwrap();
    until("the hub has seen all", || hub.newest() == Some(newest)).await;
    assert_eq!(take(&mut other, 1).await.len(), 1);

    let all = store.all();
    let mut place = 0;
    while place < all.len() {
        match soon("the next event", slow.next()).await.unwrap() {
            LiveEvent::Record(stored) => {
                assert!(stored == all[place], "record {place}");
                place += 1;
            }
            LiveEvent::Skipped { count, position } => {
                assert!(count > 0);
                place += count as usize;
                assert_eq!(position, all[place - 1].position);
            }
        }
    }
    assert_eq!(place, all.len(), "shown and skipped are all there is");
    // From now on it reads, so it misses nothing.
    append(&*store, &records::corpus(6, 2)).await;
    let expected = store.all()[all.len()..].to_vec();
    assert!(take(&mut slow, expected.len()).await == expected);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_subscriber_is_bounded_in_bytes() {
    let store = Arc::new(MemoryStore::new());
    let hub = hub(store.clone(), LiveOptions { event_bytes: 100_000, ..LiveOptions::default() }).await;
    let mut subscription = hub.subscribe(Query::default(), None).unwrap();
    append(&*store, &[records::long_messages(1, 50, 10_000)]).await;
    let newest = store.newest().await.unwrap();
    until("the hub has seen all", || hub.newest() == Some(newest)).await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (mut shown, mut skipped) = (0, 0);
    while shown + skipped < 50 {
        match soon("the next event", subscription.next()).await.unwrap() {
            LiveEvent::Record(_) => shown += 1,
            LiveEvent::Skipped { count, .. } => skipped += count,
        }
    }
    assert!(shown <= 10 && skipped >= 40, "{shown} shown, {skipped} skipped");

    // A subscriber that requested the past receives all of it, at its own pace, within the limit.
    let mut past = hub.subscribe(Query::default(), Some(Position(0))).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(take(&mut past, 50).await.len(), 50);
}

#[tokio::test(start_paused = true)]
async fn an_absent_store_is_waited_for_and_followed_from_where_it_was_left() {
    let memory = Arc::new(MemoryStore::new());
    let store = FaultyStore::new(memory.clone());
    let away = || Mode::Fail(Error::unavailable("away"));
    store.newest.set(away());
    let hub = LiveHub::start_with(store.clone(), CancellationToken::new(), small_ring());
    let mut early = hub.subscribe(Query::default(), None).unwrap();
    soon("newest", store.newest.called(2)).await;
    store.newest.set(Mode::Healthy);
    until("the hub has begun", || hub.newest().is_some()).await;
    for (round, corpus) in records::corpus(7, 40).chunks(10).enumerate() {
        let switch = if round % 2 == 0 { &store.follow } else { &store.read };
        switch.set(away());
        append(&*memory, corpus).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        switch.set(Mode::Healthy);
    }
    let all = memory.all();
    assert!(take(&mut early, all.len()).await == all);
}

#[tokio::test]
async fn a_position_of_another_store_does_not_hide_what_is_new() {
    let store = Arc::new(MemoryStore::new());
    append(&*store, &records::corpus(8, 1)).await;
    let hub = hub(store.clone(), LiveOptions::default()).await;
    let mut subscription = hub.subscribe(Query::default(), Some(Position(i64::MAX))).unwrap();
    // The first event shows that the subscriber has read the newest position of the store.
    let old = store.all().len();
    let mut number = 0;
    let seen = loop {
        number += 1;
        append(&*store, &[records::batch(1000 + number, 1)]).await;
        if let Ok(event) = tokio::time::timeout(Duration::from_millis(50), subscription.next()).await {
            break event;
        }
        assert!(number < 1000, "nothing is seen");
    };
    match seen {
        Some(LiveEvent::Record(stored)) => assert!(store.all()[old..].contains(&stored)),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn subscriptions_are_bounded_and_a_dropped_one_makes_room() {
    let store = Arc::new(MemoryStore::new());
    let hub = hub(store, LiveOptions { subscriptions: 2, ..LiveOptions::default() }).await;
    let first = hub.subscribe(Query::default(), None).unwrap();
    let _second = hub.subscribe(Query::default(), None).unwrap();
    let refused = hub.subscribe(Query::default(), None).err().unwrap();
    assert_eq!(refused.class, ErrorClass::Overloaded);
    drop(first);
    until("there is room again", || hub.subscribe(Query::default(), None).is_ok()).await;
}

#[tokio::test]
async fn closing_the_hub_ends_every_subscription() {
    let store = Arc::new(MemoryStore::new());
    let hub = hub(store.clone(), LiveOptions::default()).await;
    let mut subscription = hub.subscribe(Query::default(), None).unwrap();
    append(&*store, &records::corpus(9, 1)).await;
    let count = store.all().len();
    assert_eq!(take(&mut subscription, count).await.len(), count);
    hub.close();
    assert_eq!(soon("the end", subscription.next()).await, None);
    assert_eq!(hub.subscribe(Query::default(), None).err().unwrap().class, ErrorClass::Unavailable);
}
