//! Counts: results that are kept and shared are those of the records at the moment of the call.

use std::sync::Arc;

use engine_embedded::Options;
use model::{
    Query, Record, Severity, Value,
    aggregate::{self, Aggregation, GROUPS, Grouping, Key, Measure},
    query::Field,
};
use pipeline::{Batch, Log as _, LogStore, Removal, RemovalStep, TimeRange};
use testkit::{
    memory::MemoryStore,
    records::{self, OBSERVED},
};

use crate::support::{compacting_at, delivery, flushing_at, in_memory};

/// All records of the query.
async fn remove(store: &dyn LogStore, text: &str) {
    let upto = store.newest().await.unwrap();
    let removal = Removal { query: Query::parse(text).unwrap(), range: TimeRange::ALL, upto };
    let mut from: Option<String> = None;
    loop {
        let RemovalStep { next, .. } = store.remove(&removal, from.as_deref()).await.unwrap();
        match next {
            Some(next) => from = Some(next),
            None => return,
        }
    }
}

/// Asks each of them twice at once, and once more.
async fn compare(store: &dyn LogStore, reference: &dyn LogStore, aggregations: &[Aggregation]) {
    for aggregation in aggregations {
        let expected = reference.aggregate(aggregation).await.unwrap();
        let twice = tokio::join!(store.aggregate(aggregation), store.aggregate(aggregation));
        for found in [twice.0, twice.1, store.aggregate(aggregation).await] {
            assert_eq!(found.unwrap(), expected, "{} in {:?}", aggregation.query, aggregation.range);
        }
    }
}

/// The aggregations that look at each record, with ranges that move.
fn questions(corpus: &[Batch]) -> Vec<Aggregation> {
    let mut questions = records::aggregations(21, corpus, 10);
    let keys = vec![Key::Time { width: 700_000_000 }, Key::Field(Field::Level)];
    for step in 0..5 {
        let from = OBSERVED - 3_000_000_000 + step * 400_000_000;
        let range = TimeRange { from, to: from + 4_000_000_000 };
        // As two callers who may see different records.
        for query in ["", "-service:web"] {
            let query = Query::parse(query).unwrap();
            questions.push(Aggregation::counting(query, range, keys.clone(), GROUPS));
        }
    }
    questions
}

async fn follows_what_is_stored(options: Options) {
    let folder = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(folder.path(), options).await.unwrap();
    let reference = MemoryStore::new();
    let corpus = records::corpus(21, 60);
    let questions = questions(&corpus);
    for (receipt, batch) in (1..).zip(corpus) {
        let deliveries = [delivery(receipt, batch)];
        store.append(&deliveries).await.unwrap();
        reference.append(&deliveries).await.unwrap();
        if receipt % 12 == 0 {
            compare(&*store, &reference, &questions).await;
        }
    }
    for text in ["service:api", "level>=error"] {
        remove(&*store, text).await;
        remove(&reference, text).await;
        compare(&*store, &reference, &questions).await;
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_asked_again_follow_memory_flushes_merges_and_deletions() {
    for count_cache in [0, 64 << 10, 32 << 20] {
        for options in [in_memory(), flushing_at(90), compacting_at(20)] {
            follows_what_is_stored(Options { count_cache, ..options }).await;
        }
    }
}

const RECORDS: usize = 24_000;

/// Records with attributes of few and of many values, of texts and of numbers.
fn batch(number: usize, count: usize) -> Batch {
    let mut batch = records::batch(number as u64, count);
    for (place, record) in batch.records.iter_mut().enumerate() {
        let seq = number * count + place;
        record.time += seq as i64 * 1_000_000;
        record.service = format!("service-{}", seq % 20).into();
        if seq.is_multiple_of(10) {
            (record.severity, record.level) = (Severity::new(17).unwrap(), "error".into());
        }
        let (many, mixed) = ((seq * 7_919 % 20_000) as i64, (seq % 50) as i64);
        record.attributes = vec![
            ("many".into(), Value::Int(many)),
            // The text of a number and the number are one value.
            (
                "mixed".into(),
                if seq.is_multiple_of(2) { Value::Int(mixed) } else { Value::Text(format!("{mixed}").into()) },
            ),
            ("one".into(), Value::Text("same".into())),
            ("ratio".into(), Value::Float(many as f64 / 4.0)),
            ("text".into(), Value::Text(format!("t{}", seq * 31 % 25_000).into())),
            ("thousand".into(), Value::Text(format!("v{}", seq % 1_000).into())),
        ];
        if seq.is_multiple_of(3) {
            record.attributes.retain(|(key, _)| key == "many" || key == "text");
        }
    }
    batch
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_few_and_many_values_are_those_of_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    // One part, and the last records in memory.
    let store = engine_embedded::open_store(folder.path(), flushing_at(RECORDS - 1_000)).await.unwrap();
    let mut stored: Vec<Arc<Batch>> = Vec::new();
    for number in 0..RECORDS / 500 {
        let batch = batch(number, 500);
        store.append(&[delivery(number as u64 + 1, batch.clone())]).await.unwrap();
        stored.push(Arc::new(batch));
    }
    crate::support::flushed(&*store).await;
    let records: Vec<&Record> = stored.iter().flat_map(|batch| &batch.records).collect();

    let grouping = |keys: Vec<Key>, measures: &[Measure], limit| Grouping { keys, measures: measures.to_vec(), limit };
    let field = |name: &str| Key::Field(Field::parse_name(name).unwrap());
    let mut groupings = Vec::new();
    for name in ["service", "many", "mixed", "one", "ratio", "text", "thousand", "absent"] {
        groupings.push(grouping(vec![field(name)], &[Measure::Count], GROUPS));
        groupings.push(grouping(vec![field(name)], &[Measure::NewestTime, Measure::Count], 100));
    }
    groupings.push(grouping(vec![field("thousand"), field("service")], &[Measure::Count], GROUPS));
    groupings.push(grouping(Vec::new(), &[Measure::Count, Measure::NewestTime], 1));
    let middle = TimeRange { from: OBSERVED + 1_234_567_890, to: OBSERVED + 20_000_000_007 };
    for (text, range) in [
        ("", TimeRange::ALL),
        ("", middle),
        ("thousand:/7$/", TimeRange::ALL),
        ("text:t1* OR thousand:v7,v8", middle),
        ("many>=15000 -one:*", TimeRange::ALL),
        ("many<100.5", TimeRange::ALL),
        ("many>100 many<=200", middle),
        ("mixed:17", TimeRange::ALL),
        ("level:error \"record 1\"", TimeRange::ALL),
    ] {
        let aggregation = Aggregation { query: Query::parse(text).unwrap(), range, groupings: groupings.clone() };
        let expected = aggregate::evaluate(&aggregation, records.iter().copied()).unwrap();
        for _ in 0..2 {
            let found = store.aggregate(&aggregation).await.unwrap();
            for ((found, expected), grouping) in found.iter().zip(&expected).zip(&groupings) {
                assert!(found == expected, "`{text}` in {range:?}: {grouping:?}");
            }
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_at_once_get_the_counts_of_their_own_questions() {
    let folder = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(folder.path(), flushing_at(5_000)).await.unwrap();
    let mut records: Vec<Record> = Vec::new();
    for number in 0..40 {
        let batch = batch(number, 500);
        records.extend(batch.records.iter().cloned());
        store.append(&[delivery(number as u64 + 1, batch)]).await.unwrap();
    }
    let questions: Vec<Aggregation> = ["", "level:error", "thousand:/1/", "many>=10000"]
        .into_iter()
        .flat_map(|text| [("service", text), ("many", text), ("text", text)])
        .map(|(name, text)| {
            let keys = vec![Key::Field(Field::parse_name(name).unwrap())];
            Aggregation::counting(Query::parse(text).unwrap(), TimeRange::ALL, keys, GROUPS)
        })
        .collect();
    let calls: Vec<_> = (0..60)
        .map(|call| {
            let (store, question) = (store.clone(), questions[call % questions.len()].clone());
            tokio::spawn(async move { (store.aggregate(&question).await.unwrap(), question) })
        })
        .collect();
    // Some callers go away.
    calls.iter().skip(7).step_by(11).for_each(|call| call.abort());
    for (place, call) in calls.into_iter().enumerate() {
        match call.await {
            Ok((found, question)) => {
                assert_eq!(found, aggregate::evaluate(&question, &records).unwrap(), "call {place}");
            }
            Err(error) => assert!(error.is_cancelled(), "call {place}: {error}"),
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_group_of_several_pieces_is_counted_whole() {
    const ROWS: i64 = 70_000;
    let folder = tempfile::tempdir().unwrap();
    let options = Options { flush_bytes: 1 << 30, ..flushing_at(ROWS as usize) };
    let store = engine_embedded::open_store(folder.path(), options).await.unwrap();
    for number in 0..ROWS / 1_000 {
        let mut batch = records::batch(number as u64, 1_000);
        for (place, record) in batch.records.iter_mut().enumerate() {
            let seq = number * 1_000 + place as i64;
            record.time += seq;
            record.attributes = vec![("seq".into(), Value::Int(seq % 35_000))];
        }
        store.append(&[delivery(number as u64 + 1, batch)]).await.unwrap();
    }
    crate::support::flushed(&*store).await;
    let by = |name: &str| Grouping {
        keys: vec![Key::Field(Field::parse_name(name).unwrap())],
        measures: vec![Measure::Count],
        limit: GROUPS,
    };
    for (from, expected) in [(i64::MIN, ROWS), (OBSERVED + 35_000, ROWS / 2)] {
        let range = TimeRange { from, to: i64::MAX };
        // The node is a field of a dictionary, the number has too many values to keep.
        for groupings in [vec![by("node")], vec![by("seq")], vec![by("node"), by("seq")]] {
            let aggregation = Aggregation { query: Query::default(), range, groupings };
            for _ in 0..2 {
                for table in store.aggregate(&aggregation).await.unwrap() {
                    assert!(table.complete);
                    let values = if table.rows.len() == 1 { 1 } else { 35_000 };
                    let counts: Vec<u64> = table.counts().map(|(_, count)| count).collect();
                    assert_eq!(counts, vec![expected as u64 / values; values as usize]);
                }
            }
        }
    }
    store.close().await;
}
