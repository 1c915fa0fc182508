//! The figures of the traffic, worked out again record by record.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, sync::Arc};

use chrono::FixedOffset;
use model::{LevelClass, Query, Record, Sight, api::RetentionView, time};
use pipeline::{Content, Delivery, Error, Log as _, Receipt, clock, live::LiveHub};
use reading::{Clock, Figures, Reader};
use testkit::{
    faulty::{FaultyStore, Mode},
    memory::{MemoryQueue, MemoryStore},
    records::{self, OBSERVED},
};
use tokio_util::sync::CancellationToken;

const NOW: i64 = OBSERVED + 5_000_000_000;
/// The span of the figures: 15 minutes.
const WINDOW: i64 = 900_000_000_000;

async fn figures(batches: u64) -> (Figures, Arc<FaultyStore>, Vec<Record>) {
    let memory = Arc::new(MemoryStore::new());
    for (receipt, batch) in (1..).zip(records::corpus(81, batches as usize)) {
        let content = Content::Batch(Arc::new(batch));
        memory.append(&[Delivery { receipt: Receipt(receipt), content }]).await.unwrap();
    }
    let within = |record: &Record| (NOW - WINDOW..NOW).contains(&record.time);
    let shown = memory.all().into_iter().map(|stored| stored.record).filter(within).collect();
    let store = FaultyStore::new(memory);
    let clock = Clock { clock: clock::Clock::from_fn(|| NOW), assume_timezone: FixedOffset::east_opt(0).unwrap() };
    let live = LiveHub::start(store.clone(), CancellationToken::new());
    let reader = Reader::new(store.clone(), clock);
    let figures = Figures::new(reader, Arc::new(MemoryQueue::new()), store.clone(), live, RetentionView::default());
    (figures, store, shown)
}

#[tokio::test]
async fn the_traffic_of_all_services_takes_two_calls_to_the_store() {
    let (figures, store, records) = figures(40).await;
    let made = figures.now().await;
    assert_eq!(store.read.calls(), 2);
    assert_eq!(made.trouble, None);
    let counted: u64 = made.traffic.buckets.iter().flat_map(|bucket| bucket.counts.values()).sum();
    assert_eq!(counted, records.len() as u64);

    let mut services: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in records.iter().filter(|record| !record.service.is_empty()) {
        services.entry(&record.service).or_default().push(record);
    }
    assert!(services.len() > 2 && made.services.len() == services.len().min(20));
    assert!(made.services.is_sorted_by_key(|service| (std::cmp::Reverse(service.count), service.service.clone())));
    for shown in &made.services {
        let records = &services[shown.service.as_str()];
        let is_error = |record: &&&Record| record.severity.class() >= LevelClass::Error;
        assert_eq!(shown.count, records.len() as u64, "{}", shown.service);
        assert_eq!(shown.spark.iter().sum::<u64>(), shown.count, "{}", shown.service);
        assert_eq!(shown.errors, records.iter().filter(is_error).count() as u64, "{}", shown.service);
        let newest = records.iter().map(|record| record.time).max().unwrap();
        assert_eq!(shown.last_seen, time::format_rfc3339(newest.div_euclid(1_000) * 1_000), "{}", shown.service);
    }
}

#[tokio::test]
async fn without_records_one_call_is_enough() {
    let (figures, store, _) = figures(0).await;
    let made = figures.now().await;
    assert_eq!((store.read.calls(), made.services.len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_limited_sight_waits_a_moment_for_its_turn_and_learns_no_reason() {
    let (figures, store, _) = figures(1).await;
    let limited = || figures.seen_by(&Sight::new(Some(Query::parse("level:error").unwrap()), Vec::new()));
    store.read.set(Mode::Hang);
    let first = tokio::spawn({
        let figures = limited();
        async move { figures.now().await }
    });
    store.read.called(1).await;
    let second = limited().now().await;
    assert!(second.limited && second.trouble.as_deref().unwrap().starts_with("busy"), "{second:?}");

    store.read.set(Mode::Fail(Error::unavailable("the secret of another service")));
    let trouble = first.await.unwrap().trouble.clone().unwrap();
    assert_eq!(trouble, "not available; an administrator sees the reason");
    assert_eq!(figures.now().await.trouble.as_deref(), Some("the secret of another service"));
}
