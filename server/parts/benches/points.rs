//! Benchmarks of rows that are far from each other, of a part with fifty columns: `cargo bench -p parts`.

#![allow(clippy::unwrap_used, missing_docs)]

use std::{hint::black_box, sync::Arc};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use model::{Record, RecordId, Severity, Text, Value};
use parts::{
    builder::Row,
    decode, position_of,
    ranges::push_joined,
    reader::{Footer, Footers, Part},
    reading::Reading,
    writer::{self, Effort, GROUP_ROWS},
};

/// With eleven columns of every part, fifty.
const ATTRIBUTES: usize = 39;

/// A number that is as good as random.
fn scattered(number: usize) -> u64 {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed ^ (mixed >> 29)
}

fn attribute(row: usize, number: usize) -> (Text, Value) {
    let mixed = scattered(row * ATTRIBUTES + number);
    let value = match number % 6 {
        0 => Value::Text(format!("value-{}", mixed % 20).into()),
        1 => Value::Text(format!("pod-{:012x}", scattered((mixed % 3_000) as usize)).into()),
        2 => Value::Int((mixed % 80_000) as i64),
        3 => Value::Bool(mixed.is_multiple_of(5)),
        4 => Value::Text(format!("{mixed:016x}").into()),
        _ => Value::Float((mixed % 400_000) as f64 / 100.0),
    };
    (format!("attribute.{number:02}").into(), value)
}

fn record(row: usize) -> Record {
    let mixed = scattered(row);
    Record {
        id: RecordId::base(1, 0),
        // Newest first.
        time: 1_767_323_045_000_000_000 - row as i64 * 1_000_000,
        observed_time: 1_767_323_045_000_000_000,
        severity: Severity::INFO,
        level: "info".into(),
        service: format!("service-{}", mixed % 20).into(),
        node: format!("node-{}", mixed % 60).into(),
        message: format!("payment {mixed:x} of {} captured by provider {} after {} ms", row, mixed % 30, mixed % 977),
        attributes: (0..ATTRIBUTES).map(|number| attribute(row, number)).collect(),
        trace_id: mixed.is_multiple_of(2).then(|| u128::from(mixed).to_be_bytes()),
        span_id: mixed.is_multiple_of(2).then(|| mixed.to_be_bytes()),
    }
}

fn by_reader(part: &Part, footer: &Footer, rows: &[usize]) -> usize {
    let mut ranges = Vec::new();
    rows.iter().for_each(|row| push_joined(&mut ranges, *row..*row + 1));
    let what = Reading { columns: footer.all_columns(), ..Reading::default() };
    let batches = part.read(footer, 0, &ranges, what).unwrap();
    batches.map(|batch| decode::records(&batch.unwrap(), &footer.columns).unwrap().len()).sum()
}

fn by_points(part: &Part, footer: &Footer, rows: &[usize]) -> usize {
    let batch = part.rows(footer, 0, rows, &footer.all_columns()).unwrap();
    decode::records(&batch, &footer.columns).unwrap().len()
}

fn points(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<Record> = (0..GROUP_ROWS).map(record).collect();
    // Positions descend, too.
    let position = |place: usize| position_of(1 + (GROUP_ROWS - place) as u64, 0);
    let row = |(place, record)| Row { record, position: position(place), id_base: RecordId::base(1, 0) };
    let rows: Vec<Row<'_>> = records.iter().enumerate().map(row).collect();
    let info = writer::write(folder.path(), "2026-01-02", &rows, Effort::Lasting).unwrap();
    let part = Part::new(info, folder.path(), Arc::new(Footers::default()));
    let footer = part.footer().unwrap();
    let mut group = criterion.benchmark_group("rows of fifty columns");
    group.sample_size(20);
    for (name, rows) in [
        ("one row", vec![GROUP_ROWS / 2]),
        ("sixteen rows, each in a page of its own", (0..GROUP_ROWS).step_by(8_192).map(|row| row + 4_000).collect()),
        ("100 rows that are spread", (0..100).map(|number| number * (GROUP_ROWS / 100)).collect()),
        ("100 rows beside each other", (5_000..5_100).collect::<Vec<usize>>()),
    ] {
        group.throughput(Throughput::Elements(rows.len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| by_points(&part, &footer, black_box(&rows))));
        group.bench_function(format!("{name}, by Parquet's reader"), |bencher| {
            bencher.iter(|| by_reader(&part, &footer, black_box(&rows)));
        });
    }
    group.finish();
}

criterion_group!(benches, points);
criterion_main!(benches);
