//! Deletion by query, on each layout.

use std::sync::Arc;

use engine_timescale::Options;
use model::{
    Position, Query, Record,
    aggregate::{Aggregation, Key},
    query::Field,
    time::Nanos,
};
use pipeline::{Batch, Block, ErrorClass, LogStore, Removal, Tally, TimeRange, ask};
use sqlx::PgPool;

use crate::{
    support::{count, deliveries, follow, messages, open_with, until},
    upkeep::{DAY, HOUR, batch_at, busy, is_so, layouts, now, timescale_database},
};

/// The blocks have as many records as the table, and each run knows how many of its records are gone.
const IS_CONSISTENT: &str = "select (select coalesce(sum(records), 0) from logboom.blocks) = \
     (select count(*) from logboom.logs) and not exists (select from logboom.runs where records - removed <> \
     (select count(*) from logboom.logs where position between first_position and first_position + records - 1))";

async fn removal(store: &Arc<dyn LogStore>, query: &str, range: TimeRange) -> Removal {
    Removal { query: Query::parse(query).unwrap(), range, upto: store.newest().await.unwrap() }
}

/// One pass. Returns the numbers of removed records of its steps. A step that lost a lock to upkeep is tried again.
async fn pass(store: &Arc<dyn LogStore>, removal: &Removal) -> Vec<u64> {
    let (mut steps, mut from) = (Vec::new(), None);
    let mut failures = 0;
    loop {
        let step = match store.remove(removal, from.as_deref()).await {
            Err(error) if error.is_retryable() && failures < 20 => {
                failures += 1;
                continue;
            }
            step => step.unwrap(),
        };
        steps.push(step.removed);
        from = step.next;
        if from.is_none() {
            return steps;
        }
    }
}

async fn remove(store: &Arc<dyn LogStore>, query: &str) -> u64 {
    let removal = removal(store, query, TimeRange::ALL).await;
    pass(store, &removal).await.into_iter().sum()
}

/// Twenty batches of ten records, of two services in turn, over three days.
fn batches(now: Nanos) -> Vec<Batch> {
    let service = |number: u64| if number.is_multiple_of(2) { "api" } else { "web" };
    let times = |number: u64| (0..10).map(move |place| now - place * 7 * HOUR - number as Nanos * 1_001);
    (0..20).map(|number| batch_at(number, service(number), &times(number).collect::<Vec<_>>())).collect()
}

fn counts(tally: &Tally) -> Vec<(i64, String, u64)> {
    let mut counts: Vec<_> = tally.iter().map(|(hour, service, count)| (hour.0, service.to_string(), count)).collect();
    counts.sort_unstable();
    counts
}

fn of_service(blocks: &[Block], service: &str) -> usize {
    blocks.iter().flat_map(|block| &block.batch.records).filter(|record| record.service == service).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_record_is_nowhere_and_the_others_stay_as_they_are() {
    for (url, options) in layouts(Options::default()).await {
        let (store, other) = (open_with(&url, options.clone()).await, open_with(&url, options.clone()).await);
        let batches = batches(now());
        store.append(&deliveries(&batches)).await.unwrap();
        let newest = store.newest().await.unwrap();
        let before = follow(&store, 200).await;
        // One record of a run, so that its rest makes two blocks.
        let single = batches[1].records[4].id;
        assert_eq!(remove(&store, &format!("service:api OR id:{single}")).await, 101);

        assert_eq!(messages(&store, "service:api").await, [""; 0]);
        assert_eq!(ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap(), 99);
        assert_eq!(store.status().records, 99);
        assert_eq!(store.get(batches[0].records[3].id).await.unwrap(), None);
        assert_eq!(store.newest().await.unwrap(), newest);
        let pool = PgPool::connect(&url).await.unwrap();
        assert!(is_so(&pool, IS_CONSISTENT).await);
        assert!(is_so(&pool, "select count(*) = 10 from logboom.runs").await, "empty runs go");

        let stored = |blocks: &[Block]| -> Vec<(Position, Record)> {
            let of = |block: &Block| -> Vec<_> {
                let places = 0..block.batch.records.len();
                places.filter_map(|place| block.stored(place)).map(|stored| (stored.position, stored.record)).collect()
            };
            blocks.iter().flat_map(of).collect()
        };
        let is_left = |(_, record): &(Position, Record)| record.service != "api" && record.id != single;
        let expected: Vec<_> = stored(&before).into_iter().filter(is_left).collect();
        // The node that stored the records had them in memory, the other one had not.
        for node in [&store, &other] {
            let after = follow(node, 99).await;
            assert_eq!((count(&after), of_service(&after, "api")), (99, 0));
            assert_eq!(stored(&after), expected);
        }
        for (_, record) in &expected {
            assert_eq!(store.get(record.id).await.unwrap().unwrap().record, *record);
        }

        // Once more removes nothing, and neither does a redelivery bring anything back.
        assert_eq!(remove(&store, &format!("service:api OR id:{single}")).await, 0);
        assert_eq!(store.append(&deliveries(&batches)).await.unwrap().duplicates, 20);
        assert_eq!(ask::count(&*store, &Query::default(), TimeRange::ALL).await.unwrap(), 99);
        // What comes later stays, and the tail goes on after the gap.
        let early = removal(&store, "", TimeRange::ALL).await;
        store.append(&deliveries(&[batch_at(99, "api", &[now()])])).await.unwrap();
        assert_eq!(pass(&store, &early).await.into_iter().sum::<u64>(), 99);
        assert_eq!(count(&follow(&other, 1).await), 1);
        assert!(is_so(&pool, IS_CONSISTENT).await);
        let late = open_with(&url, options).await;
        assert_eq!(late.status().records, 1);
        for store in [store, other, late] {
            store.close().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_before_is_what_is_removed() {
    for (url, options) in layouts(Options::default()).await {
        let store = open_with(&url, options).await;
        let now = now();
        let mut batches = batches(now);
        batches[3].records[2].trace_id = Some([7; 16]);
        let begin = batches[4].records[1].time;
        store.append(&deliveries(&batches)).await.unwrap();
        let mut left: Vec<Record> = batches.into_iter().flat_map(|batch| batch.records).collect();
        let all = TimeRange::ALL;
        for (query, range) in [
            // To the nanosecond, since the times of two batches differ by 1,001.
            ("service:api", TimeRange { from: begin, to: begin + 1 }),
            ("service:web", TimeRange { from: begin - 1_000, to: begin + 1 }),
            ("trace_id:07070707070707070707070707070707", all),
            // Verified in the program.
            ("message:/^web of (7|14) hours ago$/", all),
            ("nothing-like-it", all),
            ("service:api OR message:/of 2[0-9] hours/", TimeRange { from: now - DAY, to: now + 1 }),
            ("", TimeRange { from: now, to: now }),
            ("", all),
        ] {
            let removal = removal(&store, query, range).await;
            let (gone, rest): (Vec<_>, Vec<_>) = left
                .into_iter()
                .partition(|record: &Record| range.contains(record.time) && removal.query.matches(record));
            left = rest;
            let mut expected = Tally::default();
            gone.iter().for_each(|record| expected.add(record));
            let counted = store.count_removal(&removal).await.unwrap();
            assert_eq!(counts(&counted), counts(&expected), "{query}");
            assert_eq!(pass(&store, &removal).await.into_iter().sum::<u64>(), gone.len() as u64, "{query}");
            assert!(store.count_removal(&removal).await.unwrap().is_empty(), "{query}");
            let remaining = ask::count(&*store, &Query::default(), all).await.unwrap();
            assert_eq!(remaining, left.len() as u64, "{query}");
        }
        assert!(left.is_empty());
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_bounded_and_an_old_mark_removes_the_rest() {
    for (url, options) in layouts(Options::default()).await {
        let store = open_with(&url, options).await;
        let now = now();
        let spread = |number: u64| (0..5_000).map(move |place| now - place * 1_000_000 - number as Nanos);
        let batches: Vec<Batch> =
            (0..9).map(|number| batch_at(number, "api", &spread(number).collect::<Vec<_>>())).collect();
        store.append(&deliveries(&batches)).await.unwrap();
        let removal = removal(&store, "", TimeRange::ALL).await;
        let first = store.remove(&removal, None).await.unwrap();
        assert!((1..45_000).contains(&first.removed), "{first:?}");
        let second = store.remove(&removal, first.next.as_deref()).await.unwrap();
        // As after a crash before the second mark was stored.
        let mut step = store.remove(&removal, first.next.as_deref()).await.unwrap();
        let mut removed = first.removed + second.removed + step.removed;
        while let Some(next) = step.next {
            step = store.remove(&removal, Some(&next)).await.unwrap();
            removed += step.removed;
        }
        assert_eq!(removed, 45_000);
        assert_eq!(store.status().records, 0);
        let error = store.remove(&removal, Some("elsewhere")).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        store.close().await;
    }
}

/// With upkeep, which refreshes the minutes meanwhile, and appends of another node.
#[tokio::test(flavor = "multi_thread")]
async fn appends_and_upkeep_go_on_while_records_are_removed() {
    for (url, options) in layouts(busy()).await {
        let (store, other) = (open_with(&url, options.clone()).await, open_with(&url, options).await);
        let now = now();
        let spread: Vec<Nanos> = (0..500).map(|place| now - place * 150_000_000_000).collect();
        let early: Vec<Batch> = (0..20).map(|number| batch_at(number, "api", &spread)).collect();
        store.append(&deliveries(&early)).await.unwrap();
        let removal = removal(&store, "service:api", TimeRange::ALL).await;
        let appends = async {
            for number in 100..140 {
                let service = if number % 2 == 0 { "api" } else { "web" };
                other.append(&deliveries(&[batch_at(number, service, &spread)])).await.unwrap();
            }
        };
        // Two at once, as around the end of a lease.
        let (one, two, ()) = tokio::join!(pass(&store, &removal), pass(&other, &removal), appends);
        assert_eq!(one.into_iter().chain(two).sum::<u64>(), 10_000);
        let by_service = Aggregation::counting(Query::default(), TimeRange::ALL, vec![Key::Field(Field::Service)], 10);
        let table = store.aggregate(&by_service).await.unwrap().remove(0);
        assert_eq!(table.counts().map(|(_, count)| count).collect::<Vec<_>>(), [10_000, 10_000]);
        let pool = PgPool::connect(&url).await.unwrap();
        assert!(is_so(&pool, IS_CONSISTENT).await);
        assert_eq!(count(&follow(&store, 20_000).await), 20_000);
        store.close().await;
        other.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn records_in_columns_are_removed_and_the_minutes_count_them_no_more() {
    let Some(url) = timescale_database().await else { return };
    let store = open_with(&url, busy()).await;
    let old = now() - 3 * DAY;
    let times = |number: Nanos| (0..200).map(move |place| old + place * 1_000_000_000 + number);
    let batches: Vec<Batch> = (0..20)
        .map(|number| {
            let service = if number % 2 == 0 { "api" } else { "web" };
            batch_at(number, service, &times(number as Nanos).collect::<Vec<_>>())
        })
        .collect();
    store.append(&deliveries(&batches)).await.unwrap();
    let pool = PgPool::connect(&url).await.unwrap();
    let converted = "select bool_or(is_compressed) from timescaledb_information.chunks where hypertable_name = 'logs'";
    until("the chunk is in columns", async || is_so(&pool, converted).await).await;
    let counted = "select position = logboom.final_position() from logboom.minutes_upto";
    until("the minutes are up to date", async || is_so(&pool, counted).await).await;

    let range = TimeRange { from: old - HOUR, to: old + HOUR };
    let by_minute = Aggregation::counting(
        Query::default(),
        range,
        vec![Key::Time { width: 60_000_000_000 }, Key::Field(Field::Service)],
        1_000,
    );
    let sum = async || -> u64 {
        let table = store.aggregate(&by_minute).await.unwrap().remove(0);
        table.counts().map(|(_, count)| count).sum()
    };
    assert_eq!(sum().await, 4_000);
    let removal = removal(&store, "service:api", range).await;
    assert_eq!(store.count_removal(&removal).await.unwrap().records(), 2_000);
    assert_eq!(pass(&store, &removal).await.into_iter().sum::<u64>(), 2_000);
    // At once, and after the minutes were counted again.
    assert_eq!(sum().await, 2_000);
    let settled = "select not exists (select from logboom.minutes_changed)";
    until("the minutes are counted again", async || is_so(&pool, settled).await).await;
    assert_eq!(sum().await, 2_000);
    assert_eq!(messages(&store, "service:api").await, [""; 0]);
    assert!(is_so(&pool, IS_CONSISTENT).await);
    let record = &batches[7].records[3];
    assert_eq!(store.get(record.id).await.unwrap().unwrap().record, *record);
    store.close().await;
}
