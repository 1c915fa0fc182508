//! Random sequences of appends, faults, pauses, stops and kills.

use std::collections::BTreeSet;

use pipeline::{DeadLetterRequest, DeadLetters as _, envelope};
use rand::{Rng, RngExt as _, SeedableRng as _, rngs::StdRng};

use super::*;

/// Refused by the receiver, alone and as part of a batch.
fn is_bad(stored: &StoredRecord) -> bool {
    stored.position.0 % 97 == 0
}

/// Refused by the receiver without its batch.
fn is_refused(stored: &StoredRecord) -> bool {
    stored.position.0 % 89 == 0
}

fn answer(batch: &Outgoing, random: &mut impl Rng, are_faults_over: bool) -> Answer {
    if batch.records.iter().any(is_bad) {
        return Answer::Fails(Error::invalid("bad"));
    }
    match random.random_range(0..12) {
        _ if are_faults_over => Answer::StoredBut(is_refused),
        0 => Answer::Fails(away()),
        // It would store them.
        1 if !batch.records.iter().any(is_refused) => Answer::Unanswered(away()),
        2 => Answer::Panics,
        _ => Answer::StoredBut(is_refused),
    }
}

async fn refused(store: &MemoryStore) -> BTreeSet<model::RecordId> {
    let mut found = BTreeSet::new();
    for head in store.dead_letters(&DeadLetterRequest::newest(10_000)).await.unwrap() {
        let letter = store.dead_letter(head.id).await.unwrap().unwrap().letter;
        found.extend(envelope::decode(&letter.payload).unwrap().records.into_iter().map(|record| record.id));
    }
    found
}

/// One step of a run. Returns a new node if the old one is gone.
async fn step(node: Node, random: &mut StdRng, start: impl Fn() -> Node) -> Node {
    let fault = match random.random_range(0..4) {
        0 => Mode::Fail(Error::unavailable("no store")),
        1 => Mode::LoseAnswer(Error::unavailable("no answer")),
        2 => Mode::Slow(Duration::from_millis(300)),
        _ => Mode::Hang,
    };
    let switches = [&*node.store.write_documents, &node.store.read, &node.store.put_dead_letters, &node.store.follow];
    match random.random_range(0..10) {
        0 => {
            node.stop().await;
            start()
        }
        1 => {
            node.cut();
            start()
        }
        // A second node, which takes over.
        2 => {
            let other = start();
            pass(Duration::from_secs(1)).await;
            node.stop().await;
            other
        }
        3 => {
            let _ = node.followers.set_paused("a", random.random_bool(0.5)).await;
            node
        }
        4..7 => {
            switches[random.random_range(0..switches.len())].set(fault);
            pass(Duration::from_millis(random.random_range(0..2000))).await;
            switches.into_iter().for_each(|switch| switch.set(Mode::Healthy));
            node
        }
        _ => node,
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_each_matching_record_arrives_in_order_and_a_repetition_has_the_same_id() {
    for seed in 0..40 {
        let mut random = StdRng::seed_from_u64(seed);
        let store = Arc::new(MemoryStore::new());
        let receiver = Receiver::new();
        let query = ["", "level>=info"][random.random_range(0..2)];
        let start = || {
            let live = LiveOptions { ring_records: 100, ..LiveOptions::default() };
            Node::start_with(&store, vec![matching_query(query, definition("a", &receiver))], live, |options| options)
        };
        let mut answers = StdRng::seed_from_u64(seed + 1000);
        receiver.answers(move |batch| answer(batch, &mut answers, false));
        let mut node = start();
        for batch in records::corpus(seed, 80) {
            append(&store, &[batch]).await;
            pass(Duration::from_millis(random.random_range(0..400))).await;
            node = step(node, &mut random, start).await;
        }
        receiver.answers(move |batch| answer(batch, &mut StdRng::seed_from_u64(0), true));
        node.followers.set_paused("a", false).await.unwrap();
        node.is_idle("a").await;

        let query = Query::parse(query).unwrap();
        let matching = store.all().into_iter().filter(|stored| query.matches(&stored.record));
        let (lost, good): (Vec<_>, Vec<_>) = matching.partition(|stored| is_bad(stored) || is_refused(stored));
        assert_eq!(places(&receiver.received_once()), places(&good), "seed {seed}");
        assert!(refused(&store).await.into_iter().eq(lost.iter().map(|stored| stored.record.id)), "seed {seed}");
        node.stop().await;
    }
}
