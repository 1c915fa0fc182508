//! Records are found by their values alike in parts with a lookup, in parts of earlier versions, in parts whose lookup is
//! damaged, and in memory.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use engine_embedded::{Options, inspect};
use model::{
    Query, Record, StoredRecord, Value, hex,
    query::{Expr, Field, Test},
};
use pipeline::{Batch, LogStore, ReadLimit, Removal, RemovalStep, SearchRequest, TimeRange, ask};
use testkit::records;

use crate::support::{delivery, everything, in_memory};

/// The key of the lookup's location in a part's metadata.
const KEY: &[u8] = b"logboom.lookup";
const EACH: usize = 400;

/// Nothing is flushed before the end, and nothing is merged.
fn options() -> Options {
    Options { upkeep_interval: Duration::from_secs(3600), ..in_memory() }
}

/// Records with values of all types, of which some are rare and some are in every batch.
fn batch(number: usize) -> Batch {
    let mut batch = records::batch(number as u64 + 1, EACH);
    for (place, record) in batch.records.iter_mut().enumerate() {
        let seq = number * EACH + place;
        record.node = format!("node-{}", seq % 50).into();
        record.trace_id = seq.is_multiple_of(2).then(|| (seq as u128 / 6 * 0x9e37_79b9_7f4a_7c15).to_be_bytes());
        record.span_id = seq.is_multiple_of(4).then(|| (seq as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        record.attributes = vec![
            ("ip".into(), Value::Text(format!("10.0.{}.{}", seq % 7, seq % 250).into())),
            // The same key with several types, and texts that are numbers.
            (
                "mixed".into(),
                match seq % 4 {
                    0 => Value::Int(seq as i64 / 8),
                    1 => Value::Text((seq / 8).to_string().into()),
                    2 => Value::Float(seq as f64 / 8.0),
                    _ => Value::Bool(seq % 8 == 7),
                },
            ),
            ("ratio".into(), Value::Float(seq as f64 / 100.0)),
            ("seq".into(), Value::Int(seq as i64)),
        ];
        // Past the number of columns of a part.
        record.attributes.push((format!("z{:03}", seq % 200).into(), Value::Int(place as i64)));
    }
    batch
}

/// Changes the file of a part so that it has no lookup under the known name, as in earlier versions.
fn without_lookup(content: &mut [u8]) {
    let place = place_of_key(content);
    content[place + KEY.len() - 1] = b'x';
}

/// Damages each tenth byte of the lookup.
fn with_damaged_lookup(content: &mut [u8]) {
    let json = String::from_utf8_lossy(&content[place_of_key(content)..]).into_owned();
    let number = |name: &str| -> usize {
        let (_, rest) = json.split_once(&format!("\"{name}\":")).unwrap();
        rest.split(|character: char| !character.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    let (offset, bytes) = (number("offset"), number("bytes"));
    // Without the directory at its end.
    content[offset..offset + bytes / 2].iter_mut().step_by(10).for_each(|byte| *byte = !*byte);
}

fn place_of_key(content: &[u8]) -> usize {
    content.windows(KEY.len()).rposition(|bytes| bytes == KEY).expect("a lookup")
}

/// What is done to the bytes of a part.
type Change = fn(&mut [u8]);

/// A folder with parts of each kind; returns all records of them.
async fn written(folder: &Path) -> Vec<Record> {
    let mut all = Vec::new();
    let changes: [Option<Change>; 4] = [None, Some(without_lookup), None, Some(with_damaged_lookup)];
    for (number, change) in changes.iter().enumerate() {
        let before = paths(folder).await;
        let store = engine_embedded::open_store(folder, options()).await.unwrap();
        store.append(&[delivery(number as u64 + 1, batch(number))]).await.unwrap();
        store.close().await;
        all.extend(batch(number).records);
        let new: Vec<_> = paths(folder).await.difference(&before).cloned().collect();
        let [path] = &new[..] else { panic!("{new:?}") };
        if let Some(change) = change {
            let mut content = fs::read(path).unwrap();
            change(&mut content);
            fs::write(path, content).unwrap();
        }
    }
    all
}

async fn paths(folder: &Path) -> BTreeSet<std::path::PathBuf> {
    let parts = inspect::parts(folder).await.unwrap_or_default();
    parts.into_iter().map(|part| part.path).collect()
}

fn any_of(field: Field, texts: &[String]) -> Expr {
    Expr::Field(field, Test::AnyOf(texts.to_vec()))
}

/// Questions for the values of a record, alone and with others, and for values that no record has.
fn questions(record: &Record) -> Vec<Query> {
    let attribute = |key: &str| Field::Attribute(key.to_owned());
    let mut exprs = Vec::new();
    exprs.extend(record.trace_id.map(|id| any_of(Field::TraceId, &[hex::encode(&id)])));
    exprs.extend(record.span_id.map(|id| any_of(Field::SpanId, &[hex::encode(&id)])));
    exprs.push(any_of(Field::Node, &[record.node.to_string()]));
    for (key, value) in &record.attributes {
        exprs.push(any_of(attribute(key), &[value.to_string()]));
        exprs.push(any_of(attribute(key), &["nowhere".to_owned(), format!("{value}0"), value.to_string()]));
        exprs.push(any_of(attribute(key), &[format!("{value}99")]));
        exprs.push(Expr::And(vec![
            any_of(attribute(key), &[value.to_string()]),
            any_of(Field::Node, &["node-7".into()]),
        ]));
        exprs.push(Expr::Or(vec![
            any_of(attribute(key), &[value.to_string()]),
            any_of(attribute("seq"), &["3".into()]),
        ]));
        exprs.push(Expr::And(vec![
            Expr::Not(Box::new(any_of(attribute(key), &[value.to_string()]))),
            any_of(attribute("ip"), &["10.0.1.1".into()]),
        ]));
    }
    exprs.push(any_of(Field::TraceId, &["no id".to_owned()]));
    exprs.push(any_of(Field::TraceId, &[hex::encode(&[7; 16])]));
    exprs.into_iter().map(|expr| Query { expr }).collect()
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(|record| record.id);
    records
}

fn bare(records: Vec<StoredRecord>) -> Vec<Record> {
    sorted(records.into_iter().map(|stored| stored.record).collect())
}

/// Compares a search, a read in order and a count with the meaning of the query.
async fn compare(store: &dyn LogStore, all: &[Record], query: &Query) {
    let expected = sorted(all.iter().filter(|record| query.matches(record)).cloned().collect());
    let page = store.search(&SearchRequest::new(query.clone(), TimeRange::ALL, 10_000)).await.unwrap();
    assert_eq!(bare(page.records), expected, "search {query}");
    let newest = store.newest().await.unwrap();
    let limit = ReadLimit::of_records(100_000);
    let in_order = store.read_after(Default::default(), newest, TimeRange::ALL, query, limit).await.unwrap();
    assert_eq!(bare(in_order), expected, "read_after {query}");
    assert_eq!(ask::count(store, query, TimeRange::ALL).await.unwrap(), expected.len() as u64, "count {query}");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_with_and_without_a_lookup_and_memory_answer_alike() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = written(folder.path()).await;
    let store = engine_embedded::open_store(folder.path(), options()).await.unwrap();
    // The last batch stays in memory.
    store.append(&[delivery(9, batch(4))]).await.unwrap();
    all.extend(batch(4).records);
    assert_eq!(bare(everything(&*store).await), sorted(all.clone()));
    for record in all.iter().step_by(251) {
        for query in questions(record) {
            compare(&*store, &all, &query).await;
        }
    }
    assert!(store.status().aside.is_empty(), "a damaged lookup is no damage of records");
    store.close().await;
}

/// Values with the same text form, and with almost the same one.
fn forms() -> Vec<Value> {
    let texts = [
        "",
        "0",
        "-0",
        "17",
        "017",
        "+17",
        "17.0",
        "1.5",
        "1.50",
        "1e3",
        "1000",
        "true",
        "True",
        "NaN",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "100000000000000000000",
    ];
    let floats = [
        0.0,
        -0.0,
        17.0,
        1.5,
        1e3,
        1e20,
        (1_u64 << 53) as f64,
        ((1_u64 << 53) + 2) as f64,
        i64::MAX as f64,
        f64::MAX,
        f64::MIN_POSITIVE,
    ];
    let integers = [0, 17, -17, 1_000, 1 << 53, (1 << 53) + 1, (1 << 53) + 2, i64::MIN, i64::MAX];
    let texts = texts.into_iter().map(|text| Value::Text(text.into()));
    let numbers = floats.into_iter().map(Value::Float).chain(integers.into_iter().map(Value::Int));
    texts.chain(numbers).chain([true, false].into_iter().map(Value::Bool)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_is_found_by_its_text_form_and_by_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let values = forms();
    let mut batch = records::batch(1, values.len());
    for (record, value) in batch.records.iter_mut().zip(&values) {
        // All columns but one; that is the one of the texts, and the other values of the key are in the JSON.
        let others = (0..127).map(|number| (format!("a{number:03}").into(), Value::Int(number)));
        record.attributes = others.chain([("form".into(), value.clone())]).collect();
    }
    let all = batch.records.clone();
    let store = engine_embedded::open_store(folder.path(), options()).await.unwrap();
    store.append(&[delivery(1, batch)]).await.unwrap();
    store.close().await;

    let store = engine_embedded::open_store(folder.path(), options()).await.unwrap();
    let nearly = ["17 ", "1E3", "TRUE", "inf", "-1.5", "1.", "9007199254740991", "18446744073709551615"];
    let asked: BTreeSet<String> =
        values.iter().map(Value::to_string).chain(nearly.into_iter().map(str::to_owned)).collect();
    for text in asked {
        for key in ["form", "Form", "a017"] {
            let query = Query { expr: any_of(Field::Attribute(key.to_owned()), std::slice::from_ref(&text)) };
            compare(&*store, &all, &query).await;
        }
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_rare_values_follow_one_another() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = written(folder.path()).await;
    let store = engine_embedded::open_store(folder.path(), options()).await.unwrap();
    store.append(&[delivery(9, batch(4))]).await.unwrap();
    all.extend(batch(4).records);
    for (key, texts) in
        [("seq", vec!["3", "801"]), ("z101", vec!["101"]), ("ip", vec!["10.0.1.1"]), ("mixed", vec!["true"])]
    {
        let texts: Vec<String> = texts.into_iter().map(str::to_owned).collect();
        let query = Query { expr: any_of(Field::Attribute(key.to_owned()), &texts) };
        let mut request = SearchRequest::new(query.clone(), TimeRange::ALL, 3);
        let mut found = Vec::new();
        loop {
            let page = store.search(&request).await.unwrap();
            found.extend(page.records);
            match page.next {
                Some(next) => request.cursor = Some(next),
                None => break,
            }
        }
        let place = |stored: &StoredRecord| (stored.record.time, stored.position);
        assert!(found.is_sorted_by(|one, next| place(one) > place(next)), "{query}");
        let expected = sorted(all.iter().filter(|record| query.matches(record)).cloned().collect());
        assert_eq!(bare(found), expected, "{query}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_finds_its_records_in_all_parts() {
    let folder = tempfile::tempdir().unwrap();
    let all = written(folder.path()).await;
    let store = engine_embedded::open_store(folder.path(), options()).await.unwrap();
    let mut left = all.clone();
    for (key, text) in [("mixed", "50"), ("seq", "801"), ("ip", "10.0.1.1"), ("z101", "101"), ("ratio", "nowhere")] {
        let query = Query { expr: any_of(Field::Attribute(key.to_owned()), &[text.to_owned()]) };
        let upto = store.newest().await.unwrap();
        let removal = Removal { query, range: TimeRange::ALL, upto };
        let before = left.len();
        left.retain(|record| !removal.query.matches(record));
        let counted = store.count_removal(&removal).await.unwrap();
        let mut removed = 0;
        let mut from: Option<String> = None;
        loop {
            let RemovalStep { removed: more, next } = store.remove(&removal, from.as_deref()).await.unwrap();
            removed += more;
            from = next;
            if from.is_none() {
                break;
            }
        }
        assert_eq!(removed, (before - left.len()) as u64, "{key}:{text}");
        assert_eq!(counted.records(), removed, "{key}:{text}");
        assert_eq!(bare(everything(&*store).await), sorted(left.clone()), "{key}:{text}");
    }
    assert!(left.len() < all.len());
    store.close().await;
}
