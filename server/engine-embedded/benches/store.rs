//! Benchmarks of append, flush and each kind of query: `cargo bench -p engine-embedded`. `make bench` measures the
//! whole program.

#![allow(clippy::unwrap_used, missing_docs)]

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use engine_embedded::Options;
use model::{
    Query, Value,
    aggregate::{Aggregation, GROUPS, Key},
    query::Field,
};
use pipeline::{Batch, Content, Delivery, Receipt, SearchRequest, TimeRange, ask};
use testkit::records;
use tokio::runtime::Runtime;

const BATCH: usize = 1000;
/// The number of records to query: four row groups.
const RECORDS: usize = 500_000;

/// Plain records, some of them errors, some with a rare word, with a number each.
fn batch(number: u64) -> Batch {
    let mut batch = records::batch(number, BATCH);
    for (place, record) in batch.records.iter_mut().enumerate() {
        let seq = number as i64 * BATCH as i64 + place as i64;
        record.time += seq * 1_000_000;
        record.service = format!("service-{}", seq % 20).into();
        if seq % 20 == 0 {
            (record.severity, record.level) = (model::Severity::new(17).unwrap(), "error".into());
        }
        let rare = if seq % 1000 == 0 { ": quota nearly exhausted" } else { "" };
        record.message =
            format!("request {seq} of user {} was answered after {} ms{rare}", seq * 7919 % 10_007, seq % 313);
        record.attributes = vec![
            ("client".into(), Value::Text(format!("10.{}.{}.7", seq * 7919 % 200, seq * 7919 % 251).into())),
            ("http.status".into(), Value::Int([200, 201, 404, 500][seq as usize % 4])),
            ("path".into(), Value::Text(format!("/api/{}", seq * 7919 % 5_000).into())),
            ("seq".into(), Value::Int(seq)),
            (
                "session".into(),
                Value::Text(format!("{:016x}", (seq as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)).into()),
            ),
            ("user".into(), Value::Text(format!("user {}", seq * 7919 % 499_979).into())),
            ("words".into(), Value::Text(format!("{} words", seq * 7919 % 499_979).into())),
        ];
        record.trace_id = Some((seq as u128 * 0x9e37_79b9_7f4a_7c15).to_be_bytes());
    }
    batch
}

fn delivery(number: u64) -> Delivery {
    Delivery { receipt: Receipt(number), content: Content::Batch(Arc::new(batch(number))) }
}

/// Nothing is triggered by time.
fn options() -> Options {
    let never = Duration::from_secs(86_400);
    Options {
        flush_records: RECORDS,
        flush_bytes: 1 << 30,
        flush_interval: never,
        upkeep_interval: never,
        // The counts themselves are measured, not the look-up of their results.
        count_cache: 0,
        ..Options::default()
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn append(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("append");
    group.throughput(Throughput::Elements(BATCH as u64)).sample_size(30);
    let folder = tempfile::tempdir().unwrap();
    let options = Options { queue_bytes: 64 << 30, ..options() };
    let (queue, store) = runtime.block_on(engine_embedded::open_pair(folder.path(), options)).unwrap();
    let mut number = 0;
    group.bench_function("a batch, to the disk", |bencher| {
        bencher.iter_batched(
            || {
                number += 1;
                Arc::new(batch(number))
            },
            |batch| runtime.block_on(queue.publish(batch)).unwrap(),
            BatchSize::SmallInput,
        );
    });
    runtime.block_on(async {
        queue.close().await;
        store.close().await;
    });
    group.finish();
}

fn flush(criterion: &mut Criterion) {
    let runtime = runtime();
    let mut group = criterion.benchmark_group("flush");
    group.throughput(Throughput::Elements(65 * BATCH as u64)).sample_size(10);
    group.bench_function("65,000 records, from memory to a part", |bencher| {
        bencher.iter_batched(
            || {
                let folder = tempfile::tempdir().unwrap();
                let store = runtime.block_on(engine_embedded::open_store(folder.path(), options())).unwrap();
                for number in 1..=65 {
                    runtime.block_on(store.append(&[delivery(number)])).unwrap();
                }
                (folder, store)
            },
            // Closing flushes memory.
            |(folder, store)| {
                runtime.block_on(store.close());
                folder
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn questions(criterion: &mut Criterion) {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let store = runtime.block_on(async {
        let store = engine_embedded::open_store(folder.path(), options()).await.unwrap();
        for number in 1..=(RECORDS / BATCH) as u64 {
            store.append(&[delivery(number)]).await.unwrap();
        }
        store.close().await;
        engine_embedded::open_store(folder.path(), options()).await.unwrap()
    });
    let mut group = criterion.benchmark_group("500,000 records");
    group.throughput(Throughput::Elements(RECORDS as u64)).sample_size(20);
    for (name, text) in [
        ("newest 100", ""),
        ("newest 100 errors", "level:error"),
        ("newest 100 of a rare phrase", "\"quota nearly exhausted\""),
        ("a substring that is nowhere", "\"zqxjkvb\""),
        ("common words in an order that is nowhere", "\"ms answered user\""),
        ("a regular expression that is nowhere", "message:/user [a-z]+ was/"),
        ("a number that is nowhere", "http.status>=600"),
        ("one trace id", "trace_id:0000000000000000000000000000abcd"),
        ("one session", "session:9e3779b97f4a7c15"),
    ] {
        let request = SearchRequest::new(Query::parse(text).unwrap(), TimeRange::ALL, 100);
        group.bench_function(name, |bencher| {
            bencher.iter(|| runtime.block_on(store.search(black_box(&request))).unwrap())
        });
    }
    let errors = Query::parse("level:error").unwrap();
    group.bench_function("count of a substring", |bencher| {
        let query = Query::parse("\"nearly exh\"").unwrap();
        bencher.iter(|| runtime.block_on(ask::count(&*store, black_box(&query), TimeRange::ALL)).unwrap());
    });
    group.bench_function("histogram by level", |bencher| {
        let range = TimeRange { from: records::OBSERVED, to: records::OBSERVED + RECORDS as i64 * 1_000_000 };
        let keys = vec![Key::Time { width: 10_000_000_000 }, Key::Field(Field::Level)];
        let histogram = Aggregation::counting(Query::default(), range, keys, GROUPS);
        bencher.iter(|| runtime.block_on(store.aggregate(black_box(&histogram))).unwrap());
    });
    for (name, key) in [
        ("paths", "path"),
        ("500,000 texts", "words"),
        ("500,000 numbers", "seq"),
        ("500,000 numbers with a prefix", "user"),
        ("50,000 addresses", "client"),
    ] {
        let facet = Aggregation::counting(
            Query::default(),
            TimeRange::ALL,
            vec![Key::Field(Field::Attribute(key.to_owned()))],
            10,
        );
        group.bench_function(format!("facet of {name}"), |bencher| {
            bencher.iter(|| runtime.block_on(store.aggregate(black_box(&facet))).unwrap());
        });
    }
    for (name, text) in
        [("a regular expression on paths", "path:/7$/"), ("a range of numbers", "seq>=100000 seq<350000")]
    {
        let query = Query::parse(text).unwrap();
        group.bench_function(format!("count of {name}"), |bencher| {
            bencher.iter(|| runtime.block_on(ask::count(&*store, black_box(&query), TimeRange::ALL)).unwrap());
        });
    }
    group.bench_function("services by errors", |bencher| {
        let services = Aggregation::counting(errors.clone(), TimeRange::ALL, vec![Key::Field(Field::Service)], 10);
        bencher.iter(|| runtime.block_on(store.aggregate(black_box(&services))).unwrap());
    });
    group.finish();
    runtime.block_on(store.close());
}

criterion_group!(benches, append, flush, questions);
criterion_main!(benches);
