//! What arrives while all is well: the order, the seam between memory and store, the size of batches, and pauses.

use pipeline::{ErrorClass, follow};

use super::*;

/// A ring that is smaller than what comes within one gathering of records.
fn small_ring() -> LiveOptions {
    LiveOptions { ring_records: 50, ..LiveOptions::default() }
}

fn matching(store: &MemoryStore, query: &str) -> Vec<StoredRecord> {
    let query = Query::parse(query).unwrap();
    store.all().into_iter().filter(|stored| query.matches(&stored.record)).collect()
}

#[tokio::test(start_paused = true)]
async fn every_matching_record_arrives_once_and_in_order_from_memory_and_from_the_store() {
    for query in ["", "level>=warn", "service:web request", "message:nowhere"] {
        for live in [LiveOptions::default(), small_ring()] {
            let store = store_of(&records::corpus(1, 60)).await;
            let receiver = Receiver::new();
            let definitions = vec![matching_query(query, definition("a", &receiver))];
            let node = Node::start_with(&store, definitions, live, |options| options);
            for (number, batch) in records::corpus(2, 200).into_iter().enumerate() {
                append(&store, &[batch]).await;
                // The follower is now up to date, now far behind.
                pass(Duration::from_millis(if number % 50 < 30 { 3 } else { 230 })).await;
            }
            node.is_idle("a").await;
            let expected = matching(&store, query);
            assert!(receiver.received() == expected, "{query}: a record is lost, doubled or out of order");
            let status = node.status("a");
            assert_eq!((status.records, status.refused), (expected.len() as u64, 0));
            assert_eq!((status.error, status.waiting_since), (None, None));
            node.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_sink_that_starts_now_gets_what_is_stored_after_its_first_start_also_while_it_is_stopped() {
    let store = store_of(&records::corpus(1, 5)).await;
    let old = store.all().len();
    let receiver = Receiver::new();
    let from_now = || vec![Definition { start: Start::Now, ..definition("a", &receiver) }];
    let node = Node::start(&store, from_now());
    node.is_idle("a").await;
    node.stop().await;
    append(&store, &records::corpus(2, 5)).await;
    let node = Node::start(&store, from_now());
    node.is_idle("a").await;
    append(&store, &records::corpus(3, 5)).await;
    node.is_idle("a").await;
    assert!(receiver.received() == store.all()[old..]);
}

#[tokio::test(start_paused = true)]
async fn a_restart_goes_on_after_the_last_acknowledged_batch() {
    let store = Arc::new(MemoryStore::new());
    let receiver = Receiver::new();
    for round in 0..30 {
        let node = Node::start(&store, vec![definition("a", &receiver)]);
        for batch in records::corpus(round, 4) {
            append(&store, &[batch]).await;
            // So that the stop falls into every part of a delivery.
            pass(Duration::from_millis(round * 11)).await;
        }
        node.stop().await;
    }
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    until("all has arrived", || receiver.has(&store.all())).await;
    node.is_idle("a").await;
    // A stop between a sink's answer and the cursor still stores the cursor.
    assert_eq!(places(&receiver.received()), places(&store.all()));
    assert_eq!(node.status("a").records, store.all().len() as u64);
}

#[tokio::test(start_paused = true)]
async fn records_that_come_one_by_one_are_gathered() {
    let store = Arc::new(MemoryStore::new());
    let receiver = Receiver::new();
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is_idle("a").await;
    for number in 0..100 {
        append(&store, &[records::batch(number, 1)]).await;
        pass(Duration::from_millis(2)).await;
    }
    node.is_idle("a").await;
    assert!(receiver.received() == store.all());
    let batches = receiver.batches().len();
    assert!(batches <= 3, "{batches} batches");
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_bounded_in_bytes_and_in_records() {
    for live in [LiveOptions::default(), small_ring()] {
        // Small records first, from which the weight of the others cannot be guessed.
        let store = store_of(&[records::batch(1, 9000), records::batch(2, 9000)]).await;
        let receiver = Receiver::new();
        let big = || (3..15).map(|number| records::long_messages(number, 2, 1 << 20));
        append(&store, &big().collect::<Vec<_>>()).await;
        let node = Node::start_with(&store, vec![definition("a", &receiver)], live, |options| options);
        node.is_idle("a").await;
        append(
            &store,
            &big().map(|batch| Batch { id: pipeline::BatchId([batch.id.0[15]; 16]), ..batch }).collect::<Vec<_>>(),
        )
        .await;
        node.is_idle("a").await;
        assert_eq!(places(&receiver.received()), places(&store.all()));
        for batch in receiver.batches() {
            let bytes: usize = batch.records.iter().map(|stored| stored.record.weight()).sum();
            let last = batch.records.last().map_or(0, |last| last.record.weight());
            assert!(bytes - last < follow::BYTES, "{bytes} bytes in {} records", batch.records.len());
            assert!(batch.records.len() <= follow::RECORDS);
        }
        let most = receiver.batches().iter().map(|batch| batch.records.len()).max();
        assert!(most > Some(1000), "small records make large batches, not of {most:?}");
        node.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_sink_sends_nothing_until_it_is_resumed_also_across_a_restart() {
    let store = store_of(&records::corpus(1, 3)).await;
    let receiver = Receiver::new();
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is_idle("a").await;
    node.followers.set_paused("a", true).await.unwrap();
    node.is("a", FollowerState::Paused).await;
    append(&store, &records::corpus(2, 3)).await;
    let sent = receiver.calls().len();
    pass(Duration::from_secs(60)).await;
    node.stop().await;
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is("a", FollowerState::Paused).await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(receiver.calls().len(), sent);
    node.followers.set_paused("a", false).await.unwrap();
    node.is_idle("a").await;
    assert!(receiver.received() == store.all());
}

#[tokio::test(start_paused = true)]
async fn a_pause_stops_the_attempts_at_a_sink_that_is_away() {
    let store = store_of(&records::corpus(1, 3)).await;
    let receiver = Receiver::new();
    receiver.answers(|_| Answer::Fails(away()));
    let node = Node::start(&store, vec![definition("a", &receiver)]);
    node.is("a", FollowerState::Failing).await;
    node.followers.set_paused("a", true).await.unwrap();
    node.is("a", FollowerState::Paused).await;
    let tried = receiver.attempts().len();
    pass(Duration::from_secs(600)).await;
    assert_eq!(receiver.attempts().len(), tried);
    receiver.answers(|_| Answer::Stored);
    node.followers.set_paused("a", false).await.unwrap();
    node.is_idle("a").await;
    assert!(receiver.received() == store.all());
}

#[tokio::test(start_paused = true)]
async fn an_unknown_sink_cannot_be_paused() {
    let store = Arc::new(MemoryStore::new());
    let node = Node::start(&store, vec![definition("a", &Receiver::new())]);
    for is_paused in [true, false] {
        assert_eq!(node.followers.set_paused("b", is_paused).await.unwrap_err().class, ErrorClass::NotFound);
    }
}
