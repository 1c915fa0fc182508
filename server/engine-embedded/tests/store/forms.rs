//! Attributes whose columns have a form: memory, parts of every kind and their merges answer as the texts do (C7, C13).

use std::{fs, path::Path, time::Duration};

use engine_embedded::{Options, inspect};
use model::{
    Query, Record, StoredRecord, Value,
    aggregate::{Aggregation, Grouping, Key, Measure},
    query::{Expr, Field, Test},
};
use pipeline::{Ask as _, Batch, Log as _, LogStore, Removal, RemovalStep, SearchRequest, TimeRange, ask};
use proptest::prelude::*;
use testkit::{memory::MemoryStore, records};

use crate::support::{compacting_at, copy_folder, delivery, everything, flushing_at, in_memory};

/// A folder with parts whose columns have all forms, as the first program with forms wrote it.
const FORMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/formats/4-forms");
const KEYS: [&str; 10] = ["at", "count", "hex", "id", "ip", "mixed", "ms", "order", "ratio", "user"];
const EACH: usize = 300;

/// Questions whose answer depends on the text of a value, not on the number or the bytes that it stands for.
const QUESTIONS: &[&str] = &[
    "ip:10.0.0.1",
    "ip:10.0.0.01",
    "ip:10.0.1*",
    "ip:*",
    "ip>10",
    "ip:/^10\\.0\\.[12]\\./",
    "ip:unknown",
    "-ip:unknown ip:*",
    "order:17",
    "order:\"017\"",
    "order:\"17.0\"",
    "order:\"+17\"",
    "order>=17",
    "order<17.5",
    "order:1*",
    "order:/7$/",
    "ratio:1.5",
    "ratio:\"1.50\"",
    "ratio:\"-0\"",
    "ratio:0",
    "ratio<1.5",
    "ratio<=1.5",
    "ratio>0.07",
    "ratio>=1e15",
    "ratio:1*",
    "ratio:/\\.5$/",
    "user:u1",
    "user:u01",
    "user:u1*",
    "user:U1",
    "user>1",
    "user:/^u[0-9]$/",
    "user:*",
    "hex:/^0/",
    "hex:*",
    "hex>=0",
    "hex:0*",
    "hex:12345678",
    "hex:\"1234567E\"",
    "id:/^0190a1b2-/",
    "id:0190*",
    "id>0",
    "at:2026-01-02*",
    "at:\"2026-01-02T03:04:05.006Z\"",
    "at:\"2026-01-02T03:04:05.0060Z\"",
    "at>2026",
    "at:/Z$/",
    "mixed:17",
    "mixed>=17",
    "mixed:u17",
    "mixed:*",
    "count:5",
    "count>5",
    "count:\"05\"",
    "ms>100 ms<=200.25",
    "ms:/\\.25$/",
    "(ip:10.0.0.1 OR user:u1) ratio:*",
    "NOT (hex:* OR ip:*)",
];

/// As good as random.
fn scattered(number: usize) -> u64 {
    let mixed = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Attributes of all forms. One value in `others` does not have the form of the others.
fn attributes(number: usize, others: usize) -> Vec<(model::Text, Value)> {
    let text = |text: String| Value::Text(text.into());
    let is_other = number % others == others / 3;
    let or_else = |value: Value, other: &str| if is_other { Value::Text(other.into()) } else { value };
    let values = [
        ("at", or_else(text(format!("2026-01-02T03:04:05.{:03}Z", number % 1_000)), "2026-01-02T03:04:05.0060Z")),
        ("count", or_else(text(format!("{}", number % 700)), "05")),
        ("hex", or_else(text(format!("{:08x}", scattered(number) as u32)), "1234567E")),
        ("id", or_else(text(format!("0190a1b2-c3d4-7000-8000-{:012x}", scattered(number) >> 16)), "")),
        // Far from each other, so that their differences need more than 31 bits.
        ("ip", or_else(text(format!("{}.0.{}.{}", [10, 203][number / 90 % 2], number % 90, number % 250)), "unknown")),
        (
            "mixed",
            match number % 4 {
                0 => Value::Int(number as i64 / 8),
                1 => text(format!("{}", number / 8)),
                2 => Value::Float(number as f64 / 8.0),
                _ => text(format!("u{}", number / 8)),
            },
        ),
        ("ms", Value::Float((scattered(number) >> 50) as f64 / 4.0)),
        ("order", or_else(text(format!("{}", number / 3)), "017")),
        ("ratio", if is_other { Value::Float(-0.0) } else { Value::Float((number % 900) as f64 / 100.0) }),
        ("user", or_else(text(format!("u{}", scattered(number) % 500)), "u01")),
    ];
    // Not every record has all of them.
    let has = |place: usize| !(number + place).is_multiple_of(5);
    let values = values.into_iter().enumerate().filter(|(place, _)| has(*place));
    values.map(|(_, (key, value))| (key.into(), value)).collect()
}

fn batch(number: usize, others: usize) -> Batch {
    let mut batch = records::batch(number as u64 + 1, EACH);
    for (place, record) in batch.records.iter_mut().enumerate() {
        let seq = number * EACH + place;
        record.time += seq as i64 * 1_000_003;
        record.attributes = attributes(seq, others);
    }
    batch
}

/// Nothing is flushed before the end, and nothing is merged.
fn resting() -> Options {
    Options { upkeep_interval: Duration::from_secs(3600), ..in_memory() }
}

fn bare(records: Vec<StoredRecord>) -> Vec<Record> {
    records.into_iter().map(|stored| stored.record).collect()
}

async fn compare(store: &dyn LogStore, reference: &MemoryStore, query: &Query) {
    let found = store.search(&SearchRequest::new(query.clone(), TimeRange::ALL, 50)).await.unwrap();
    let expected = reference.search(&SearchRequest::new(query.clone(), TimeRange::ALL, 50)).await.unwrap();
    assert_eq!(bare(found.records), bare(expected.records), "search {query}");
    let count = ask::count(store, query, TimeRange::ALL).await.unwrap();
    assert_eq!(count, ask::count(reference, query, TimeRange::ALL).await.unwrap(), "count {query}");
}

/// All facets, alone and in pairs.
async fn compare_facets(store: &dyn LogStore, reference: &MemoryStore, query: &Query) {
    let by = |keys: &[&str], limit| {
        let keys = keys.iter().map(|key| Key::Field(Field::Attribute((*key).to_owned()))).collect();
        Grouping { keys, measures: vec![Measure::Count, Measure::NewestTime], limit }
    };
    let mut groupings: Vec<Grouping> = KEYS.iter().flat_map(|key| [by(&[key], 3), by(&[key], 10_000)]).collect();
    groupings.extend(KEYS.windows(2).map(|keys| by(keys, 10_000)));
    let aggregation = Aggregation { query: query.clone(), range: TimeRange::ALL, groupings };
    let expected = reference.aggregate(&aggregation).await.unwrap();
    // The second time, results are used again.
    for _ in 0..2 {
        let found = store.aggregate(&aggregation).await.unwrap();
        for ((found, expected), grouping) in found.iter().zip(&expected).zip(&aggregation.groupings) {
            assert_eq!(found, expected, "{query} by {:?}", grouping.keys);
        }
    }
}

async fn compare_all(store: &dyn LogStore, reference: &MemoryStore) {
    assert_eq!(bare(everything(store).await), bare(everything(reference).await));
    for text in QUESTIONS {
        let query = Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        compare(store, reference, &query).await;
    }
    // Each value of some records, whatever its type.
    for number in (0..3 * EACH).step_by(97) {
        for (key, value) in attributes(number, 150) {
            for text in [value.to_string(), format!("{value}0")] {
                let expr = Expr::Field(Field::Attribute(key.to_string()), Test::AnyOf(vec![text]));
                compare(store, reference, &Query { expr }).await;
            }
        }
    }
    for query in ["", "ip:10*", "user:* -ratio:*"] {
        compare_facets(store, reference, &Query::parse(query).unwrap()).await;
    }
}

/// Stores batches; each has one value without the form in so many.
async fn stored(folder: &Path, options: Options, others: &[usize]) -> (std::sync::Arc<dyn LogStore>, MemoryStore) {
    let (store, reference) = (engine_embedded::open_store(folder, options).await.unwrap(), MemoryStore::new());
    for (number, others) in others.iter().enumerate() {
        let deliveries = [delivery(number as u64 + 1, batch(number, *others))];
        store.append(&deliveries).await.unwrap();
        reference.append(&deliveries).await.unwrap();
    }
    (store, reference)
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_parts_and_merged_parts_answer_as_texts_do() {
    for options in [in_memory(), flushing_at(1), flushing_at(2 * EACH), compacting_at(1), compacting_at(EACH)] {
        let folder = tempfile::tempdir().unwrap();
        // In some batches so many values lack the form that their columns are plain.
        let (store, reference) = stored(folder.path(), options, &[150, 1_000_000, 3, 150, 8, 1_000_000]).await;
        compare_all(&*store, &reference).await;
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_after_a_restart_answer_as_texts_do() {
    let folder = tempfile::tempdir().unwrap();
    let (store, reference) = stored(folder.path(), resting(), &[150, 1_000_000, 4]).await;
    store.close().await;
    drop(store);
    // A part with a lookup, and what comes after it in memory.
    let store = engine_embedded::open_store(folder.path(), resting()).await.unwrap();
    let deliveries = [delivery(9, batch(3, 150))];
    store.append(&deliveries).await.unwrap();
    reference.append(&deliveries).await.unwrap();
    compare_all(&*store, &reference).await;
    store.close().await;
}

/// `tests/formats/4` has parts of format 1, whose columns are all plain.
#[tokio::test(flavor = "multi_thread")]
async fn parts_of_the_format_before_there_were_forms_are_read_and_merged_with_new_ones() {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats/4"), folder.path());
    let options = || Options { compact_parts: 2, upkeep_interval: Duration::from_millis(1), ..in_memory() };
    let store = engine_embedded::open_store(folder.path(), options()).await.unwrap();
    let before = everything(&*store).await.len();
    assert!(before > 0);
    for number in 0..3 {
        // The folder has the batches of the first numbers.
        store.append(&[delivery(1_000 + number, batch(100 + number as usize, 150))]).await.unwrap();
    }
    let all = everything(&*store).await;
    assert_eq!(all.len(), before + 3 * EACH);
    store.close().await;
    drop(store);
    let store = engine_embedded::open_store(folder.path(), options()).await.unwrap();
    assert_eq!(everything(&*store).await, all);
    // A deletion writes every part again.
    let removal = Removal {
        query: Query::parse("ip:unknown OR seq:3").unwrap(),
        range: TimeRange::ALL,
        upto: store.newest().await.unwrap(),
    };
    remove(&*store, &removal).await;
    let left: Vec<StoredRecord> = all.into_iter().filter(|stored| !removal.query.matches(&stored.record)).collect();
    assert_eq!(everything(&*store).await, left);
    store.close().await;
}

async fn remove(store: &dyn LogStore, removal: &Removal) {
    let mut from: Option<String> = None;
    loop {
        let RemovalStep { next, .. } = store.remove(removal, from.as_deref()).await.unwrap();
        match next {
            Some(next) => from = Some(next),
            None => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_leaves_no_value_of_a_form() {
    let folder = tempfile::tempdir().unwrap();
    let (store, reference) = stored(folder.path(), resting(), &[1_000_000, 1_000_000]).await;
    store.close().await;
    drop(store);
    let store = engine_embedded::open_store(folder.path(), resting()).await.unwrap();
    let goes = attributes(41, 1_000_000);
    let value = |key: &str| goes.iter().find(|(own, _)| own == key).map(|(_, value)| value.to_string()).unwrap();
    let id = value("hex");
    let query = Query::parse(&format!("hex:{id}")).unwrap();
    let removal = Removal { query, range: TimeRange::ALL, upto: store.newest().await.unwrap() };
    let raw = u32::from_str_radix(&id, 16).unwrap().to_be_bytes();
    let holds = || {
        let parts = fs::read_dir(folder.path().join("parts")).unwrap();
        let files = parts.flat_map(|day| fs::read_dir(day.unwrap().path()).unwrap()).map(|file| file.unwrap().path());
        files.map(|file| fs::read(file).unwrap()).any(|content| content.windows(4).any(|window| window == raw))
    };
    assert!(holds(), "the bytes are uncompressed");
    remove(&*store, &removal).await;
    remove(&reference, &removal).await;
    assert!(!holds());
    assert_eq!(bare(everything(&*store).await), bare(everything(&reference).await));
    compare_facets(&*store, &reference, &Query::default()).await;
    store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn any_mixture_of_forms_answers_as_texts_do(
        others in prop::collection::vec(prop::sample::select(vec![2_usize, 5, 40, 150, 1_000_000]), 1..5),
        options in prop::sample::select(vec![0, 1, 2]),
        texts in prop::collection::vec(prop::sample::select(QUESTIONS), 1..6),
    ) {
        let options = [flushing_at(1), compacting_at(1), resting()][options].clone();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let (store, reference) = stored(folder.path(), options, &others).await;
            for text in &texts {
                compare(&*store, &reference, &Query::parse(text).unwrap()).await;
            }
            let query = Query::parse(&format!("({})", texts.join(" OR "))).unwrap();
            compare(&*store, &reference, &query).await;
            compare_facets(&*store, &reference, &query).await;
            store.close().await;
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_with_columns_of_all_forms_is_read_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    copy_folder(Path::new(FORMS), folder.path());
    inspect::parts(folder.path()).await.unwrap();
    let store = engine_embedded::open_store(folder.path(), resting()).await.unwrap();
    let reference = MemoryStore::new();
    for number in 0..3 {
        reference.append(&[delivery(number as u64 + 1, batch(number, 150))]).await.unwrap();
    }
    compare_all(&*store, &reference).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes the folder of columns with forms, once for all"]
async fn write_a_folder_with_columns_of_all_forms() {
    assert!(!Path::new(FORMS).exists(), "{FORMS} is there; what was written once is not written again");
    fs::create_dir_all(FORMS).unwrap();
    for number in 0..3 {
        let store = engine_embedded::open_store(Path::new(FORMS), resting()).await.unwrap();
        store.append(&[delivery(number as u64 + 1, batch(number, 150))]).await.unwrap();
        store.close().await;
    }
}
