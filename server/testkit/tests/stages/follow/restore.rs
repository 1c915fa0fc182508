//! Replays of a day in the archive to the store, which double nothing.

use std::collections::HashSet;

use model::{RecordId, TimeRange};
use pipeline::{
    ErrorClass, Queue, consume,
    replay::{Origin, Replay, ReplayState, Request, STORE},
};
use testkit::{faulty::FaultyQueue, memory::MemoryQueue};

use super::{
    archived::{Archive, DAY, day_of_batches, memory_queue, record_ids, request, start, start_with},
    replay::{ReplayNode, target},
    *,
};

/// Moves batches from the queue to the store until the end of the test.
fn consume(queue: &Arc<dyn Queue>, store: &Arc<MemoryStore>) -> CancellationToken {
    let stop = CancellationToken::new();
    let ledger = crate::loss_ledger(Arc::clone(queue));
    tokio::spawn(consume::run(Arc::clone(queue), store.clone(), ledger, stop.clone(), Supervisor::default()));
    stop
}

/// The store has each record of the archive once, as it was.
fn assert_whole(store: &MemoryStore, archive: &Archive) {
    let by_id = |records: Vec<StoredRecord>| {
        let mut records: Vec<_> = records.into_iter().map(|stored| stored.record).collect();
        records.sort_by_key(|record| record.id);
        records
    };
    let (stored, archived) = (by_id(store.all()), by_id(archive.records()));
    assert_eq!(stored.len(), archived.len());
    assert!(stored == archived, "the store has other records than the archive");
}

/// Restores until the replay is done.
async fn restores(node: &ReplayNode, archive: &Archive) -> Replay {
    let replay = node.sends(request(STORE, archive)).await;
    assert_eq!((replay.state, replay.error.as_deref()), (ReplayState::Done, None));
    replay
}

#[tokio::test(start_paused = true)]
async fn the_store_gets_what_it_has_lost_and_a_second_replay_adds_nothing() {
    let batches = day_of_batches(40, 50, 20);
    let archive = Archive::of(&*store_of(&batches).await).await;
    // A third of the batches is there, of another third the first half, and nothing of the rest.
    let kept: Vec<Batch> = batches
        .iter()
        .enumerate()
        .filter(|(number, _)| number % 3 != 2)
        .map(|(number, batch)| {
            let records = batch.records[..if number % 3 == 0 { 50 } else { 25 }].to_vec();
            Batch { records, ..batch.clone() }
        })
        .collect();
    let store = store_of(&kept).await;
    let before = store.all();
    let (receiver, queue) = (Receiver::new(), memory_queue());
    let _consuming = consume(&queue, &store);
    let node = start(&store, &archive, &receiver, &queue);
    let replay = restores(&node, &archive).await;
    assert_eq!(replay.source(), Origin::Archive);
    assert_eq!((replay.sent, replay.skipped()), (2000, before.len() as u64));
    assert_whole(&store, &archive);
    let all = store.all();
    assert_eq!(record_ids(&all[..before.len()]), record_ids(&before), "the new records have greater positions");

    let again = restores(&node, &archive).await;
    assert_eq!((again.sent, again.skipped()), (2000, 2000));
    assert_eq!(store.all().len(), all.len());
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_query_restores_what_matches() {
    let batches = day_of_batches(5, 40, 20);
    let archive = Archive::of(&*store_of(&batches).await).await;
    let store = store_of(&[]).await;
    let (receiver, queue) = (Receiver::new(), memory_queue());
    let _consuming = consume(&queue, &store);
    let node = start(&store, &archive, &receiver, &queue);
    let query = "message:\"7\"";
    node.sends(Request { query: query.into(), ..request(STORE, &archive) }).await;
    let matching = Query::parse(query).unwrap();
    let expected: HashSet<RecordId> =
        archive.records().iter().filter(|s| matching.matches(&s.record)).map(|s| s.record.id).collect();
    let stored = record_ids(&store.all());
    assert_eq!(stored.len(), expected.len());
    assert_eq!(stored.into_iter().collect::<HashSet<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn interruptions_at_any_moment_double_nothing() {
    for moment in 0..40 {
        let archive = Archive::of(&*store_of(&day_of_batches(8, 3, 1 << 20)).await).await;
        let store = store_of(&[]).await;
        let (receiver, queue) = (Receiver::new(), memory_queue());
        let faulty: Arc<dyn Queue> = FaultyQueue::new(Arc::clone(&queue));
        let node = start(&store, &archive, &receiver, &faulty);
        let id = node.replays.add(request(STORE, &archive)).await.unwrap().id;
        // The store takes nothing for a while, so batches are in the queue when the node is cut off.
        let mut consuming = (moment % 2 == 0).then(|| consume(&queue, &store));
        pass(Duration::from_millis(moment * 7)).await;
        node.node.cut();
        consuming = consuming.or_else(|| Some(consume(&queue, &store)));
        let other = start(&store, &archive, &receiver, &queue);
        let replay = other.ends(&id).await;
        assert_eq!(replay.state, ReplayState::Done);
        assert_eq!(replay.skipped(), 0, "what this replay has stored is not counted as skipped");
        assert_whole(&store, &archive);
        other.stop().await;
        drop(consuming);
    }
}

#[tokio::test(start_paused = true)]
async fn answers_that_get_lost_double_nothing() {
    let archive = Archive::of(&*store_of(&day_of_batches(20, 10, 20)).await).await;
    let store = store_of(&[]).await;
    let memory = memory_queue();
    let faulty = FaultyQueue::new(Arc::clone(&memory));
    faulty.publish.set(Mode::LoseAnswer(away()));
    let queue: Arc<dyn Queue> = faulty.clone();
    let _consuming = consume(&memory, &store);
    let receiver = Receiver::new();
    let node = start(&store, &archive, &receiver, &queue);
    let id = node.replays.add(request(STORE, &archive)).await.unwrap().id;
    faulty.publish.called(40).await;
    faulty.publish.set(Mode::Healthy);
    node.ends(&id).await;
    assert_whole(&store, &archive);
}

#[tokio::test(start_paused = true)]
async fn a_replay_after_a_cancelled_one_waits_for_what_that_has_in_the_queue() {
    let archive = Archive::of(&*store_of(&day_of_batches(20, 10, 20)).await).await;
    let store = store_of(&[]).await;
    let memory = Arc::new(MemoryQueue::new());
    let (receiver, queue) = (Receiver::new(), memory.clone() as Arc<dyn Queue>);
    let node = start(&store, &archive, &receiver, &queue);
    let id = node.replays.add(request(STORE, &archive)).await.unwrap().id;
    until("batches wait in the queue", || memory.depth() >= 20).await;
    node.replays.cancel(&id).await.unwrap();
    let next = node.replays.add(request(STORE, &archive)).await.unwrap().id;
    pass(Duration::from_secs(5)).await;
    let _consuming = consume(&queue, &store);
    let replay = node.ends(&next).await;
    assert_eq!((replay.state, replay.skipped()), (ReplayState::Done, 0));
    assert_whole(&store, &archive);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_restored_is_refused_with_the_reason() {
    let store = store_of(&day_of_batches(2, 10, 20)).await;
    let archive = Archive::of(&store).await;
    let (receiver, queue) = (Receiver::new(), memory_queue());
    let node = start(&store, &archive, &receiver, &queue);
    let to_store = request(STORE, &archive);
    let earlier = TimeRange { from: archive.day().from - DAY, to: archive.day().from };
    let two_days = TimeRange { from: earlier.from, ..archive.day() };
    let from_store = Some(Origin::Store);
    for (request, reason) in [
        (Request { source: from_store, ..to_store.clone() }, "leave source out"),
        (Request { range: earlier, ..to_store.clone() }, "does not have the day 2026-01-01"),
        (Request { range: two_days, ..to_store.clone() }, "a replay for each day"),
        (Request { sink: "c".into(), ..to_store.clone() }, "replays go to a, store"),
    ] {
        let error = node.replays.add(request).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        assert!(error.message.contains(reason), "{error}");
    }
    node.stop().await;
    // The clock is at three in the morning of that day.
    for (retention, is_refused) in [(3600, true), (2 * 86_400, false)] {
        let node = start_with(&store, &archive, &receiver, &queue, Some(Duration::from_secs(retention)));
        let added = node.replays.add(to_store.clone()).await;
        match added {
            Err(error) => assert!(is_refused && error.message.contains("--retention 1h deletes"), "{error}"),
            Ok(_) => assert!(!is_refused),
        }
        node.stop().await;
    }
    let without_archive =
        ReplayNode::start_with(&store, Vec::new(), |options| (vec![target("a", &receiver)], None, options));
    let error = without_archive.replays.add(to_store).await.unwrap_err();
    assert!(error.message.contains("`--to store` needs an archive"), "{error}");
}
