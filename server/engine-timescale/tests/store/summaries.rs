//! Summaries of blocks: answers by them are those of the records, and they go with the records.

use std::{sync::Arc, time::Duration};

use engine_timescale::Options;
use model::{
    LevelClass, Position, Query, Record, StoredRecord, Value,
    aggregate::{self, Aggregation, Key},
    query::Field,
};
use pipeline::{Batch, LogStore, ReadLimit, Removal, SearchRequest, TimeRange, ask};
use sqlx::{PgPool, Row};
use testkit::records;

use crate::{
    support::{deliveries, messages, open_with, until},
    upkeep::{DAY, HOUR, batch_at, is_so, layouts, now},
};

/// Small blocks are sealed and built at once.
pub(crate) fn eager(options: Options) -> Options {
    Options { summary_rows: 64, summary_idle: Duration::ZERO, upkeep_pause: Duration::from_millis(150), ..options }
}

/// Leaves summaries as they are.
fn idle(options: &Options) -> Options {
    Options { upkeep_pause: Duration::from_secs(3_600), ..options.clone() }
}

/// Waits until each block is built, and few records are in none.
pub(crate) async fn until_built(url: &str) {
    let pool = PgPool::connect(url).await.unwrap();
    let built = "select not exists (select from logboom.summaries where built = 0) \
                 and (select coalesce(sum(records), 0) < 8 from logboom.runs \
                      where first_position > (select position from logboom.summaries_upto))";
    until("the summaries are built", async || is_so(&pool, built).await).await;
    pool.close().await;
}

async fn everything(store: &Arc<dyn LogStore>) -> Vec<StoredRecord> {
    let newest = store.newest().await.unwrap();
    let limit = ReadLimit::of_records(usize::MAX >> 1);
    store.read_after(Position(0), newest, TimeRange::ALL, &Query::default(), limit).await.unwrap()
}

/// All pages of a search.
async fn found(store: &Arc<dyn LogStore>, query: &Query, patience: Option<Duration>) -> Vec<StoredRecord> {
    let mut request = SearchRequest { patience, ..SearchRequest::new(query.clone(), TimeRange::ALL, 500) };
    let mut found = Vec::new();
    loop {
        let page = store.search(&request).await.unwrap();
        found.extend(page.records);
        let Some(next) = page.next else { return found };
        assert!(request.cursor.is_none_or(|before| next < before), "{query}");
        request.cursor = Some(next);
    }
}

/// The positions of the records that match, newest first.
fn matching(stored: &[StoredRecord], query: &Query) -> Vec<Position> {
    let mut matching: Vec<&StoredRecord> = stored.iter().filter(|stored| query.matches(&stored.record)).collect();
    matching.sort_by_key(|stored| std::cmp::Reverse((stored.record.time, stored.position)));
    matching.into_iter().map(|stored| stored.position).collect()
}

/// Compares answers with those of the model.
async fn compare(store: &Arc<dyn LogStore>, corpus: &[Batch], seed: u64) {
    let stored = everything(store).await;
    for (number, query) in records::queries(seed, corpus, 60).into_iter().enumerate() {
        let expected = matching(&stored, &query);
        let patience = (number % 3 == 0).then_some(Duration::from_millis(1));
        let positions: Vec<Position> =
            found(store, &query, patience).await.into_iter().map(|stored| stored.position).collect();
        assert!(positions == expected, "search for {query}: {} of {}", positions.len(), expected.len());
        let count = ask::count(&**store, &query, TimeRange::ALL).await.unwrap();
        assert_eq!(count, expected.len() as u64, "count of {query}");
    }
    let left: Vec<&Record> = stored.iter().map(|stored| &stored.record).collect();
    for aggregation in records::aggregations(seed, corpus, 60) {
        let expected = aggregate::evaluate(&aggregation, left.iter().copied()).unwrap();
        assert_eq!(store.aggregate(&aggregation).await.unwrap(), expected, "{aggregation:?}");
    }
}

/// More records than the first slice of a search has, so that searches go on by blocks.
#[tokio::test(flavor = "multi_thread")]
async fn answers_by_summaries_are_those_of_the_records() {
    for (url, options) in layouts(eager(Options::default())).await {
        let store = open_with(&url, options.clone()).await;
        let corpus = records::corpus(91, 200);
        for batches in corpus.chunks(7) {
            store.append(&deliveries(batches)).await.unwrap();
        }
        until_built(&url).await;
        compare(&store, &corpus, 91).await;
        // Late records, of the same times, are in no summary yet.
        store.close().await;
        let store = open_with(&url, idle(&options)).await;
        store.append(&deliveries(&records::corpus(92, 5))).await.unwrap();
        compare(&store, &corpus, 92).await;
        store.close().await;
    }
}

/// Some thousand records over days; those of each hundredth have a rare word.
async fn store_rare(url: &str, options: Options) -> Arc<dyn LogStore> {
    let store = open_with(url, options).await;
    let now = now();
    for number in 0..40_u64 {
        let times: Vec<_> = (0..100).map(|place| now - (number as i64 * 100 + place) * HOUR / 20).collect();
        let mut batch = batch_at(number, if number.is_multiple_of(2) { "api" } else { "web" }, &times);
        batch.records[70].message = format!("the quokka of batch {number:03}");
        batch.records[70].attributes = vec![("animal".into(), Value::Text("quokka".into()))];
        store.append(&deliveries(&[batch])).await.unwrap();
    }
    until_built(url).await;
    store
}

async fn count(store: &Arc<dyn LogStore>, query: &str) -> u64 {
    ask::count(&**store, &Query::parse(query).unwrap(), TimeRange::ALL).await.unwrap()
}

async fn remove(store: &Arc<dyn LogStore>, query: &str) -> u64 {
    let upto = store.newest().await.unwrap();
    let removal = Removal { query: Query::parse(query).unwrap(), range: TimeRange::ALL, upto };
    let (mut from, mut removed, mut failures) = (None, 0, 0);
    loop {
        let step = match store.remove(&removal, from.as_deref()).await {
            // It lost a lock to upkeep.
            Err(error) if error.is_retryable() && failures < 20 => {
                failures += 1;
                continue;
            }
            step => step.unwrap(),
        };
        removed += step.removed;
        from = step.next;
        if from.is_none() {
            return removed;
        }
    }
}

/// In one block, service and level class decide of a service; in another one they do not.
#[tokio::test(flavor = "multi_thread")]
async fn facets_agree_where_a_service_is_decided_in_some_blocks_alone() {
    for (url, options) in layouts(eager(Options::default())).await {
        let store = open_with(&url, options).await;
        let now = now();
        for number in 0..12_u64 {
            let service = ["api", "web", ""][number as usize % 3];
            let mut batch = batch_at(number, service, &[now - number as i64 * HOUR; 100]);
            for (place, record) in batch.records.iter_mut().enumerate() {
                if (number / 3).is_multiple_of(2) || place.is_multiple_of(5) {
                    (record.severity, record.level) = (LevelClass::Error.lowest(), "error".into());
                }
                record.attributes = vec![("animal".into(), Value::Text(["owl", "fox", "bee"][place % 3].into()))];
            }
            store.append(&deliveries(&[batch])).await.unwrap();
        }
        until_built(&url).await;
        let stored = everything(&store).await;
        for text in [
            "level:error OR (service:api animal:owl)",
            "level:error OR (-service:* animal:owl)",
            "level:error OR animal:owl",
            "service:api OR animal:fox",
            "-(service:web animal:bee)",
            "-(service:web animal:bee) -(service:api animal:fox)",
        ] {
            let animal = Key::Field(Field::Attribute("animal".to_owned()));
            let by_animal = Aggregation::counting(Query::parse(text).unwrap(), TimeRange::ALL, vec![animal], 10);
            let expected = aggregate::evaluate(&by_animal, stored.iter().map(|stored| &stored.record)).unwrap();
            assert_eq!(store.aggregate(&by_animal).await.unwrap(), expected, "{text}");
        }
        store.close().await;
    }
}

/// As where clocks are wrong: each block reaches far back.
#[tokio::test(flavor = "multi_thread")]
async fn a_search_through_many_overlapping_blocks_finds_each_record_once() {
    for (url, options) in layouts(eager(Options::default())).await {
        let store = open_with(&url, options).await;
        let now = now();
        let batch = |number: u64| {
            let times: Vec<_> = (0..100).map(|place| now - place * HOUR / 10 - number as i64 * 1_001).collect();
            let mut batch = batch_at(number, "api", &times);
            if number.is_multiple_of(2) {
                let record = &mut batch.records[number as usize % 100];
                record.attributes = vec![("animal".into(), Value::Text("quokka".into()))];
            }
            batch
        };
        for first in [0, 50, 100] {
            store.append(&deliveries(&(first..first + 50).map(batch).collect::<Vec<_>>())).await.unwrap();
        }
        until_built(&url).await;
        let stored = everything(&store).await;
        for text in ["animal:quokka", "service:api animal:quokka", "\"api of\" animal:quokka"] {
            let query = Query::parse(text).unwrap();
            let expected = matching(&stored, &query);
            assert_eq!(expected.len(), 75);
            for patience in [None, Some(Duration::from_millis(1))] {
                let found = found(&store, &query, patience).await;
                let positions: Vec<Position> = found.into_iter().map(|stored| stored.position).collect();
                assert!(positions == expected, "search for {query}: {} of 75", positions.len());
            }
        }
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_that_cannot_be_read_does_not_keep_others_from_being_built() {
    let (url, options) = layouts(eager(Options::default())).await.remove(0);
    let store = store_rare(&url, options).await;
    let pool = PgPool::connect(&url).await.unwrap();
    let damage = "begin; \
         update logboom.logs set attributes = '[]' where position = (select max(position) from logboom.logs); \
         select logboom.forget_summaries(array_agg(first_position)) from logboom.summaries; \
         commit";
    sqlx::raw_sql(damage).execute(&pool).await.unwrap();
    let built = "select count(*) > 30 and count(*) filter (where built = 0) = 1 from logboom.summaries";
    until("the other blocks are built", async || is_so(&pool, built).await).await;
    assert_eq!((count(&store, "quokka").await, count(&store, "animal:quokka").await), (40, 40));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_leaves_no_copy_in_a_summary() {
    for (url, options) in layouts(eager(Options::default())).await {
        store_rare(&url, options.clone()).await.close().await;
        let store = open_with(&url, idle(&options)).await;
        let pool = PgPool::connect(&url).await.unwrap();
        assert_eq!((count(&store, "quokka").await, count(&store, "animal:quokka").await), (40, 40));
        let touched = "select count(*) from logboom.summaries where built = 0";
        assert_eq!(sqlx::query(touched).fetch_one(&pool).await.unwrap().get::<i64, _>(0), 0);
        assert_eq!(remove(&store, "quokka service:api").await, 20);
        // At once: the blocks with these records have no pages, values or sets any more.
        let forgotten = "select count(*) > 0 and bool_and(totals is null and messages is null and ids is null and not exists (\
                         select from logboom.summary_pages as p where p.first_position = s.first_position) and not exists (\
                         select from logboom.summary_values as v where v.first_position = s.first_position)) \
                         from logboom.summaries as s where built = 0";
        assert!(is_so(&pool, forgotten).await);
        assert_eq!((count(&store, "quokka").await, count(&store, "animal:quokka").await), (20, 20));
        assert_eq!(messages(&store, "quokka service:api").await, [""; 0]);
        store.close().await;

        let store = open_with(&url, options).await;
        until_built(&url).await;
        assert_eq!((count(&store, "quokka").await, count(&store, "animal:quokka").await), (20, 20));
        // Everything of some blocks.
        assert_eq!(remove(&store, "service:web").await, 2_000);
        assert_eq!(count(&store, "quokka").await, 0);
        until_built(&url).await;
        assert_eq!((count(&store, "quokka").await, count(&store, "").await), (0, 1_980));
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_retention_deletes_is_in_no_answer() {
    for (url, options) in layouts(eager(Options::default())).await {
        store_rare(&url, options.clone()).await.close().await;
        let limits = Options {
            retention: Some(Duration::from_secs(3 * 86_400)),
            retention_services: vec![("web".to_owned(), Duration::from_secs(5 * 3_600))],
            ..options
        };
        let store = open_with(&url, limits).await;
        let left = "select min(time) > now() - interval '97 hours' from logboom.logs";
        let pool = PgPool::connect(&url).await.unwrap();
        until("what is old is gone", async || is_so(&pool, left).await && count(&store, "service:web").await == 0)
            .await;
        until_built(&url).await;
        let stored = everything(&store).await;
        let rare = stored.iter().filter(|stored| stored.record.message.contains("quokka")).count();
        assert!(rare > 0 && stored.iter().all(|stored| stored.record.time > now() - 5 * DAY));
        assert_eq!(count(&store, "quokka").await, rare as u64);
        assert_eq!(count(&store, "animal:*").await, rare as u64);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_deleted_by_hand_are_noticed() {
    for (url, options) in layouts(eager(Options::default())).await {
        let is_plain = !options.timescale;
        let store = store_rare(&url, options).await;
        let pool = PgPool::connect(&url).await.unwrap();
        if is_plain {
            let counted = "select position = logboom.final_position() from logboom.minute_counts_upto";
            until("the minutes are up to date", async || is_so(&pool, counted).await).await;
        }
        sqlx::raw_sql("delete from logboom.logs where message like '%quokka%' and service = 'api'")
            .execute(&pool)
            .await
            .unwrap();
        if is_plain {
            assert_eq!((count(&store, "quokka").await, count(&store, "").await), (20, 3_980), "at once");
        }
        until("the counts are right again", async || count(&store, "quokka").await == 20).await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_damaged_or_of_a_newer_version_is_read_from_the_records() {
    for (url, options) in layouts(eager(Options::default())).await {
        store_rare(&url, options.clone()).await.close().await;
        let pool = PgPool::connect(&url).await.unwrap();
        for damage in [
            "update logboom.summary_pages set texts = '\\x0102' where first_position % 2 = 0",
            "delete from logboom.summary_pages where page = 0",
            "update logboom.summary_values set counts = '\\x', pairs = '\\x00'",
            "update logboom.summaries set messages = '\\x07', pages = '\\x07', places = '\\xff'",
            "update logboom.summaries set totals = '{'",
            "update logboom.summaries set built = 99",
        ] {
            sqlx::raw_sql(damage).execute(&pool).await.unwrap();
            // Each store has an empty cache.
            let store = open_with(&url, idle(&options)).await;
            let counts = (count(&store, "quokka").await, count(&store, "quokka service:api").await);
            assert_eq!(counts, (40, 20), "{damage}");
            assert_eq!(messages(&store, "quokka").await.len(), 40, "{damage}");
            assert_eq!(count(&store, "animal:quokka").await, 40, "{damage}");
            let animal = Key::Field(Field::Attribute("animal".to_owned()));
            let by_animal = Aggregation::counting(Query::default(), TimeRange::ALL, vec![animal], 10);
            let counts: Vec<u64> =
                store.aggregate(&by_animal).await.unwrap().remove(0).counts().map(|(_, count)| count).collect();
            assert_eq!(counts, [3_960, 40], "{damage}");
            store.close().await;
        }
        // A node of this version leaves newer summaries alone.
        let store = open_with(&url, options).await;
        store.append(&deliveries(&[batch_at(99, "api", &[now(); 100])])).await.unwrap();
        until_built(&url).await;
        assert!(is_so(&pool, "select count(*) > 30 from logboom.summaries where built = 99").await);
        assert_eq!(count(&store, "quokka").await, 40);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_whose_records_go_while_it_is_built_is_built_again() {
    let (url, options) = layouts(eager(Options::default())).await.remove(0);
    let store = store_rare(&url, options).await;
    let pool = PgPool::connect(&url).await.unwrap();
    // All blocks are built while records of each are deleted.
    sqlx::raw_sql("select logboom.forget_summaries(array_agg(first_position)) from logboom.summaries")
        .execute(&pool)
        .await
        .unwrap();
    for number in 0..40 {
        assert_eq!(remove(&store, &format!("\"quokka of batch {number:03}\"")).await, 1);
    }
    assert_eq!(count(&store, "quokka").await, 0);
    until_built(&url).await;
    assert_eq!((count(&store, "quokka").await, count(&store, "animal:quokka").await), (0, 0));
    store.close().await;
}
