//! Benchmarks of redaction: `cargo bench -p pipeline`. The measure is records without a match, which are most.

#![allow(clippy::unwrap_used, missing_docs)]

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use model::Value;
use pipeline::{
    normalise::{Normaliser, RawRecord},
    redact::{Counts, PRESETS, Redaction},
};

const RECORDS: usize = 1000;

/// Records with ten attributes; every tenth has an e-mail address if `with_match` is set.
fn records(with_match: bool) -> Vec<RawRecord> {
    let record = |number: usize| {
        let who = if with_match && number.is_multiple_of(10) { "bob@example.com" } else { "the gateway" };
        let attribute = |place: usize| {
            let value = match place % 3 {
                0 => Value::Int((number * place) as i64),
                _ => Value::Text("/api/v1/orders/list".into()),
            };
            (format!("http.request.field{place}").into(), value)
        };
        RawRecord {
            service: "checkout".into(),
            node: "web-1".into(),
            level: "info".into(),
            message: format!("order {number} was paid within 12 ms by {who} of the shop, see its trace"),
            attributes: (0..10).map(attribute).collect(),
            ..RawRecord::default()
        }
    };
    (0..RECORDS).map(record).collect()
}

fn redaction(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("redaction");
    group.throughput(Throughput::Elements(RECORDS as u64));
    let cases = [
        ("card and email, no match", &["card", "email"][..], false),
        ("all presets, no match", &PRESETS, false),
        ("all presets, one match in ten", &PRESETS, true),
    ];
    for (name, rules, with_match) in cases {
        let redaction = Redaction::new(rules.iter().copied(), None).unwrap();
        group.bench_function(name, |bencher| {
            let redact = |mut records: Vec<RawRecord>| {
                let mut counts = Counts::default();
                records.iter_mut().for_each(|record| redaction.raw(record, &mut counts));
                (records, counts)
            };
            bencher.iter_batched(|| records(with_match), redact, BatchSize::SmallInput);
        });
    }
    // To compare: what every record takes.
    group.bench_function("normalise", |bencher| {
        let normalise = |records: Vec<RawRecord>| {
            records.into_iter().map(|record| Normaliser::default().record(record, 0).unwrap()).collect::<Vec<_>>()
        };
        bencher.iter_batched(|| records(false), normalise, BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, redaction);
criterion_main!(benches);
