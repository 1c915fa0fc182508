//! The limits on dead letters.

use std::time::Duration;

use engine_embedded::Options;
use pipeline::{DeadLetterBounds, DeadLetterRequest, LogStore, NewDeadLetter};

use crate::support::in_memory;

fn bounded(bytes: u64, age: Duration) -> Options {
    Options { dead_letters: DeadLetterBounds { bytes, age }, ..in_memory() }
}

const LONG: Duration = Duration::from_secs(3_600);

fn letter(number: u32) -> NewDeadLetter {
    NewDeadLetter {
        reason: format!("reason {number:04}"),
        producer: "test".into(),
        batch_id: None,
        payload: vec![7; 1_000],
        records: 2,
    }
}

async fn reasons(store: &dyn LogStore) -> Vec<String> {
    let heads = store.dead_letters(&DeadLetterRequest::newest(10_000)).await.unwrap();
    heads.into_iter().rev().map(|head| head.reason).collect()
}

fn expected(numbers: std::ops::Range<u32>) -> Vec<String> {
    numbers.map(|number| letter(number).reason).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn past_their_bytes_the_oldest_dead_letters_go_and_are_counted_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let weight = letter(0).weight();
    let options = bounded(250 * weight, LONG);
    let store = engine_embedded::open_store(folder.path(), options.clone()).await.unwrap();
    for number in 0..400 {
        store.put_dead_letters(&[letter(number)]).await.unwrap();
    }
    assert_eq!(reasons(&*store).await, expected(150..400));
    // Many at once.
    let many: Vec<_> = (400..1_000).map(letter).collect();
    store.put_dead_letters(&many).await.unwrap();
    assert_eq!(reasons(&*store).await, expected(750..1_000));
    let status = store.status().dead_letters;
    let counted = (status.letters, status.bytes, status.dropped, status.dropped_records);
    assert_eq!(counted, (250, 250 * weight, 750, 1_500));
    store.close().await;

    let store = engine_embedded::open_store(folder.path(), options).await.unwrap();
    assert_eq!(store.status().dead_letters, status);
    store.close().await;
    // A reduced limit applies from the start; the newest letter stays in any case.
    let store = engine_embedded::open_store(folder.path(), bounded(1, LONG)).await.unwrap();
    assert_eq!(reasons(&*store).await, expected(999..1_000));
    assert_eq!(store.status().dead_letters.dropped, 999);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn past_their_age_dead_letters_go() {
    let folder = tempfile::tempdir().unwrap();
    let store = engine_embedded::open_store(folder.path(), bounded(u64::MAX, LONG)).await.unwrap();
    store.put_dead_letters(&[letter(1), letter(2)]).await.unwrap();
    assert_eq!(reasons(&*store).await, expected(1..3));
    store.close().await;
    let store = engine_embedded::open_store(folder.path(), bounded(u64::MAX, Duration::ZERO)).await.unwrap();
    assert_eq!(reasons(&*store).await, [""; 0]);
    let status = store.status().dead_letters;
    assert_eq!((status.letters, status.bytes, status.dropped, status.dropped_records), (0, 0, 2, 4));
    store.close().await;
}
