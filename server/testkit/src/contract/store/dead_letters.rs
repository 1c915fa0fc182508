//! What cannot be stored.

use pipeline::{BatchId, Content, NewDeadLetter};

use super::{Feeder, assert_same, everything, records, records_of};
use crate::{contract::StoreHarness, records as corpora};

pub async fn undecodable_deliveries_become_dead_letters_and_the_others_are_stored(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let feeder = Feeder::default();
    let corpus = corpora::corpus(41, 2);
    let bytes = vec![0, 255, 1, 128, 39, 92];
    let undecodable = Content::Undecodable { bytes: bytes.clone(), reason: "no batch: \"x\"".into() };
    let deliveries = [feeder.delivery(&corpus[0]), feeder.wrap(undecodable), feeder.delivery(&corpus[1])];
    let appended = store.append(&deliveries).await.unwrap();
    assert_eq!((appended.records, appended.dead), (records_of(&corpus).len() as u64, 1));
    store.close().await;
    drop(store);

    let store = harness.open().await;
    assert_same(&records(&everything(&*store).await), &records_of(&corpus), "everything");
    let letters = store.dead_letters(None, 10).await.unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((&letters[0].letter.payload, letters[0].letter.batch_id), (&bytes, None));
    assert!(letters[0].letter.reason.contains("no batch: \"x\""), "{}", letters[0].letter.reason);
    store.close().await;
}

pub async fn dead_letters_are_listed_newest_first_and_removed(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let letter = |number: u8| NewDeadLetter {
        reason: format!("reason {number}, 'quoted' \\ 이유"),
        producer: "http 127.0.0.1".into(),
        batch_id: number.is_multiple_of(2).then_some(BatchId([number; 16])),
        payload: vec![number, 0, 255],
        records: number.into(),
    };
    let letters: Vec<_> = (0..10).map(letter).collect();
    store.put_dead_letters(&letters[..4]).await.unwrap();
    for letter in &letters[4..] {
        store.put_dead_letters(std::slice::from_ref(letter)).await.unwrap();
    }
    store.put_dead_letters(&[]).await.unwrap();
    store.close().await;
    drop(store);

    let store = harness.open().await;
    let mut listed = Vec::new();
    let mut before = None;
    loop {
        let page = store.dead_letters(before, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        listed.extend(page);
    }
    assert!(listed.is_sorted_by(|newer, older| newer.id > older.id && newer.time >= older.time));
    assert_eq!(
        listed.iter().rev().map(|listed| &listed.letter).collect::<Vec<_>>(),
        letters.iter().collect::<Vec<_>>()
    );
    assert_eq!(store.status().dead_letters, 10);

    let gone: Vec<i64> = listed[2..9].iter().map(|letter| letter.id).collect();
    store.remove_dead_letters(&gone).await.unwrap();
    store.remove_dead_letters(&gone).await.unwrap();
    let left: Vec<_> = store.dead_letters(None, 10).await.unwrap().iter().map(|letter| letter.id).collect();
    assert_eq!(left, [listed[0].id, listed[1].id, listed[9].id]);
    // An id that was given once is not given again.
    store.put_dead_letters(&letters[..1]).await.unwrap();
    assert!(store.dead_letters(None, 1).await.unwrap()[0].id > listed[0].id);
    store.close().await;
}
