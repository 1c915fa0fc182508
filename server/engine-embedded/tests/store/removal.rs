//! Deletions by query: nothing of the records is left in the data folder, and everything else is.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arrow_array::{cast::AsArray as _, types::Int32Type};
use engine_embedded::{Options, inspect};
use model::{Position, Query, StoredRecord, TimeRange, Value};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipeline::{Batch, ErrorClass, LogStore, Removal, RemovalStep, envelope};
use testkit::records;

use crate::support::{delivery, everything, flushing_at, pump};

const WORD: &str = "quokka";
const DAY: i64 = 86_400_000_000_000;
/// The bytes before the payload of a frame of the write-ahead log.
const FRAME_HEADER: usize = 20;

/// Small segments of the write-ahead log, and no merges.
fn options(flush_records: usize) -> Options {
    Options { queue_bytes: 1 << 20, upkeep_interval: Duration::from_secs(3600), ..flushing_at(flush_records) }
}

/// Twenty records, of which every third has the word in each of its fields.
fn batch(number: u64) -> Batch {
    let mut batch = records::long_messages(number, 20, 100);
    for (place, record) in batch.records.iter_mut().enumerate() {
        record.attributes.push(("seq".into(), Value::Int(number as i64 * 20 + place as i64)));
        if place % 3 == 0 {
            record.message.push_str(" of the quokka");
            record.node = "quokka-1".into();
            record.level = "quokka".into();
            record.attributes.push(("quokka.id".into(), Value::Int(7)));
            record.attributes.push(("user".into(), Value::Text("quokka@example.com".into())));
        } else {
            record.attributes.push(("user".into(), Value::Text("wombat@example.com".into())));
        }
        record.attributes.sort_by(|one, other| one.0.cmp(&other.0));
    }
    batch
}

async fn removal_of(text: &str, store: &dyn LogStore) -> Removal {
    let upto = store.newest().await.unwrap();
    Removal { query: Query::parse(text).unwrap(), range: TimeRange::ALL, upto }
}

/// Removes the records in as many steps as it takes. Returns their number.
async fn remove(store: &dyn LogStore, removal: &Removal) -> pipeline::Result<u64> {
    let (mut removed, mut from) = (0, None::<String>);
    loop {
        let RemovalStep { removed: more, next } = store.remove(removal, from.as_deref()).await?;
        removed += more;
        match next {
            Some(next) => from = Some(next),
            None => return Ok(removed),
        }
    }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_of(&path) } else { vec![path] }).collect()
}

fn has_word(text: &str) -> bool {
    text.contains(WORD)
}

/// Whether a part has the word in a name or a value of a column, also in a value that no row refers to. A file that does
/// not read may have it.
fn part_has_word(path: &Path) -> bool {
    let builder = fs::File::open(path).map(ParquetRecordBatchReaderBuilder::try_new);
    let Ok(Ok(Ok(mut reader))) = builder.map(|builder| builder.map(|builder| builder.build())) else { return true };
    reader.any(|batch| {
        let batch = batch.unwrap();
        let in_names = batch.schema().fields().iter().any(|field| has_word(field.name()));
        let in_values = batch.columns().iter().any(|column| {
            let values = match column.as_dictionary_opt::<Int32Type>() {
                Some(dictionary) => dictionary.values(),
                None => column,
            };
            values.as_string_opt::<i32>().is_some_and(|texts| texts.iter().flatten().any(has_word))
        });
        in_names || in_values
    })
}

/// Whether any bytes of the file are a frame with a batch that has the word.
fn frame_has_word(bytes: &[u8]) -> bool {
    (0..bytes.len().saturating_sub(FRAME_HEADER)).any(|start| {
        let length = u32::from_le_bytes(bytes[start..start + 4].try_into().unwrap()) as usize;
        let payload = start + FRAME_HEADER;
        let payload = bytes.get(payload..payload.saturating_add(length)).filter(|payload| !payload.is_empty());
        payload.is_some_and(|payload| envelope::decode(payload).is_ok_and(|batch| has_word(&format!("{batch:?}"))))
    })
}

/// The files that have the word, plain or encoded, relative to the data folder.
fn files_with_word(folder: &Path) -> Vec<String> {
    let has_it = |path: &PathBuf| {
        // A file may go while it is looked for, but none comes.
        let Ok(bytes) = fs::read(path) else { return false };
        let is_plain = bytes.windows(WORD.len()).any(|window| window == WORD.as_bytes());
        is_plain
            || match path.extension().and_then(|extension| extension.to_str()) {
                Some("parquet") => part_has_word(path),
                Some("wal" | "spare" | "tmp") => frame_has_word(&bytes),
                _ => false,
            }
    };
    let found = files_of(folder).into_iter().filter(has_it);
    found.map(|path| path.strip_prefix(folder).unwrap().display().to_string()).collect()
}

fn without_word(stored: Vec<StoredRecord>) -> Vec<StoredRecord> {
    stored.into_iter().filter(|stored| !has_word(&stored.record.message)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_word_is_in_no_file_of_the_data_folder() {
    for shared in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let open = async || {
            if shared {
                let (queue, store) = engine_embedded::open_pair(folder.path(), options(150)).await.unwrap();
                return (Some(queue), store);
            }
            (None, engine_embedded::open_store(folder.path(), options(150)).await.unwrap())
        };
        let (queue, store) = open().await;
        let batches: Vec<Batch> = (1..=60).map(batch).collect();
        match &queue {
            Some(queue) => pump(&**queue, &*store, batches).await,
            None => {
                for (receipt, batch) in (1..).zip(batches) {
                    store.append(&[delivery(receipt, batch)]).await.unwrap();
                }
            }
        }
        let before = files_with_word(folder.path());
        let is_in = |name: &str| before.iter().any(|file| file.starts_with(name));
        assert!(is_in("parts") && is_in("wal"), "the test looks in the wrong places: {before:?}");
        let left = without_word(everything(&*store).await);

        let removal = removal_of(WORD, &*store).await;
        assert_eq!(store.count_removal(&removal).await.unwrap().records(), 60 * 7);
        assert_eq!(remove(&*store, &removal).await.unwrap(), 60 * 7);
        assert_eq!(files_with_word(folder.path()), [""; 0], "shared: {shared}");
        assert_eq!(everything(&*store).await, left);
        assert_eq!(store.status().records as usize, left.len());

        store.close().await;
        if let Some(queue) = &queue {
            queue.close().await;
        }
        drop((queue, store));
        assert_eq!(files_with_word(folder.path()), [""; 0], "shared: {shared}, closed");
        let mut found = Vec::new();
        inspect::check(folder.path(), false, |_| {}, |finding| found.push(finding)).await.unwrap();
        assert_eq!(found, [""; 0]);
        let (_queue, store) = open().await;
        assert_eq!(everything(&*store).await, left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_write_ahead_log_is_waited_for_while_the_store_lags_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (queue, store) = engine_embedded::open_pair(folder.path(), options(1_000)).await.unwrap();
    pump(&*queue, &*store, (1..=3).map(batch).collect()).await;
    let removal = removal_of(WORD, &*store).await;
    // A batch behind it in the same file that the store does not have yet.
    queue.publish(Arc::new(records::batch(4, 5))).await.unwrap();
    let (mut removed, mut from) = (0, None::<String>);
    for _ in 0..3 {
        let step = store.remove(&removal, from.as_deref()).await.unwrap();
        removed += step.removed;
        from = Some(step.next.expect("the log still holds the records"));
    }
    assert_eq!(removed, 3 * 7);
    assert!(files_with_word(folder.path()).iter().all(|file| file.starts_with("wal")));
    assert!(!files_with_word(folder.path()).is_empty());

    let deliveries = queue.receive(100).await.unwrap();
    store.append(&deliveries).await.unwrap();
    while let Some(place) = from.take() {
        from = store.remove(&removal, Some(&place)).await.unwrap().next;
    }
    assert_eq!(files_with_word(folder.path()), [""; 0]);
    assert_eq!(everything(&*store).await.len(), 3 * 13 + 5);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_sent_again_does_not_bring_removed_records_back() {
    let folder = tempfile::tempdir().unwrap();
    let again = Batch { client_id: true, ..batch(1) };
    let (queue, store) = engine_embedded::open_pair(folder.path(), options(1_000)).await.unwrap();
    pump(&*queue, &*store, vec![again.clone(), batch(2)]).await;
    let left = without_word(everything(&*store).await);
    let removal = removal_of(WORD, &*store).await;
    assert_eq!(remove(&*store, &removal).await.unwrap(), 14);
    pump(&*queue, &*store, vec![again]).await;
    assert_eq!(everything(&*store).await, left);
    store.close().await;
}

/// A folder with one part for each of five days. The word is in some records of the second day, and in all of the fourth.
async fn folder_of_days() -> (tempfile::TempDir, Arc<dyn LogStore>) {
    let folder = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(folder.path(), options(1_000)).await.unwrap();
    for day in 0..5 {
        let mut batch = records::batch(day + 1, 30);
        for (place, record) in batch.records.iter_mut().enumerate() {
            record.time += day as i64 * DAY;
            if day == 3 || (day == 1 && place < 10) {
                record.message.push_str(" of the quokka");
            }
        }
        store.append(&[delivery(day + 1, batch)]).await.unwrap();
    }
    store.close().await;
    drop(store);
    let store = engine_embedded::open_store(folder.path(), options(1_000)).await.unwrap();
    (folder, store)
}

async fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut parts = inspect::parts(folder).await.unwrap();
    parts.sort_by_key(|part| part.oldest);
    parts.into_iter().map(|part| part.path).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_parts_with_matches_are_written_again_and_empty_ones_go() {
    let (folder, store) = folder_of_days().await;
    let before = listed(folder.path()).await;
    let left = without_word(everything(&*store).await);
    let removal = removal_of(WORD, &*store).await;
    assert_eq!(remove(&*store, &removal).await.unwrap(), 40);
    let after = listed(folder.path()).await;
    assert_eq!(after.len(), 4);
    assert_eq!([&after[0], &after[2], &after[3]], [&before[0], &before[2], &before[4]], "they are as they were");
    assert_ne!(after[1], before[1]);
    assert!(!before[1].exists() && !before[3].exists());
    assert_eq!(everything(&*store).await, left);

    // Outside of the range, and after the last position, nothing goes.
    let all = Query::default();
    let day = TimeRange { from: records::OBSERVED, to: records::OBSERVED + 1 };
    let upto = Position(left.iter().map(|stored| stored.position.0).min().unwrap() + 9);
    let removal = Removal { query: all, range: day, upto };
    assert_eq!(remove(&*store, &removal).await.unwrap(), 10);
    assert_eq!(everything(&*store).await.len(), left.len() - 10);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_that_are_set_aside_are_named_and_everything_else_is_removed() {
    let (folder, store) = folder_of_days().await;
    let before = listed(folder.path()).await;
    let backup = fs::read(&before[1]).unwrap();
    // It is found while the deletion reads it.
    let mut bytes = backup.clone();
    bytes[4..2_000].fill(0xff);
    fs::write(&before[1], bytes).unwrap();
    let removal = removal_of(WORD, &*store).await;
    let error = remove(&*store, &removal).await.unwrap_err();
    let name = before[1].file_name().unwrap().to_str().unwrap();
    assert_eq!(error.class, ErrorClass::Corrupt, "{error}");
    assert!(error.message.contains(name) && error.message.contains("parts give-up"), "{error}");
    assert!(!before[3].exists(), "the other parts are cleared");
    // Days without it have nothing to tell.
    let range = TimeRange { from: records::OBSERVED + 2 * DAY, to: i64::MAX };
    assert_eq!(remove(&*store, &Removal { range, ..removal.clone() }).await.unwrap(), 0);
    store.close().await;
    drop(store);

    // It is restored, and what was left of it goes with the deletion.
    fs::create_dir_all(before[1].parent().unwrap()).unwrap();
    fs::write(&before[1], backup).unwrap();
    let store = engine_embedded::open_store(folder.path(), options(1_000)).await.unwrap();
    assert_eq!(store.status().aside, []);
    let unmatched = removal_of("platypus", &*store).await;
    assert_eq!(remove(&*store, &unmatched).await.unwrap(), 0);
    assert!(!files_of(&folder.path().join("aside")).is_empty(), "no record went, so what is left of the part stays");
    assert_eq!(remove(&*store, &removal).await.unwrap(), 10);
    assert!(files_of(&folder.path().join("aside")).is_empty());
    assert_eq!(everything(&*store).await.len(), 5 * 30 - 40);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_is_dropped_anywhere_loses_nothing_and_doubles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(folder.path(), options(100)).await.unwrap();
    for number in 1..=40 {
        store.append(&[delivery(number, batch(number))]).await.unwrap();
    }
    let left = without_word(everything(&*store).await);
    let removal = removal_of(WORD, &*store).await;
    for micros in (0..60).map(|number| number * 150) {
        let step = tokio::time::timeout(Duration::from_micros(micros), store.remove(&removal, None));
        if let Ok(step) = step.await {
            step.unwrap();
        }
        assert_eq!(without_word(everything(&*store).await), left, "after {micros} us");
    }
    remove(&*store, &removal).await.unwrap();
    assert_eq!(everything(&*store).await, left);
    store.close().await;
    drop(store);
    assert_eq!(files_with_word(folder.path()), [""; 0]);
    let store = engine_embedded::open_store(folder.path(), options(100)).await.unwrap();
    assert_eq!(everything(&*store).await, left);
    store.close().await;
}
