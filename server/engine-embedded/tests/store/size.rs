//! The size of a record on disk, with a corpus of realistic service logs.

use std::time::{Duration, Instant};

use model::{Record, RecordId, Severity, Value};
use pipeline::{Batch, BatchId, clock::Clock};
use rand::{Rng as _, RngExt as _, SeedableRng as _, rngs::StdRng};

use crate::support::{delivery, flushing_at};

const RECORDS: usize = 200_000;
const BATCH: usize = 1_000;
/// The limit of bytes per record on disk; the ledger and the catalogue add a few per batch and part.
const BYTES_PER_RECORD: u64 = 55;

/// Messages of 120 to 200 bytes with one or two numbers each.
fn templates(random: &mut StdRng) -> Vec<Vec<&'static str>> {
    const WORDS: &[&str] = &[
        "request",
        "completed",
        "upstream",
        "connection",
        "timeout",
        "while",
        "reading",
        "response",
        "header",
        "from",
        "client",
        "order",
        "payment",
        "accepted",
        "cache",
        "miss",
        "for",
        "key",
        "retrying",
        "after",
        "backoff",
        "database",
        "query",
        "took",
        "longer",
        "than",
        "expected",
        "worker",
        "started",
        "job",
        "finished",
        "with",
        "status",
        "user",
        "session",
        "expired",
        "token",
        "refreshed",
        "queue",
        "depth",
        "is",
        "now",
        "above",
    ];
    (0..200)
        .map(|_| (0..random.random_range(16..26)).map(|_| WORDS[random.random_range(0..WORDS.len())]).collect())
        .collect()
}

fn record(random: &mut StdRng, templates: &[Vec<&'static str>], begin: i64, seq: usize) -> Record {
    // A few services write most of the records.
    let service = (random.random_range(0.0_f64..1.0).powi(3) * 20.0) as usize;
    let (severity, level) = match random.random_range(0..100) {
        0..10 => (5, "debug"),
        10..85 => (9, "info"),
        85..95 => (13, "warn"),
        _ => (17, "error"),
    };
    let words = &templates[random.random_range(0..templates.len())];
    let message = format!("{} {} {}", words.join(" "), random.random_range(0..100_000), random.random_range(0..1000));
    let mut attributes = vec![
        ("duration_ms".into(), Value::Float(f64::from(random.random_range(1..200_000)) / 100.0)),
        ("http.method".into(), Value::Text(["GET", "POST", "PUT", "DELETE"][random.random_range(0..4)].into())),
        ("http.status".into(), Value::Int([200, 200, 200, 201, 404, 500][random.random_range(0..6)])),
        ("seq".into(), Value::Int(seq as i64)),
    ];
    if random.random_ratio(3, 5) {
        attributes.push(("user_id".into(), Value::Text(format!("u{}", random.random_range(0..50_000)).into())));
    }
    let time = begin + seq as i64 * 1_000_000;
    Record {
        id: RecordId::default(),
        time: time + random.random_range(0..2_000_000_000),
        observed_time: 0,
        severity: Severity::new(severity).unwrap(),
        level: level.into(),
        service: format!("service-{service}").into(),
        node: format!("node-{}", service * 3 + random.random_range(0..3)).into(),
        message,
        attributes,
        trace_id: random.random_bool(0.5).then(|| random.random()),
        span_id: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_takes_no_more_than_its_share_of_the_disk() {
    let random = &mut StdRng::seed_from_u64(1);
    let templates = templates(random);
    let folder = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(folder.path(), flushing_at(50_000)).await.unwrap();
    // Today: a past day would be merged at once.
    let begin = Clock::system().now() - 300_000_000_000;
    let mut raw = 0;
    for number in 0..RECORDS / BATCH {
        let observed_time = begin + (number * BATCH) as i64 * 1_000_000;
        let base = RecordId::base(observed_time.unsigned_abs() / 1_000_000, u128::from(random.next_u64()) << 16);
        let mut records: Vec<_> =
            (0..BATCH).map(|place| record(random, &templates, begin, number * BATCH + place)).collect();
        for (place, record) in records.iter_mut().enumerate() {
            record.id = base.nth(place);
            record.observed_time = observed_time;
            raw += record.message.len();
        }
        let batch =
            Batch { id: BatchId(base.to_bytes()), client_id: false, producer: "test".into(), observed_time, records };
        store.append(&[delivery(number as u64 + 1, batch)]).await.unwrap();
    }
    assert_eq!(store.status().records, RECORDS as u64);
    // Full memtables are written uncompressed, and merged when the store is idle.
    let bytes = || store.status().bytes / RECORDS as u64;
    let give_up = Instant::now() + Duration::from_secs(60);
    for settled in [false, true] {
        while (bytes() <= BYTES_PER_RECORD) != settled && Instant::now() < give_up {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert!(Instant::now() < give_up, "{} bytes a record after a minute of quiet", bytes());
    let bytes = bytes();
    store.close().await;
    eprintln!("{bytes} bytes a record in parts; messages alone are {} bytes raw", raw / RECORDS);
    assert!(bytes <= BYTES_PER_RECORD, "{bytes} bytes a record");
}
