//! A panic in a task of the followers, the replays or the relay restarts that task alone, and its work goes on.

use std::collections::HashSet;

use pipeline::{
    relay::WhenFull,
    replay::{ReplayState, UNFINISHED},
};
use testkit::memory::MemoryQueue;

use super::{
    relay::{Agent, batches, messages, texts},
    replay::{ReplayNode, everything, target},
    *,
};
use crate::supervision::{panicked, panicked_alone, restarts};

/// The first attempt hangs.
fn hang_once(receiver: &Receiver) {
    let mut is_first = true;
    receiver.answers(move |_| if std::mem::take(&mut is_first) { Answer::Hangs } else { Answer::Stored });
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_task_of_the_pauses_leaves_the_sinks_alone_and_pauses_still_count() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let (receiver, other) = (Receiver::new(), Receiver::new());
    let node = Node::start(&store, vec![definition("a", &receiver), definition("b", &other)]);
    node.is_idle("a").await;
    panicked_alone(&node.supervisor, "sinks: pauses").await;
    node.followers.set_paused("a", true).await.unwrap();
    node.is("a", FollowerState::Paused).await;
    append(&store, &[records::batch(2, 10)]).await;
    node.is_idle("b").await;
    assert_eq!((receiver.received().len(), other.received().len()), (10, 20));
    node.followers.set_paused("a", false).await.unwrap();
    node.is_idle("a").await;
    assert!(receiver.received() == store.all());
    let restarted: Vec<_> = restarts(&node.supervisor).into_iter().filter(|(_, restarts)| *restarts > 0).collect();
    assert_eq!(restarted, [("sinks: pauses".to_owned(), 1)]);
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_task_of_the_replays_restarts_it_alone_and_its_replay_goes_on() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let (receiver, live) = (Receiver::new(), Receiver::new());
    let node = ReplayNode::start_beside(&store, vec![target("a", &receiver)], vec![definition("b", &live)]);
    node.node.is_idle("b").await;
    let names: Vec<String> = (1..=UNFINISHED).map(|number| format!("replays {number}")).collect();
    // The batch is on its way in one of the tasks, and may have arrived.
    hang_once(&receiver);
    let id = node.replays.add(everything()).await.unwrap().id;
    until("the batch is on its way", || receiver.attempts().len() == 1).await;
    let mut expected = restarts(&node.node.supervisor);
    for name in &names {
        panicked(&node.node.supervisor, name).await;
    }
    expected.iter_mut().filter(|(task, _)| names.contains(task)).for_each(|(_, restarts)| *restarts += 1);
    assert_eq!(restarts(&node.node.supervisor), expected);
    let replay = node.ends(&id).await;
    assert_eq!((replay.state, replay.sent), (ReplayState::Done, 10));
    assert_eq!(places(&receiver.received_once()), places(&store.all()));

    for name in &names {
        panicked_alone(&node.node.supervisor, name).await;
    }
    // Each of the tasks still takes a replay: all of them at once. A second attempt has the id of the first.
    let begun =
        |receiver: &Receiver| receiver.attempts().into_iter().map(|(_, batch)| batch.id).collect::<HashSet<_>>().len();
    let before = begun(&receiver);
    receiver.answers(|_| Answer::Fails(away()));
    let mut ids = Vec::new();
    for _ in &names {
        ids.push(node.replays.add(everything()).await.unwrap().id);
    }
    until("each task has a replay", || begun(&receiver) == before + names.len()).await;
    receiver.answers(|_| Answer::Stored);
    for id in &ids {
        assert_eq!(node.ends(id).await.state, ReplayState::Done);
    }
    assert_eq!(live.received().len(), 10);
    node.stop().await;
}

#[tokio::test]
async fn a_panic_in_the_relay_repeats_the_batch_in_flight_and_the_relay_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    hang_once(&receiver);
    let agent = Agent::start(MemoryQueue::new(), folder.path(), WhenFull::Block, &[&receiver]).await;
    let (some, more) = (batches(0, 5), batches(5, 5));
    agent.publish(&some).await;
    until("a batch is on its way", || !receiver.attempts().is_empty()).await;
    panicked_alone(&agent.supervisor, "relay").await;
    agent.publish(&more).await;
    until("nothing waits", || agent.status().waiting_records == Some(0)).await;
    assert_eq!(texts(&receiver.received_once()), messages(&[&some[..], &more[..]].concat()));
    let attempts = receiver.attempts();
    assert_eq!(attempts[0].1, attempts[1].1, "the same records under the same id");
    assert_eq!(restarts(&agent.supervisor), [("relay".to_owned(), 1)]);
    agent.relay.close().await;
    assert_eq!(agent.queue.inner.depth(), 0);
}
