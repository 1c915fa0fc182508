//! The first records in every order, with bursts of matches among many other records.

use std::time::Duration;

use engine_embedded::Options;
use model::{Position, Query, Record, RecordId, Severity, StoredRecord};
use pipeline::{Batch, BatchId, LogStore, ReadLimit, SearchRequest, TimeRange};

use crate::support::{delivery, flushing_at};

const RECORDS: usize = 180_000;
const BATCH: usize = 1_000;
const START: i64 = 1_767_312_000_000_000_000;

/// Whether the records of this age match, the newest being 0: many of the newest, then fewer and fewer, and many of the
/// oldest again.
fn matches(age: usize) -> bool {
    let every = match age {
        0..1_000 => 3,
        1_000..10_000 => 250,
        10_000..50_000 => 1_000,
        50_000..86_000 => return false,
        _ => 50,
    };
    age.is_multiple_of(every)
}

/// Two records per time; of any two times either may come first.
fn age(seq: usize) -> usize {
    seq * 7_919 % RECORDS / 2
}

fn time(seq: usize) -> i64 {
    START - age(seq) as i64
}

fn base(batch: usize) -> RecordId {
    RecordId::base(START as u64 / 1_000_000 + batch as u64, (batch as u128) << 20)
}

fn id(seq: usize) -> RecordId {
    base(seq / BATCH).nth(seq % BATCH)
}

fn batch(number: usize) -> Batch {
    let records = (number * BATCH..(number + 1) * BATCH)
        .map(|seq| {
            let service = if matches(age(seq)) { "billing" } else { "api" };
            Record {
                id: id(seq),
                time: time(seq),
                observed_time: START,
                severity: Severity::INFO,
                level: "info".into(),
                service: service.into(),
                node: "n1".into(),
                message: format!("{service} is at {seq}"),
                attributes: Vec::new(),
                trace_id: None,
                span_id: None,
            }
        })
        .collect();
    let id = BatchId(base(number).to_bytes());
    Batch { id, client_id: false, producer: "test".into(), observed_time: START, records }
}

/// Reads up to `most` records, in pages.
pub(crate) async fn newest(store: &dyn LogStore, query: &Query, limit: usize, most: usize) -> Vec<StoredRecord> {
    let mut request = SearchRequest::new(query.clone(), TimeRange::ALL, limit);
    let mut found = Vec::new();
    loop {
        let page = store.search(&request).await.unwrap();
        assert!(page.records.len() <= limit);
        found.extend(page.records);
        match page.next.filter(|_| found.len() < most) {
            Some(next) => request.cursor = Some(next),
            None => return found,
        }
    }
}

fn ids(records: &[StoredRecord]) -> Vec<RecordId> {
    records.iter().map(|stored| stored.record.id).collect()
}

async fn orders_agree(options: Options) {
    let folder = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(folder.path(), options).await.unwrap();
    for number in 0..RECORDS / BATCH {
        store.append(&[delivery(number as u64 + 1, batch(number))]).await.unwrap();
    }
    let upto = store.newest().await.unwrap();
    let mut by_time: Vec<usize> = (0..RECORDS).filter(|seq| matches(age(*seq))).collect();
    let by_position: Vec<RecordId> = by_time.iter().map(|seq| id(*seq)).collect();
    by_time.sort_unstable_by_key(|seq| std::cmp::Reverse((time(*seq), *seq)));
    let by_time: Vec<RecordId> = by_time.into_iter().map(id).collect();
    let all = by_time.len();

    for text in ["service:billing", r#""billing is at""#] {
        let query = Query::parse(text).unwrap();
        for (limit, most) in [(7, 70), (100, all), (665, 700), (10_000, all)] {
            let found = ids(&newest(&*store, &query, limit, most).await);
            assert!(found.len() >= most && found == by_time[..found.len()], "{text} by {limit}");
            // A limit of bytes is kept in another way, also if it is not reached.
            let of_bytes = ReadLimit { bytes: 1 << 40, ..ReadLimit::of_records(limit) };
            for first in [ReadLimit::of_records(limit), of_bytes] {
                let found = store.read_after(Position(-1), upto, TimeRange::ALL, &query, first).await.unwrap();
                assert!(ids(&found) == by_position[..limit.min(all)], "{text}, the first {limit}");
            }
        }
    }
    // Neighbours after a record are returned oldest first.
    for nth in [0, 5, all / 2, all - 3, all - 1] {
        for limit in [3, 200, 1_000] {
            let context = store.context(by_time[nth], limit, limit).await.unwrap().unwrap();
            let mut around = by_time[nth.saturating_sub(limit)..(nth + 1 + limit).min(all)].to_vec();
            around.reverse();
            let found = [context.before, vec![context.record], context.after].concat();
            assert!(ids(&found) == around, "{limit} around {nth}");
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_finds_its_first_records_in_parts_of_the_same_times() {
    orders_agree(Options { upkeep_interval: Duration::from_secs(3600), ..flushing_at(45_000) }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_order_finds_its_first_records_in_many_row_groups_and_memory() {
    orders_agree(Options { upkeep_interval: Duration::from_secs(3600), ..flushing_at(140_000) }).await;
}
