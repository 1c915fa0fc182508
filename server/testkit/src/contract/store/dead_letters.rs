//! The contract of dead letters.

use model::time::Nanos;
use pipeline::{
    Batch, BatchId, Content, DeadLetterFilter, DeadLetterHead, DeadLetterRequest, LogStore, NewDeadLetter, TimeRange,
    envelope,
};

use super::{Feeder, assert_same, everything, records, records_of};
use crate::{contract::StoreHarness, records as corpora};

/// The newest letters.
async fn newest(store: &dyn LogStore) -> Vec<DeadLetterHead> {
    store.dead_letters(&DeadLetterRequest::newest(100)).await.unwrap()
}

/// The reasons of the matching letters, newest first.
async fn matching_reasons(store: &dyn LogStore, filter: DeadLetterFilter) -> Vec<String> {
    let request = DeadLetterRequest { filter, limit: 100, before: None };
    store.dead_letters(&request).await.unwrap().into_iter().map(|head| head.reason).collect()
}

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
    let letters = newest(&*store).await;
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].bytes, letters[0].batch_id), (bytes.len() as u64, None));
    assert!(letters[0].reason.contains("no batch: \"x\""), "{}", letters[0].reason);
    let whole = store.dead_letter(letters[0].id).await.unwrap().unwrap();
    assert_eq!(whole.letter.payload, bytes);
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
    let mut request = DeadLetterRequest::newest(3);
    loop {
        let page = store.dead_letters(&request).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        request.before = Some(last.id);
        listed.extend(page);
    }
    assert!(listed.is_sorted_by(|newer, older| newer.id > older.id && newer.time >= older.time));
    assert_eq!(listed.len(), letters.len());
    for (head, letter) in listed.iter().rev().zip(&letters) {
        let whole = store.dead_letter(head.id).await.unwrap().unwrap();
        assert_eq!((whole.id, whole.time, &whole.letter), (head.id, head.time, letter));
        let told = NewDeadLetter {
            reason: head.reason.clone(),
            producer: head.producer.clone(),
            batch_id: head.batch_id,
            payload: letter.payload.clone(),
            records: head.records,
        };
        assert_eq!((&told, head.bytes), (letter, letter.payload.len() as u64));
    }
    let status = store.status().dead_letters;
    let weight: u64 = letters.iter().map(NewDeadLetter::weight).sum();
    assert_eq!((status.letters, status.bytes, status.dropped), (10, weight, 0));

    let gone: Vec<i64> = listed[2..9].iter().map(|letter| letter.id).collect();
    assert_eq!(store.remove_dead_letters(&gone).await.unwrap(), 7);
    assert_eq!(store.remove_dead_letters(&gone).await.unwrap(), 0);
    assert_eq!(store.dead_letter(gone[0]).await.unwrap(), None);
    let left: Vec<_> = newest(&*store).await.iter().map(|letter| letter.id).collect();
    assert_eq!(left, [listed[0].id, listed[1].id, listed[9].id]);
    // Ids are never reused.
    store.put_dead_letters(&letters[..1]).await.unwrap();
    assert!(newest(&*store).await[0].id > listed[0].id);
    assert_eq!(store.status().dead_letters.letters, 4);
    store.close().await;
}

pub async fn dead_letters_are_found_by_reason_door_service_and_time(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let of = |number: u64, services: &[&str]| {
        let mut batch: Batch = corpora::batch(number, services.len());
        for (record, service) in batch.records.iter_mut().zip(services) {
            record.service = (*service).into();
        }
        envelope::encode(&batch)
    };
    for (number, reason, producer, services) in [
        (1, "the table is FULL", "http 10.0.0.1", &["shop", "pay"][..]),
        (2, "50% of it_", "grpc 10.0.0.2", &["pay"]),
        (3, "no batch", "syslog 10.0.0.1", &[]),
        (4, "the Table is away", "http 10.0.0.3", &["shop \"2\""]),
    ] {
        let payload = if services.is_empty() { vec![0, 255] } else { of(number, services) };
        let (reason, producer) = (reason.to_owned(), producer.to_owned());
        let letter = NewDeadLetter { reason, producer, batch_id: None, payload, records: services.len() as u32 };
        store.put_dead_letters(&[letter]).await.unwrap();
    }
    let heads = newest(&*store).await;
    assert_eq!(heads.iter().map(|head| head.services.len()).collect::<Vec<_>>(), [1, 0, 1, 2]);
    assert_eq!(heads[3].services, ["pay", "shop"]);

    let [fourth, third, second, first] = ["the Table is away", "no batch", "50% of it_", "the table is FULL"];
    let all = DeadLetterFilter::default;
    let some = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (all(), &[fourth, third, second, first][..]),
        (DeadLetterFilter { reason: some("TABLE"), ..all() }, &[fourth, first]),
        (DeadLetterFilter { reason: some("0% of it_"), ..all() }, &[second]),
        (DeadLetterFilter { reason: some("_"), ..all() }, &[second]),
        (DeadLetterFilter { producer: some("10.0.0.1"), ..all() }, &[third, first]),
        (DeadLetterFilter { producer: some("HTTP"), reason: some("full"), ..all() }, &[first]),
        (DeadLetterFilter { service: some("pay"), ..all() }, &[second, first]),
        (DeadLetterFilter { service: some("shop"), ..all() }, &[first]),
        (DeadLetterFilter { service: some("shop \"2\""), ..all() }, &[fourth]),
        (DeadLetterFilter { service: some("sho"), ..all() }, &[]),
        (DeadLetterFilter { upto: Some(heads[2].id), ..all() }, &[second, first]),
        (DeadLetterFilter { range: TimeRange { from: heads[0].time + 1, to: Nanos::MAX }, ..all() }, &[]),
        (DeadLetterFilter { range: TimeRange { from: Nanos::MIN, to: heads[3].time }, ..all() }, &[]),
        (
            DeadLetterFilter { range: TimeRange { from: heads[3].time, to: heads[0].time + 1 }, ..all() },
            &[fourth, third, second, first],
        ),
    ] {
        assert_eq!(matching_reasons(&*store, filter.clone()).await, expected, "{filter:?}");
    }
    // The limit applies to matching letters.
    let filter = DeadLetterFilter { reason: some("table"), ..all() };
    let page = DeadLetterRequest { filter, before: Some(heads[0].id), limit: 1 };
    assert_eq!(store.dead_letters(&page).await.unwrap()[0].reason, first);
    store.close().await;
}
