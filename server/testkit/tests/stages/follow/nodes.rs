//! Several nodes over one store: kills, take-overs, and changed definitions.

use pipeline::follow::Address;

use super::*;

/// How long the lease of a dead node lasts.
const LEASE: Duration = Duration::from_secs(15);
/// How often the other nodes try to take over.
const TAKE_OVER: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn a_batch_that_was_sent_before_a_kill_is_sent_again_with_the_same_id_and_the_same_records() {
    for mode in [Mode::Fail(Error::unavailable("no store")), Mode::Hang] {
        let store = store_of(&[records::batch(1, 10)]).await;
        let receiver = Receiver::new();
        let node = Node::start(&store, vec![definition("a", &receiver)]);
        let writes = Arc::clone(&node.store.write_documents);
        receiver.answers(move |_| {
            writes.set(mode.clone());
            Answer::Stored
        });
        until("the receiver has the batch", || receiver.batches().len() == 1).await;
        append(&store, &[records::batch(2, 10)]).await;
        pass(Duration::from_secs(3)).await;
        node.cut();
        append(&store, &[records::batch(3, 10)]).await;
        receiver.answers(|_| Answer::Stored);
        let sent = receiver.batches();
        assert!(sent.iter().all(|batch| *batch == sent[0]), "only this batch until the cursor moves");
        let node = Node::start(&store, vec![definition("a", &receiver)]);
        until("the batch is sent again", || receiver.batches().len() > sent.len()).await;
        assert_eq!(receiver.batches()[sent.len()], sent[0]);
        node.is_idle("a").await;
        assert_eq!(places(&receiver.received_once()), places(&store.all()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_of_the_cursor_whose_answer_is_lost_doubles_no_batch_with_another_id() {
    let store = Arc::new(MemoryStore::new());
    let receiver = Receiver::new();
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is_idle("a").await;
    for (number, batch) in records::corpus(1, 60).into_iter().enumerate() {
        let lost = Mode::LoseAnswer(Error::unavailable("no answer"));
        node.store.write_documents.set(if number % 3 == 0 { lost } else { Mode::Healthy });
        append(&store, &[batch]).await;
        pass(Duration::from_millis(170)).await;
    }
    node.store.write_documents.set(Mode::Healthy);
    node.is_idle("a").await;
    assert_eq!(places(&receiver.received_once()), places(&store.all()));
}

#[tokio::test(start_paused = true)]
async fn a_changed_target_under_the_same_name_is_refused_and_gets_nothing() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is_idle("a").await;
    node.stop().await;
    append(&store, &[records::batch(2, 10)]).await;
    let changed = || Definition { target: "test://other".into(), ..definition("a", &receiver) };
    let node = Node::start(&store, vec![changed(), definition("b", &Receiver::new())]);
    node.is("a", FollowerState::Refused).await;
    pass(Duration::from_secs(600)).await;
    let status = node.status("a");
    assert_eq!(status.state, FollowerState::Refused);
    let error = status.error.unwrap();
    for part in ["sink a", "test://receiver", "test://other", "another name"] {
        assert!(error.contains(part), "{error}");
    }
    assert_eq!(receiver.received().len(), 10);
    node.stop().await;
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is_idle("a").await;
    assert!(receiver.received() == store.all(), "the old target goes on");
}

#[tokio::test(start_paused = true)]
async fn a_cursor_whose_target_was_written_with_more_parameters_stays_valid() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    let to = |target| vec![Definition { target, ..definition("a", &receiver) }];
    let node = Node::start(&store, to("test://receiver?ca=/wrong.pem".into()));
    node.is_idle("a").await;
    node.stop().await;
    append(&store, &[records::batch(2, 10)]).await;
    let without_parameters = |target: &str| target.split('?').next().unwrap_or_default().to_owned();
    let node = Node::start(&store, to(Address::new("test://receiver".to_owned(), without_parameters)));
    node.is_idle("a").await;
    assert!(receiver.received() == store.all());
    node.stop().await;
    let node = Node::start(&store, to(Address::new("test://other".to_owned(), without_parameters)));
    node.is("a", FollowerState::Refused).await;
}

#[tokio::test(start_paused = true)]
async fn one_node_at_a_time_sends_and_another_takes_over_when_it_stops() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    let first = Node::start(&store, vec![definition("a", &receiver)]);
    first.is_idle("a").await;
    let second = Node::start(&store, vec![definition("a", &receiver)]);
    second.is("a", FollowerState::Elsewhere).await;
    for number in 2..50 {
        append(&store, &[records::batch(number, 10)]).await;
        pass(Duration::from_millis(700)).await;
        assert_eq!(first.status("a").state, FollowerState::Following);
        let status = second.status("a");
        assert_eq!((status.state, status.behind), (FollowerState::Elsewhere, None));
    }
    let opened = receiver.calls().iter().filter(|call| matches!(call, Call::Open(_))).count();
    assert_eq!(opened, 1);
    first.stop().await;
    append(&store, &[records::batch(50, 10)]).await;
    let stopped = Instant::now();
    until("the other node sends", || receiver.has(&store.all())).await;
    assert!(stopped.elapsed() <= TAKE_OVER + Duration::from_secs(1), "{:?}", stopped.elapsed());
    second.is_idle("a").await;
    assert_eq!(places(&receiver.received()), places(&store.all()));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_cut_off_is_replaced_within_the_time_of_its_lease_and_rejoins_as_a_spare() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    let first = Node::start(&store, vec![definition("a", &receiver)]);
    first.is_idle("a").await;
    let second = Node::start(&store, vec![definition("a", &receiver)]);
    second.is("a", FollowerState::Elsewhere).await;
    // It hangs within a send.
    receiver.answers(|_| Answer::Hangs);
    append(&store, &[records::batch(2, 10)]).await;
    until("the batch is sent", || receiver.attempts().len() == 2).await;
    first.cut();
    receiver.answers(|_| Answer::Stored);
    let cut = Instant::now();
    append(&store, &[records::batch(3, 10)]).await;
    until("the other node sends", || receiver.has(&store.all())).await;
    assert!(cut.elapsed() <= LEASE + TAKE_OVER + Duration::from_secs(1), "{:?}", cut.elapsed());
    let attempts = receiver.attempts();
    assert_eq!(attempts[1].1, attempts[2].1, "the same batch again");
    second.is_idle("a").await;
    for switch in [&first.store.read_documents, &first.store.write_documents, &first.store.leases] {
        switch.set(Mode::Healthy);
    }
    first.is("a", FollowerState::Elsewhere).await;
    let batches = receiver.batches();
    let distinct: std::collections::HashSet<_> = ids(&batches).into_iter().collect();
    assert_eq!(distinct.len(), batches.len(), "nothing is doubled");
    assert_eq!(places(&receiver.received()), places(&store.all()));
}

#[tokio::test(start_paused = true)]
async fn a_node_that_lost_its_lease_within_a_send_does_not_move_the_cursor_back() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    let first = Node::start(&store, vec![definition("a", &receiver)]);
    first.is_idle("a").await;
    // Its cursor is on the way to the store for longer than its lease lasts.
    first.store.write_documents.set(Mode::Slow(Duration::from_secs(60)));
    append(&store, &[records::batch(2, 10)]).await;
    pass(Duration::from_secs(1)).await;
    first.store.leases.set(Mode::Hang);
    let second = Node::start(&store, vec![definition("a", &receiver)]);
    until("the other node sends", || receiver.has(&store.all())).await;
    append(&store, &[records::batch(3, 10)]).await;
    second.is_idle("a").await;
    pass(Duration::from_secs(120)).await;
    second.stop().await;
    let third = Node::start(&store, vec![definition("a", &receiver)]);
    third.is_idle("a").await;
    assert_eq!(places(&receiver.received()), places(&store.all()));
}
