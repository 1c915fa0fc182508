//! Data folders of earlier programs: `tests/formats/<number>` holds one of each format.

use std::{fs, path::Path, sync::Arc};

use model::{Query, Record, Value};
use pipeline::{Batch, Expected, Json, Kind, LogStore, Queue, TimeRange, ask, documents::unchecked};
use testkit::records;

use crate::support::{delivery, everything, in_memory, pump};

/// The folders, each with the format of its catalogue and that of its parts. The last one is what this program writes.
const FOLDERS: [(&str, u32, u32); 5] = [("1", 1, 1), ("2", 2, 1), ("3", 3, 1), ("4", 4, 1), ("4-columns", 4, 2)];
/// What a folder holds in parts, and how much more its queue holds.
const STORED: u64 = 12;
const QUEUED: u64 = 5;
/// The first format of the catalogue with documents, and the one that its folder holds.
const DOCUMENTS: u32 = 4;
const NOTE: Kind =
    Kind { name: "note", format: 1, plural: "notes", most_bytes: 100, most_documents: 1, check: unchecked };
const NOTE_TEXT: &str = "{\"b\": 1.10, \"a\": \"\\u0000 로그\"}";

/// Records whose every byte is written here: no random numbers, whose making may change. Those of format 2 and later
/// have rare attributes, too.
fn batch(number: u64, parts: u32) -> Batch {
    let mut batch = records::batch(number, 20);
    for (place, record) in batch.records.iter_mut().enumerate() {
        let seq = number as i64 * 20 + place as i64;
        record.message = records::AWKWARD[seq as usize % records::AWKWARD.len()].to_owned();
        record.time += seq * 1_000_003;
        record.attributes = vec![
            ("ratio".into(), Value::Float(seq as f64 / 7.0)),
            ("retried".into(), Value::Bool(seq % 2 == 0)),
            ("seq".into(), Value::Int(seq)),
            ("키 \"1\"".into(), Value::Text(record.message.clone().into())),
        ];
        if parts >= 2 && place < 5 {
            let value = match place {
                0 => Value::Int(seq),
                1 => Value::Float(-0.0),
                2 => Value::Bool(true),
                3 => Value::Text(format!("{seq:08x}").into()),
                _ => Value::Text(format!("{seq} of many").into()),
            };
            record.attributes.insert(0, (format!("rare.{number}").into(), value));
        }
    }
    batch
}

fn folder(format: impl ToString) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/formats").join(format.to_string())
}

fn copied(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copied(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

async fn open(folder: &Path) -> (Arc<dyn Queue>, Arc<dyn LogStore>) {
    let queue = engine_embedded::open_queue(folder, in_memory()).await.unwrap();
    (queue, engine_embedded::open_store(folder, in_memory()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_every_format_there_was_opens_with_everything_in_it() {
    for (format, catalogue, parts) in FOLDERS {
        let scratch = tempfile::tempdir().unwrap();
        copied(&folder(format), scratch.path());
        let (queue, store) = open(scratch.path()).await;
        let deliveries = queue.receive(100).await.unwrap();
        assert_eq!(deliveries.len() as u64, QUEUED, "format {format}");
        store.append(&deliveries).await.unwrap();
        // What is written now is written beside what was there.
        pump(&*queue, &*store, vec![batch(STORED + QUEUED + 1, parts)]).await;

        let mut found: Vec<Record> = everything(&*store).await.into_iter().map(|stored| stored.record).collect();
        found.sort_by_key(|record| record.time);
        let expected: Vec<Record> = (1..=STORED + QUEUED + 1).flat_map(|number| batch(number, parts).records).collect();
        assert_eq!(found, expected, "format {format}");
        for query in ["\"rare.3\":*", "\"rare.3\":<50", "\"rare.12\":/of many/", "\"rare.7\":\"-0\""] {
            let query = Query::parse(query).unwrap();
            let count = expected.iter().filter(|record| query.matches(record)).count() as u64;
            assert_eq!(ask::count(&*store, &query, TimeRange::ALL).await.unwrap(), count, "format {format}: {query:?}");
        }
        // What earlier programs kept to rule parts out by knew the cases of ASCII alone.
        for text in
            ["ÉTÉ", "été", "straße", "STRAẞE", "İstanbul", "\u{17f} k", "s \u{212a}", "로그", "TIMEOUT", "nowhere"]
        {
            let query = Query::contains(text);
            let count = expected.iter().filter(|record| query.matches(record)).count() as u64;
            assert_eq!(ask::count(&*store, &query, TimeRange::ALL).await.unwrap(), count, "format {format}: {text}");
        }
        let note = store.documents().get(&NOTE, "a/b").await.unwrap().map(|note| note.body.as_str().to_owned());
        assert_eq!(note.as_deref(), (catalogue >= DOCUMENTS).then_some(NOTE_TEXT), "format {format}");
        queue.close().await;
        store.close().await;
    }
}

/// `tests/formats/3-views` is a catalogue of format 3 in which views were saved, the last format
/// that had a table of them.
#[tokio::test(flavor = "multi_thread")]
async fn views_that_were_saved_before_there_were_documents_are_documents_now() {
    const VIEW: Kind =
        Kind { name: "view", format: 1, plural: "views", most_bytes: 1_000, most_documents: 5, check: unchecked };
    let scratch = tempfile::tempdir().unwrap();
    copied(&folder("3-views"), scratch.path());
    // The second time nothing is left to migrate.
    for _ in 0..2 {
        let store = engine_embedded::open_store(scratch.path(), in_memory()).await.unwrap();
        let listing = store.documents().list(&VIEW).await.unwrap();
        assert_eq!(listing.version.0, 4);
        let views: Vec<(String, serde_json::Value)> =
            listing.documents.iter().map(|found| (found.name.clone(), found.body.read().unwrap())).collect();
        let expected = [
            ("A", "/"),
            ("a/b \"quoted\" 'twice'", "/patterns?q=\"a \\ b\""),
            ("errors of the shop", "/?q=level%3Aerror+service%3Ashop&range=1h"),
            ("오류 🧪", "/?q=오류"),
        ];
        assert_eq!(views, expected.map(|(name, address)| (name.to_owned(), serde_json::json!({"address": address}))));
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes the folder of the newest format, once for each"]
async fn write_a_folder_of_the_newest_format() {
    let (newest, _, parts) = FOLDERS[FOLDERS.len() - 1];
    let folder = folder(newest);
    assert!(!folder.exists(), "{} is there; what was written once is not written again", folder.display());
    fs::create_dir_all(&folder).unwrap();
    let (queue, store) = open(&folder).await;
    for number in 1..=STORED {
        store.append(&[delivery(number, batch(number, parts))]).await.unwrap();
    }
    for number in STORED + 1..=STORED + QUEUED {
        queue.publish(Arc::new(batch(number, parts))).await.unwrap();
    }
    store.documents().put(&NOTE, "a/b", &Json::parse(NOTE_TEXT).unwrap(), Expected::Any, None).await.unwrap();
    queue.close().await;
    store.close().await;
}
