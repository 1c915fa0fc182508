//! Documents.

use std::sync::Arc;

use pipeline::{Document, Documents, ErrorClass, Expected, Json, Version};

use super::{NOTE, OTHER, json, names, put};
use crate::contract::StoreHarness;

/// Names with special characters of paths, queries and shells.
const NAMES: [&str; 9] =
    ["/", "../a/b", "'quoted' \"twice\"", "a%20b?c=d#e", "\u{ac00}\u{b098}", "\u{1f9ea}", "A", "a", "z "];

/// JSON that would change if it were parsed and written again.
const TEXTS: [&str; 6] = [
    "null",
    "{\"b\": 1.10, \"a\":  1e400, \"a\\u0000\": \"\\u0000\"}",
    "[123456789012345678901234567890, -0, 0.1]",
    "\"\u{ac00}\u{1f9ea} \\\"'; drop table x\"",
    "{\"z\": [], \"y\": {}}",
    "\"\"",
];

pub async fn what_is_put_comes_back_as_it_was_and_after_reopening(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let documents = store.documents();
    assert_eq!(documents.list(&NOTE).await.unwrap().documents, []);
    assert_eq!(documents.get(&NOTE, "a").await.unwrap(), None);
    let mut expected = Vec::new();
    for (place, name) in NAMES.into_iter().enumerate() {
        // Not parsed: a number past the range of a float is stored all the same.
        let body = Json::from_stored(TEXTS[place % TEXTS.len()]);
        let version = documents.put(&NOTE, name, &body, Expected::Any, None).await.unwrap();
        expected.push(Document { name: name.to_owned(), version, body, file: None });
    }
    drop(documents);
    store.close().await;
    drop(store);

    let store = harness.open().await;
    let documents = store.documents();
    for document in &expected {
        assert_eq!(documents.get(&NOTE, &document.name).await.unwrap().as_ref(), Some(document));
    }
    expected.sort_by(|one, other| one.name.cmp(&other.name));
    assert_eq!(documents.list(&NOTE).await.unwrap().documents, expected);
    store.close().await;
}

pub async fn a_change_of_another_version_than_expected_is_a_conflict(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let documents = store.documents();
    let change = async |text: &str, expected| documents.put(&NOTE, "a", &json(text), expected, None).await;
    let delete = async |expected| documents.delete(&NOTE, "a", expected, None).await;

    let error = change("0", Expected::Version(Version(7))).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict, "there is none yet");
    let first = change("1", Expected::Absent).await.unwrap();
    let error = change("2", Expected::Absent).await.unwrap_err();
    assert!(error.class == ErrorClass::Conflict && error.message.contains(&first.to_string()), "{error}");
    let second = change("2", Expected::Version(first)).await.unwrap();
    let error = change("3", Expected::Version(first)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);
    assert!(error.message.contains(&format!("version {first}")), "{error}");
    assert!(error.message.contains(&format!("version {second}")), "{error}");
    let third = change("3", Expected::Any).await.unwrap();
    assert_eq!(documents.get(&NOTE, "a").await.unwrap().unwrap().body, json("3"));

    for expected in [Expected::Version(second), Expected::Absent] {
        assert_eq!(delete(expected).await.unwrap_err().class, ErrorClass::Conflict);
    }
    assert_eq!(documents.get(&NOTE, "a").await.unwrap().unwrap().version, third);
    assert!(delete(Expected::Version(third)).await.unwrap());
    assert_eq!(delete(Expected::Version(third)).await.unwrap_err().class, ErrorClass::Conflict);
    assert!(!delete(Expected::Any).await.unwrap() && !delete(Expected::Absent).await.unwrap());
    assert_eq!(documents.get(&NOTE, "a").await.unwrap(), None);
    store.close().await;
}

pub async fn versions_grow_and_are_never_used_again(harness: &dyn StoreHarness) {
    let mut last = Version(0);
    for _ in 0..2 {
        let store = harness.open().await;
        let documents = store.documents();
        for name in ["a", "b", "a"] {
            let version = put(&*documents, name, "1").await;
            assert!(version > last, "{version} comes after {last}");
            last = version;
            let listed = documents.list(&NOTE).await.unwrap();
            assert_eq!(listed.version, version);
            if name == "a" {
                documents.delete(&NOTE, name, Expected::Version(version), None).await.unwrap();
                let listed = documents.list(&NOTE).await.unwrap();
                assert!(listed.version > version, "a deletion is a change, too");
                last = listed.version;
            }
        }
        drop(documents);
        store.close().await;
    }
}

/// Many writers increment one number, and retry after a conflict.
pub async fn of_many_who_change_one_version_one_wins(harness: &dyn StoreHarness) {
    const TASKS: u64 = 8;
    const ROUNDS: u64 = 5;
    let store = harness.open().await;
    put(&*store.documents(), "count", "0").await;
    let add = |documents: Arc<dyn Documents>| async move {
        let mut won = Vec::new();
        while (won.len() as u64) < ROUNDS {
            let found = documents.get(&NOTE, "count").await.unwrap().unwrap();
            let next = Json::from_value(&(found.body.read::<u64>().unwrap() + 1)).unwrap();
            match documents.put(&NOTE, "count", &next, Expected::Version(found.version), None).await {
                Ok(_) => won.push(found.version),
                Err(error) => assert_eq!(error.class, ErrorClass::Conflict, "{error}"),
            }
        }
        won
    };
    let tasks: Vec<_> = (0..TASKS).map(|_| tokio::spawn(add(store.documents()))).collect();
    let mut won = Vec::new();
    for task in tasks {
        won.extend(task.await.unwrap());
    }
    let count = store.documents().get(&NOTE, "count").await.unwrap().unwrap().body.read::<u64>().unwrap();
    assert_eq!(count, TASKS * ROUNDS);
    won.sort_unstable();
    won.dedup();
    assert_eq!(won.len() as u64, TASKS * ROUNDS, "two have changed one version");
    store.close().await;
}

pub async fn documents_are_listed_by_name_and_kinds_do_not_meet(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let documents = store.documents();
    for name in NAMES {
        put(&*documents, name, "1").await;
    }
    let mut sorted = NAMES;
    sorted.sort_unstable();
    assert_eq!(names(&*documents, &NOTE).await, sorted);

    assert_eq!(documents.list(&OTHER).await.unwrap().version, Version(0));
    documents.put(&OTHER, "a", &json("2"), Expected::Absent, None).await.unwrap();
    documents.delete(&NOTE, "a", Expected::Any, None).await.unwrap();
    assert_eq!(names(&*documents, &OTHER).await, ["a"]);
    assert_eq!(documents.get(&OTHER, "a").await.unwrap().unwrap().body, json("2"));
    assert_eq!(names(&*documents, &NOTE).await.len(), NAMES.len() - 1);
    store.close().await;
}

pub async fn documents_keep_to_the_limits_of_their_kind(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let documents = store.documents();
    let put = async |name: &str, text: &str| documents.put(&OTHER, name, &json(text), Expected::Any, None).await;
    for (name, text) in [("", "1"), ("a\0", "1"), ("a\nb", "1"), (&"x".repeat(257), "1"), ("a", "\"123456789\"")] {
        let error = put(name, text).await.unwrap_err();
        assert!(error.class == ErrorClass::Invalid && error.message.contains(OTHER.name), "{name:?}: {error}");
    }
    for name in ["", "a\0", &"x".repeat(257)] {
        assert_eq!(documents.get(&OTHER, name).await.unwrap(), None);
        assert!(!documents.delete(&OTHER, name, Expected::Any, None).await.unwrap());
    }
    put(&"x".repeat(256), "\"12345678\"").await.unwrap();
    put("a", "1").await.unwrap();
    let error = put("b", "1").await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Invalid);
    assert!(error.message.contains("2 others") && error.message.contains(OTHER.name), "{error}");
    put("a", "2").await.unwrap();
    documents.delete(&OTHER, "a", Expected::Any, None).await.unwrap();
    put("b", "1").await.unwrap();
    store.close().await;
}

/// A watch that continues from its last version misses no change.
pub async fn a_watch_misses_no_change(harness: &dyn StoreHarness) {
    const CHANGES: usize = 30;
    let store = harness.open().await;
    let (watched, changed) = (store.documents(), store.documents());
    let writing = tokio::spawn(async move {
        for number in 0..CHANGES {
            put(&*changed, &format!("{}", number % 3), &number.to_string()).await;
            if number % 7 == 0 {
                tokio::task::yield_now().await;
            }
        }
        changed.put(&OTHER, "another kind", &json("1"), Expected::Any, None).await.unwrap();
        changed.delete(&NOTE, "0", Expected::Any, None).await.unwrap();
    });
    let mut seen = Version(0);
    while seen < Version(CHANGES as u64 + 1) {
        let version = watched.watch(&NOTE, seen).await.unwrap();
        assert!(version >= seen);
        seen = version;
    }
    writing.await.unwrap();
    let listed = watched.list(&NOTE).await.unwrap();
    assert_eq!((listed.version, listed.documents.len()), (seen, 2));
    // A change before the call is returned at once.
    assert_eq!(watched.watch(&NOTE, Version(3)).await.unwrap(), seen);
    store.close().await;
}

pub async fn closing_wakes_those_who_watch(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let documents = store.documents();
    let watching = tokio::spawn(async move { documents.watch(&NOTE, Version(0)).await });
    // Mostly it waits by then; it must end in any case.
    tokio::task::yield_now().await;
    store.close().await;
    let error = watching.await.unwrap().unwrap_err();
    assert_eq!(error.class, ErrorClass::Unavailable);
}
