//! Leases. A lease of zero duration expires at once, so no case waits.

use std::time::Duration;

use pipeline::{ErrorClass, Expected, Lease};

use super::{NOTE, json, names, put};
use crate::contract::StoreHarness;

/// Longer than any case takes.
const LONG: Duration = Duration::from_secs(3_600);

pub async fn a_held_lease_is_given_to_nobody_else_and_a_released_one_is(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let leases = store.leases();
    let lease = leases.acquire("a", "one", LONG).await.unwrap().unwrap();
    assert_eq!(lease.name, "a");
    for holder in ["one", "other"] {
        assert_eq!(leases.acquire("a", holder, LONG).await.unwrap(), None);
    }
    let other = leases.acquire("b", "other", LONG).await.unwrap().unwrap();
    assert!(leases.renew(&lease, LONG).await.unwrap());
    let guess = Lease { token: lease.token + 1, ..lease.clone() };
    assert!(!leases.renew(&guess, LONG).await.unwrap() && !leases.release(&guess).await.unwrap());

    assert!(leases.release(&lease).await.unwrap());
    assert!(!leases.release(&lease).await.unwrap());
    assert!(!leases.renew(&lease, LONG).await.unwrap(), "a released lease stays released");
    let next = leases.acquire("a", "other", LONG).await.unwrap().unwrap();
    assert!(next.token > lease.token);
    assert!(!leases.release(&lease).await.unwrap(), "it is another's now");
    assert!(leases.renew(&next, LONG).await.unwrap() && leases.renew(&other, LONG).await.unwrap());
    store.close().await;
}

pub async fn a_lease_that_ran_out_is_lost_and_another_may_have_it(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let leases = store.leases();
    let lease = leases.acquire("a", "one", LONG).await.unwrap().unwrap();
    assert!(leases.renew(&lease, Duration::ZERO).await.unwrap());
    assert!(!leases.renew(&lease, LONG).await.unwrap(), "it has run out, also while nobody else has it");
    let next = leases.acquire("a", "other", Duration::ZERO).await.unwrap().unwrap();
    let last = leases.acquire("a", "one", LONG).await.unwrap().unwrap();
    assert!(lease.token < next.token && next.token < last.token);
    store.close().await;
}

pub async fn tokens_grow_also_after_reopening(harness: &dyn StoreHarness) {
    let mut last = 0;
    for round in 0..4 {
        let store = harness.open().await;
        let leases = store.leases();
        for _ in 0..3 {
            let lease = leases.acquire("a", "one", Duration::ZERO).await.unwrap().unwrap();
            assert!(lease.token > last);
            last = lease.token;
        }
        drop(leases);
        if round % 2 == 0 {
            store.close().await;
        } else {
            harness.crash(store).await;
        }
    }
}

pub async fn of_many_who_want_a_lease_one_gets_it(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let mut last = 0;
    for _ in 0..5 {
        let tasks: Vec<_> = (0..8)
            .map(|number| {
                let leases = store.leases();
                tokio::spawn(async move { leases.acquire("a", &format!("task {number}"), LONG).await.unwrap() })
            })
            .collect();
        let mut acquired = Vec::new();
        for task in tasks {
            acquired.extend(task.await.unwrap());
        }
        assert_eq!(acquired.len(), 1);
        assert!(acquired[0].token > last);
        last = acquired[0].token;
        assert!(store.leases().release(&acquired[0]).await.unwrap());
    }
    store.close().await;
}

pub async fn a_change_under_a_lost_lease_is_refused_and_writes_nothing(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let (documents, leases) = (store.documents(), store.leases());
    let change = async |text: &str, fence: &Lease| {
        let changed = documents.put(&NOTE, "a", &json(text), Expected::Any, Some(fence)).await;
        assert!(changed.as_ref().err().is_none_or(|error| error.class == ErrorClass::Conflict), "{changed:?}");
        changed.is_ok()
    };
    let first = leases.acquire("a", "one", LONG).await.unwrap().unwrap();
    assert!(change("1", &first).await);
    // Expired, released, taken over, and never granted.
    assert!(leases.renew(&first, Duration::ZERO).await.unwrap());
    assert!(!change("2", &first).await);
    let second = leases.acquire("a", "other", LONG).await.unwrap().unwrap();
    assert!(!change("3", &first).await);
    assert!(change("4", &second).await);
    assert!(leases.release(&second).await.unwrap());
    assert!(!change("5", &second).await);
    let never = Lease { name: "never".to_owned(), token: 1 };
    assert!(!change("6", &never).await);
    let error = documents.put(&NOTE, "a", &json("7"), Expected::Any, Some(&second)).await.unwrap_err();
    assert!(error.message.contains("lease a") && error.message.contains(&second.token.to_string()), "{error}");
    let error = documents.delete(&NOTE, "a", Expected::Any, Some(&first)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Conflict);

    let listed = documents.list(&NOTE).await.unwrap();
    assert_eq!(listed.documents[0].body, json("4"));
    assert_eq!(listed.documents[0].version, listed.version, "what was refused has changed nothing");
    let third = leases.acquire("a", "one", LONG).await.unwrap().unwrap();
    assert!(documents.delete(&NOTE, "a", Expected::Any, Some(&third)).await.unwrap());
    assert!(names(&*documents, &NOTE).await.is_empty());
    store.close().await;
}

pub async fn a_closed_store_has_no_documents_and_no_leases(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let (documents, leases) = (store.documents(), store.leases());
    put(&*documents, "a", "1").await;
    let lease = leases.acquire("a", "one", LONG).await.unwrap().unwrap();
    store.close().await;
    let errors = [
        documents.get(&NOTE, "a").await.err(),
        documents.list(&NOTE).await.err(),
        documents.put(&NOTE, "a", &json("2"), Expected::Any, None).await.err(),
        documents.delete(&NOTE, "a", Expected::Any, None).await.err(),
        leases.acquire("b", "one", LONG).await.err(),
        leases.renew(&lease, LONG).await.err(),
        leases.release(&lease).await.err(),
    ];
    assert!(
        errors.iter().all(|error| error.as_ref().is_some_and(|e| e.class == ErrorClass::Unavailable)),
        "{errors:?}"
    );
}
