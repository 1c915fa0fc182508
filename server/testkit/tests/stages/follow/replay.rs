//! Replays: the records of a range of time are sent once more.

use model::{Nanos, TimeRange};
use pipeline::{
    DeadLetterRequest, DeadLetters as _, ErrorClass, follow,
    replay::{ArchivedDays, KEPT, Replay, ReplayState, Replays, Request, Target, UNFINISHED},
};

use super::*;

/// A process that runs replays, and no followers unless they are given.
pub(super) struct ReplayNode {
    pub(super) node: Node,
    pub(super) replays: Arc<Replays>,
}

impl ReplayNode {
    fn start(shared: &Arc<MemoryStore>, targets: Vec<Target>) -> Self {
        Self::start_beside(shared, targets, Vec::new())
    }

    pub(super) fn start_beside(shared: &Arc<MemoryStore>, targets: Vec<Target>, definitions: Vec<Definition>) -> Self {
        Self::start_with(shared, definitions, |options| (targets, None, options))
    }

    /// `make` gives the destinations and the archive.
    pub(super) fn start_with(
        shared: &Arc<MemoryStore>,
        definitions: Vec<Definition>,
        make: impl FnOnce(Options) -> (Vec<Target>, Option<Arc<dyn ArchivedDays>>, Options),
    ) -> Self {
        let mut replays = None;
        let node = Node::start_with(shared, definitions, LiveOptions::default(), |options| {
            let (targets, archive, options) = make(options);
            replays = Some(Replays::start(targets, archive, &options));
            options
        });
        Self { node, replays: replays.unwrap() }
    }

    pub(super) async fn ends(&self, id: &str) -> Replay {
        for _ in 0..100_000 {
            let replay = self.replays.get(id).await.unwrap();
            if replay.is_finished() {
                return replay;
            }
            pass(Duration::from_millis(20)).await;
        }
        panic!("the replay does not end");
    }

    /// The records of a whole range are sent.
    pub(super) async fn sends(&self, request: Request) -> Replay {
        let id = self.replays.add(request).await.unwrap().id;
        self.ends(&id).await
    }

    pub(super) async fn stop(self) {
        self.replays.close().await;
        self.node.stop().await;
    }
}

pub(super) fn target(name: &str, receiver: &Receiver) -> Target {
    let definition = definition(name, receiver);
    Target {
        name: definition.name,
        target: definition.target,
        query: definition.query,
        build: Arc::new(move |_| (definition.build)()),
    }
}

fn request(range: TimeRange, query: &str) -> Request {
    Request { sink: "a".into(), source: None, range, query: query.into(), without_audit: false }
}

pub(super) fn everything() -> Request {
    request(TimeRange::ALL, "")
}

/// The records of the middle half of all times.
fn middle(store: &MemoryStore) -> TimeRange {
    let mut times: Vec<Nanos> = store.all().iter().map(|stored| stored.record.time).collect();
    times.sort_unstable();
    TimeRange { from: times[times.len() / 4], to: times[times.len() * 3 / 4] }
}

fn expected(store: &MemoryStore, request: &Request) -> Vec<StoredRecord> {
    let query = Query::parse(&request.query).unwrap();
    let matches = |stored: &StoredRecord| request.range.contains(stored.record.time) && query.matches(&stored.record);
    store.all().into_iter().filter(matches).collect()
}

/// About 8 MiB per batch of a sink, so these are several.
async fn large_store() -> Arc<MemoryStore> {
    store_of(&(1..=12).map(|number| records::long_messages(number, 3, 1 << 20)).collect::<Vec<_>>()).await
}

#[tokio::test(start_paused = true)]
async fn the_matching_records_of_the_range_are_sent_in_the_order_of_the_store() {
    let store = store_of(&records::corpus(1, 100)).await;
    for query in ["", "level>=warn", "message:nowhere"] {
        for range in [TimeRange::ALL, middle(&store)] {
            let receiver = Receiver::new();
            let node = ReplayNode::start(&store, vec![target("a", &receiver)]);
            let request = request(range, query);
            let replay = node.sends(request.clone()).await;
            let expected = expected(&store, &request);
            assert_eq!(places(&receiver.received()), places(&expected), "{query}");
            assert_eq!((replay.state, replay.error), (ReplayState::Done, None));
            assert_eq!((replay.sent, replay.refused), (expected.len() as u64, 0));
            assert_eq!(replay.total, Some(expected.len() as u64));
            node.stop().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_filter_of_the_sink_applies_too() {
    let store = store_of(&records::corpus(1, 50)).await;
    let receiver = Receiver::new();
    let errors = Target { query: Query::parse("level>=error").unwrap(), ..target("a", &receiver) };
    let node = ReplayNode::start(&store, vec![errors]);
    node.sends(request(TimeRange::ALL, "service:api")).await;
    let both = request(TimeRange::ALL, "level>=error service:api");
    assert_eq!(places(&receiver.received()), places(&expected(&store, &both)));
}

#[tokio::test(start_paused = true)]
async fn another_node_goes_on_with_the_same_batches_after_a_kill() {
    for lost in [true, false] {
        let store = large_store().await;
        let receiver = Receiver::new();
        let node = ReplayNode::start(&store, vec![target("a", &receiver)]);
        let mut number = 0;
        receiver.answers(move |_| {
            number += 1;
            // The second batch is stored or not, and the node never learns it.
            match number {
                2 if lost => Answer::Hangs,
                2 => Answer::Unanswered(away()),
                _ => Answer::Stored,
            }
        });
        let id = node.replays.add(everything()).await.unwrap().id;
        until("the second batch is on its way", || receiver.attempts().len() >= 2).await;
        node.node.cut();
        receiver.answers(|_| Answer::Stored);
        let before = receiver.attempts();
        let other = ReplayNode::start(&store, vec![target("a", &receiver)]);
        assert_eq!(other.ends(&id).await.state, ReplayState::Done);
        let after = receiver.attempts();
        assert_eq!(after[before.len()].1, before[1].1, "the batch without an acknowledgement is sent again");
        assert_eq!(places(&receiver.received_once()), places(&store.all()));
        other.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_gives_the_lease_back_and_the_next_start_goes_on() {
    let store = large_store().await;
    let receiver = Receiver::new();
    let mut id = None;
    for _ in 0..50 {
        let node = ReplayNode::start(&store, vec![target("a", &receiver)]);
        if id.is_none() {
            id = Some(node.replays.add(everything()).await.unwrap().id);
        }
        pass(Duration::from_millis(3)).await;
        node.stop().await;
    }
    let node = ReplayNode::start(&store, vec![target("a", &receiver)]);
    assert_eq!(node.ends(&id.unwrap()).await.sent, store.all().len() as u64);
    assert_eq!(places(&receiver.received_once()), places(&store.all()));
}

#[tokio::test(start_paused = true)]
async fn of_two_nodes_one_sends() {
    let store = large_store().await;
    let receiver = Receiver::new();
    let nodes = [1, 2].map(|_| ReplayNode::start(&store, vec![target("a", &receiver)]));
    let id = nodes[0].replays.add(everything()).await.unwrap().id;
    assert_eq!(nodes[1].ends(&id).await.state, ReplayState::Done);
    assert_eq!(places(&receiver.received()), places(&store.all()));
}

#[tokio::test(start_paused = true)]
async fn a_second_replay_has_other_ids_of_batches() {
    let store = large_store().await;
    let receiver = Receiver::new();
    let node = ReplayNode::start(&store, vec![target("a", &receiver)]);
    node.sends(everything()).await;
    let first = ids(&receiver.batches());
    node.sends(everything()).await;
    // A receiver that lost its records may still know the ids.
    assert!(ids(&receiver.batches())[first.len()..].iter().all(|id| !first.contains(id)));
}

#[tokio::test(start_paused = true)]
async fn new_records_go_on_while_a_replay_cannot_send_and_are_not_part_of_it() {
    let store = store_of(&records::corpus(1, 20)).await;
    let (lost, live) = (Receiver::new(), Receiver::new());
    lost.answers(|_| Answer::Fails(away()));
    let node = ReplayNode::start_beside(&store, vec![target("a", &lost)], vec![definition("a", &live)]);
    node.node.is_idle("a").await;
    let old = store.all().len();
    let id = node.replays.add(everything()).await.unwrap().id;
    until("the replay fails", || !lost.attempts().is_empty()).await;
    append(&store, &records::corpus(2, 20)).await;
    until("the new records have arrived", || live.has(&store.all())).await;
    let replay = node.replays.get(&id).await.unwrap();
    assert_eq!((replay.state, replay.sent), (ReplayState::Running, 0));
    assert!(replay.error.unwrap().contains("away"));
    lost.answers(|_| Answer::Stored);
    node.ends(&id).await;
    assert_eq!(places(&lost.received()), places(&store.all()[..old]));
    assert_eq!(places(&live.received()), places(&store.all()));
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_replay_sends_nothing_more_and_is_kept() {
    for answer in [|| Answer::Fails(away()), || Answer::Hangs] {
        let store = large_store().await;
        let receiver = Receiver::new();
        receiver.answers(move |_| answer());
        let node = ReplayNode::start(&store, vec![target("a", &receiver)]);
        let id = node.replays.add(everything()).await.unwrap().id;
        until("it sends", || !receiver.attempts().is_empty()).await;
        assert_eq!(node.replays.cancel(&id).await.unwrap().state, ReplayState::Cancelled);
        pass(Duration::from_secs(5)).await;
        let attempts = receiver.attempts().len();
        pass(Duration::from_secs(120)).await;
        assert_eq!(receiver.attempts().len(), attempts);
        assert_eq!(node.replays.list().await.unwrap()[0].state, ReplayState::Cancelled);
        let again = node.replays.cancel(&id).await.unwrap_err();
        assert_eq!(again.class, ErrorClass::Conflict);
        assert!(again.message.contains("is cancelled already"), "{again}");
        node.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_record_becomes_a_dead_letter_of_the_sink() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    receiver.answers(|_| Answer::StoredBut(|stored| stored.record.message.contains("record 3")));
    let node = ReplayNode::start(&store, vec![target("a", &receiver)]);
    let replay = node.sends(everything()).await;
    assert_eq!((replay.state, replay.sent, replay.refused), (ReplayState::Done, 9, 1));
    let letters = store.dead_letters(&DeadLetterRequest::newest(10)).await.unwrap();
    assert!(follow::is_of_sink(&letters[0].producer), "{letters:?}");
    node.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_replay_to_a_changed_destination_fails_with_the_reason() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    receiver.answers(|_| Answer::Fails(away()));
    let node = ReplayNode::start(&store, vec![target("a", &receiver)]);
    let id = node.replays.add(everything()).await.unwrap().id;
    until("it sends", || !receiver.attempts().is_empty()).await;
    node.stop().await;
    let elsewhere = Target { target: "test://elsewhere".into(), ..target("a", &receiver) };
    let replay = ReplayNode::start(&store, vec![elsewhere]).ends(&id).await;
    assert_eq!(replay.state, ReplayState::Failed);
    assert!(replay.error.unwrap().contains("sends to test://elsewhere now"));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_started_is_refused_with_the_reason() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    let node = ReplayNode::start(&store, vec![target("a", &receiver), target("b", &receiver)]);
    let empty = TimeRange { from: 5, to: 5 };
    for (request, reason) in [
        (Request { sink: "c".into(), ..everything() }, "replays go to a, b"),
        (request(empty, ""), "the range of times is empty"),
        (request(TimeRange::ALL, "(level"), "an example is level>=warn"),
    ] {
        let error = node.replays.add(request).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Invalid);
        assert!(error.message.contains(reason), "{error}");
    }
    let unknown = node.replays.get("nothing").await.unwrap_err();
    assert_eq!(unknown.class, ErrorClass::NotFound);
}

#[tokio::test(start_paused = true)]
async fn the_number_of_replays_is_bounded() {
    let store = store_of(&[records::batch(1, 10)]).await;
    let receiver = Receiver::new();
    receiver.answers(|_| Answer::Fails(away()));
    let node = ReplayNode::start(&store, vec![target("a", &receiver)]);
    for _ in 0..UNFINISHED {
        node.replays.add(everything()).await.unwrap();
    }
    let error = node.replays.add(everything()).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Overloaded);
    assert!(error.message.contains("4 replays are unfinished") && error.message.contains("cancel one"), "{error}");
    receiver.answers(|_| Answer::Stored);
    for replay in node.replays.list().await.unwrap() {
        node.ends(&replay.id).await;
    }
    for _ in 0..KEPT + 10 {
        node.sends(everything()).await;
    }
    assert_eq!(node.replays.list().await.unwrap().len(), KEPT);
    node.stop().await;
}
