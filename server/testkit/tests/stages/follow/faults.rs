//! Receivers that are away, that refuse records, or that make a sink panic.

use std::sync::atomic::{AtomicI64, Ordering};

use pipeline::{DeadLetterRequest, DeadLetters as _, envelope, follow};

use super::*;

const DAY: i64 = 86_400_000_000_000;

/// The messages and reasons of all dead letters, in order of the records.
async fn letters(store: &MemoryStore) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for head in store.dead_letters(&DeadLetterRequest::newest(1000)).await.unwrap() {
        assert_eq!(head.producer, "sink a");
        assert!(follow::is_of_sink(&head.producer));
        let letter = store.dead_letter(head.id).await.unwrap().unwrap().letter;
        let batch = envelope::decode(&letter.payload).unwrap();
        assert_eq!(batch.records.len(), letter.records as usize);
        found.extend(batch.records.into_iter().map(|record| (record.id, record.message, letter.reason.clone())));
    }
    found.sort_by_key(|(id, ..)| *id);
    found.into_iter().map(|(_, message, reason)| (message, reason)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_sent_again_unchanged_until_the_receiver_is_back_and_no_other_sink_waits() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let (receiver, other) = (Receiver::new(), Receiver::new());
    receiver.answers(|_| Answer::Fails(away()));
    let node = Node::start(&store, vec![definition("a", &receiver), definition("b", &other)]);
    node.is("a", FollowerState::Failing).await;
    append(&store, &[records::batch(2, 10)]).await;
    until("the other sink has all", || other.has(&store.all())).await;
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(600) {
        pass(Duration::from_millis(100)).await;
        let status = node.status("a");
        assert_eq!((status.state, status.error.as_deref()), (FollowerState::Failing, Some("the receiver is away")));
        assert!(status.waiting_since.is_some());
    }
    let attempts = receiver.attempts();
    assert!(attempts.iter().all(|(_, batch)| *batch == attempts[0].1), "the same id and the same records");
    // Up to 1 s apart because they fail at once, and at least half of that.
    assert!((590..1250).contains(&attempts.len()), "{} attempts", attempts.len());
    receiver.answers(|_| Answer::Stored);
    node.is_idle("a").await;
    assert!(receiver.received() == store.all());
    let status = node.status("a");
    assert_eq!((status.error, status.waiting_since), (None, None));
    assert_eq!(status.acknowledged, Some(records::OBSERVED));
}

#[tokio::test(start_paused = true)]
async fn the_receiver_decides_when_it_is_tried_again() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    let wait = Duration::from_secs(47);
    receiver.answers(move |_| Answer::Fails(Error::overloaded("slower", wait)));
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    until("it is tried four times", || receiver.attempts().len() == 4).await;
    for pair in receiver.attempts().windows(2) {
        let apart = pair[1].0 - pair[0].0;
        assert!(wait <= apart && apart < wait + Duration::from_secs(1), "{apart:?}");
    }
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_batch_refused_as_a_whole_is_halved_until_the_refused_record_is_alone() {
    let store = store_of(&[records::batch(1, 100), records::batch(2, 7)]).await;
    let receiver = Receiver::new();
    let is_bad =
        |stored: &StoredRecord| ["record 41 of batch 1", "record 6 of batch 2"].contains(&&*stored.record.message);
    receiver.answers(move |batch| match batch.records.iter().any(is_bad) {
        true => Answer::Fails(Error::invalid("a mapping conflict")),
        false => Answer::Stored,
    });
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is_idle("a").await;
    let good: Vec<_> = store.all().into_iter().filter(|stored| !is_bad(stored)).collect();
    assert_eq!(places(&receiver.received()), places(&good));
    let expected =
        ["record 41 of batch 1", "record 6 of batch 2"].map(|text| (text.to_owned(), "a mapping conflict".to_owned()));
    assert_eq!(letters(&store).await, expected);
    let status = node.status("a");
    assert_eq!((status.records, status.refused, status.state), (105, 2, FollowerState::Following));
    node.stop().await;
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is_idle("a").await;
    let status = node.status("a");
    assert_eq!((status.records, status.refused), (105, 2), "the counts outlive a restart");
}

#[tokio::test(start_paused = true)]
async fn records_refused_one_by_one_become_dead_letters_and_the_others_arrive() {
    let store = store_of(&[records::batch(1, 500), records::batch(2, 3)]).await;
    let receiver = Receiver::new();
    // Two neighbours of each seven, so letters hold one or two records.
    let is_bad: fn(&StoredRecord) -> bool = |stored| stored.position.0 % 7 < 2;
    receiver.answers(move |_| Answer::StoredBut(is_bad));
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is_idle("a").await;
    let (bad, good): (Vec<_>, Vec<_>) = store.all().into_iter().partition(is_bad);
    assert!(bad.len() > 100 && receiver.received() == good);
    let expected: Vec<_> =
        bad.iter().map(|stored| (stored.record.message.clone(), "no such field".to_owned())).collect();
    assert_eq!(letters(&store).await, expected);
    assert_eq!(node.status("a").refused, bad.len() as u64);
}

#[tokio::test(start_paused = true)]
async fn a_refused_record_is_not_passed_before_its_dead_letter_is_stored() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    receiver.answers(|_| Answer::StoredBut(|stored| stored.record.message.starts_with("record 3 ")));
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.store.put_dead_letters.set(Mode::Fail(Error::unavailable("no store")));
    node.is("a", FollowerState::Failing).await;
    assert_eq!(node.status("a").error.as_deref(), Some("no store"));
    node.stop().await;
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is_idle("a").await;
    assert_eq!(letters(&store).await.len(), 1);
    assert_eq!(receiver.received_once().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_sink_is_opened_with_the_last_acknowledged_mark_before_the_first_batch_and_after_each_error() {
    let store = Arc::new(MemoryStore::new());
    let receiver = Receiver::new();
    let script = |errors: &'static [u32]| {
        let mut count = 0;
        move |_: &Outgoing| {
            count += 1;
            if errors.contains(&count) { Answer::Fails(away()) } else { Answer::Stored }
        }
    };
    let mut node = Node::start(&store, vec![definition("a", &receiver)]);
    for (number, errors) in [&[][..], &[1], &[1, 2], &[], &[3]].into_iter().enumerate() {
        receiver.answers(script(errors));
        for part in 0..3 {
            append(&store, &[records::batch(number as u64 * 10 + part, 5)]).await;
            node.is_idle("a").await;
        }
        node.stop().await;
        node = Node::start(&store, vec![definition("a", &receiver)]);
        node.is_idle("a").await;
    }
    assert_eq!(places(&receiver.received()), places(&store.all()));
    let (mut last, mut must_open) = (None, true);
    let mut opened = 0;
    for call in receiver.calls() {
        match call {
            Call::Open(given) => {
                assert!(must_open, "opened without need");
                assert_eq!(given, last);
                (must_open, opened) = (false, opened + 1);
            }
            Call::Send { batch, is_acknowledged, .. } => {
                assert!(!must_open, "not opened before {batch:?}");
                if is_acknowledged {
                    last = mark(&batch);
                    // Each node sends three batches.
                    must_open = receiver.batches().iter().position(|sent| *sent == batch).unwrap() % 3 == 2;
                } else {
                    must_open = true;
                }
            }
        }
    }
    assert_eq!(opened, 5 + 4, "five nodes and four errors");
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_cannot_be_opened_refuses_no_record() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    receiver.open_fails(Some(Error::invalid("no such folder")));
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is("a", FollowerState::Failing).await;
    assert_eq!(node.status("a").error.as_deref(), Some("no such folder"));
    pass(Duration::from_secs(60)).await;
    assert!(receiver.attempts().is_empty() && letters(&store).await.is_empty());
    receiver.open_fails(None);
    node.is_idle("a").await;
    assert!(receiver.received() == store.all());
}

#[tokio::test(start_paused = true)]
async fn a_sink_is_opened_again_after_it_refused_a_batch() {
    let store = store_of(&[records::batch(1, 8)]).await;
    let receiver = Receiver::new();
    let mut count = 0;
    receiver.answers(move |_| {
        count += 1;
        if count <= 2 { Answer::Fails(Error::invalid("too large")) } else { Answer::Stored }
    });
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is_idle("a").await;
    let calls: String =
        receiver.calls().iter().map(|call| if matches!(call, Call::Open(_)) { 'o' } else { 's' }).collect();
    assert_eq!(calls, "osososss", "8 and 4 records are refused, then 2, 2 and 4 stored");
    assert_eq!(places(&receiver.received()), places(&store.all()));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_sink_restarts_its_follower_and_the_batch_is_sent_again() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let (receiver, other) = (Receiver::new(), Receiver::new());
    let mut is_first = true;
    receiver.answers(move |_| if std::mem::take(&mut is_first) { Answer::Panics } else { Answer::Stored });
    let node = Node::start(&store, vec![definition("a", &receiver), definition("b", &other)]);
    let begun = Instant::now();
    until("the batch is sent again", || receiver.has(&store.all())).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "its lease was given back: {:?}", begun.elapsed());
    append(&store, &[records::batch(2, 10)]).await;
    node.is_idle("a").await;
    node.is_idle("b").await;
    assert!(receiver.received() == store.all() && other.received() == store.all());
    let attempts = receiver.attempts();
    assert_eq!(attempts[0].1, attempts[1].1);
    let restarts = |name: &str| node.supervisor.tasks().into_iter().find(|task| task.name == name).unwrap().restarts;
    assert_eq!((restarts("sink a"), restarts("sink b")), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_status_shows_how_far_a_failing_or_paused_sink_is_behind_and_when_retention_takes_its_records() {
    let store = Arc::new(MemoryStore::new());
    let receiver = Receiver::new();
    let now = Arc::new(AtomicI64::new(records::OBSERVED));
    let clock = Clock::from_fn({
        let now = Arc::clone(&now);
        move || now.load(Ordering::SeqCst)
    });
    let retention = Some(Duration::from_secs(3 * 86_400));
    let definitions = vec![matching_query("message:record", definition("a", &receiver))];
    let node = Node::start_with(&store, definitions, LiveOptions::default(), |options| Options {
        clock,
        retention,
        ..options
    });
    for is_paused in [false, true] {
        now.store(records::OBSERVED, Ordering::SeqCst);
        node.is_idle("a").await;
        receiver.answers(|_| Answer::Fails(away()));
        if is_paused {
            node.followers.set_paused("a", true).await.unwrap();
            node.is("a", FollowerState::Paused).await;
        }
        let status = node.status("a");
        assert_eq!((status.waiting_since, status.deleted_at), (None, None));
        let number = u64::from(is_paused) * 10;
        append(&store, &[records::batch(number, 4), records::batch(number + 1, 5)]).await;
        until("a record waits", || node.status("a").waiting_since.is_some()).await;
        let status = node.status("a");
        assert_eq!(status.waiting_since, Some(records::OBSERVED / 1_000_000 * 1_000_000));
        assert_eq!(status.behind.map(|behind| (behind.records, behind.is_lower_bound)), Some((9, false)));
        assert_eq!(status.deleted_at, None);
        now.store(records::OBSERVED + 2 * DAY - 1_000_000_000, Ordering::SeqCst);
        assert_eq!(node.status("a").deleted_at, None, "more than a day is left");
        now.store(records::OBSERVED + 2 * DAY + 1_000_000_000, Ordering::SeqCst);
        assert_eq!(node.status("a").deleted_at, Some(records::OBSERVED + 3 * DAY));
        receiver.answers(|_| Answer::Stored);
        node.followers.set_paused("a", false).await.unwrap();
        node.is_idle("a").await;
        let status = node.status("a");
        assert_eq!((status.waiting_since, status.deleted_at), (None, None));
    }
}
