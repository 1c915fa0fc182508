//! The relay of an agent: a queue, and no store.

use std::path::Path;

use model::Nanos;
use pipeline::{
    Queue, QueueStatus, Space,
    relay::{self, Destination, DestinationState, FreshShare, Progress, Relay, RelayStatus, Waiting, WhenFull},
};
use testkit::memory::MemoryQueue;

use super::*;

/// A queue whose disk space a test decides about.
pub(super) struct Crowded {
    pub(super) inner: MemoryQueue,
    upto: Mutex<Option<Receipt>>,
}

#[async_trait]
impl Queue for Crowded {
    async fn publish(&self, batch: Arc<Batch>) -> Result<()> {
        self.inner.publish(batch).await
    }

    async fn receive(&self, max_records: usize) -> Result<Vec<Delivery>> {
        self.inner.receive(max_records).await
    }

    async fn acknowledge(&self, receipts: &[Receipt]) -> Result<()> {
        self.inner.acknowledge(receipts).await
    }

    async fn release(&self, receipts: &[Receipt]) -> Result<()> {
        self.inner.release(receipts).await
    }

    fn status(&self) -> QueueStatus {
        let space = Space { bytes: 1, limit: 1, crowded: *self.upto.lock() };
        QueueStatus { space: Some(space), ..self.inner.status() }
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// An agent's process.
pub(super) struct Agent {
    waiting: Arc<Waiting>,
    pub(super) queue: Arc<Crowded>,
    pub(super) relay: Relay,
    pub(super) supervisor: Supervisor,
}

impl Agent {
    pub(super) async fn start(queue: MemoryQueue, folder: &Path, when_full: WhenFull, to: &[&Receiver]) -> Self {
        Self::start_with(queue, folder, when_full, to, None).await
    }

    /// An agent for which all batches are ten seconds old, so that what comes next is fresh.
    async fn with_fresh_share(queue: MemoryQueue, folder: &Path, to: &Receiver) -> Self {
        Self::start_with(queue, folder, WhenFull::Block, &[to], Some(10_000_000_000)).await
    }

    async fn start_with(
        queue: MemoryQueue,
        folder: &Path,
        when_full: WhenFull,
        to: &[&Receiver],
        share_of_age: Option<Nanos>,
    ) -> Self {
        let backlog = queue.depth() as u64;
        let queue = Arc::new(Crowded { inner: queue, upto: Mutex::new(None) });
        let waiting = Arc::new(Waiting::new(queue.clone(), "--max-disk".into()));
        let destination = |(n, receiver): (usize, &&Receiver)| {
            let receiver = (*receiver).clone();
            Destination { target: format!("test://{n}"), build: Arc::new(move || Ok(receiver.sink())) }
        };
        let (newest, read) = (queue.clone(), queue.clone());
        let share = FreshShare {
            last: Arc::new(move || newest.inner.last()),
            read: Arc::new(move |after, _| {
                let found = read.inner.peek(after);
                Box::pin(async move { Ok(found) })
            }),
        };
        let now = records::OBSERVED + share_of_age.unwrap_or_default();
        let supervisor = Supervisor::default();
        let relay = Relay::start(relay::Options {
            queue: waiting.clone(),
            backlog: Arc::new(move || Box::pin(async move { Ok((backlog, 0)) })),
            progress: Progress::open(folder.join("relay.json")).await.unwrap(),
            destinations: to.iter().enumerate().map(destination).collect(),
            when_full,
            fresh: share_of_age.map(|_| share),
            refused: folder.join("refused.ndjson"),
            clock: Clock::from_fn(move || now),
            supervisor: supervisor.clone(),
        });
        Self { waiting, queue, relay, supervisor }
    }

    pub(super) async fn publish(&self, batches: &[Batch]) {
        for batch in batches {
            self.waiting.publish(Arc::new(batch.clone())).await.unwrap();
        }
    }

    pub(super) fn status(&self) -> RelayStatus {
        self.relay.status()
    }

    /// The queue as the next process finds it.
    fn kill(self) -> MemoryQueue {
        self.queue.inner.reopen()
    }
}

/// Batches of three records each.
pub(super) fn batches(first: u64, count: u64) -> Vec<Batch> {
    (first..first + count).map(|n| Batch { client_id: false, ..records::batch(n, 3) }).collect()
}

pub(super) fn messages(batches: &[Batch]) -> Vec<String> {
    batches.iter().flat_map(|batch| &batch.records).map(|record| record.message.clone()).collect()
}

pub(super) fn texts(records: &[StoredRecord]) -> Vec<String> {
    records.iter().map(|stored| stored.record.message.clone()).collect()
}

#[tokio::test]
async fn the_first_destination_that_answers_gets_a_batch_and_a_failed_one_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (Receiver::new(), Receiver::new());
    first.answers(|_| Answer::Fails(Error::unavailable("away")));
    let agent = Agent::start(MemoryQueue::new(), folder.path(), WhenFull::Block, &[&first, &second]).await;
    let (some, more) = (batches(0, 5), batches(5, 5));
    agent.publish(&some).await;
    until("the second has them", || second.received().len() == 15).await;
    until("nothing waits", || agent.status().waiting_records == Some(0)).await;
    assert_eq!(texts(&second.received()), messages(&some));
    let status = agent.status();
    assert_eq!(status.destinations[0].state, DestinationState::Failing);
    assert_eq!(status.destinations[0].error.as_deref(), Some("away"));
    assert_eq!((status.delivered, status.destinations[1].delivered), (15, 15));
    first.answers(|_| Answer::Stored);
    tokio::time::sleep(Duration::from_secs(5)).await;
    agent.publish(&more).await;
    until("the first has the others", || first.received().len() == 15).await;
    assert_eq!(texts(&first.received()), messages(&more));
    until("nothing waits", || agent.status().waiting_records == Some(0)).await;
    agent.relay.close().await;
    assert_eq!(agent.queue.inner.depth(), 0);
}

#[tokio::test]
async fn what_may_have_been_sent_before_a_kill_is_sent_again_under_the_same_id() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let mut queue = MemoryQueue::new();
    let all = batches(0, 40);
    for (round, some) in all.chunks(10).enumerate() {
        // Stored, and the answer is lost with the process.
        receiver
            .answers(move |_| if round < 3 { Answer::Unanswered(Error::unavailable("lost")) } else { Answer::Stored });
        let agent = Agent::start(queue, folder.path(), WhenFull::Block, &[&receiver]).await;
        agent.publish(some).await;
        let sent = receiver.attempts().len();
        until("something was sent", || receiver.attempts().len() > sent).await;
        if round == 3 {
            until("nothing waits", || agent.status().waiting_records == Some(0)).await;
        }
        queue = agent.kill();
    }
    assert_eq!(texts(&receiver.received_once()), messages(&all));
}

#[tokio::test]
async fn an_id_that_a_client_chose_stays() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let agent = Agent::start(MemoryQueue::new(), folder.path(), WhenFull::Block, &[&receiver]).await;
    let mut some = batches(0, 4);
    some[2].client_id = true;
    agent.publish(&some).await;
    until("all are there", || receiver.received().len() == 12).await;
    let sent = receiver.batches();
    assert_eq!(
        sent.iter().filter(|batch| batch.id == some[2].id).map(|batch| batch.records.len()).collect::<Vec<_>>(),
        [3]
    );
    assert_eq!(texts(&receiver.received()), messages(&some));
}

#[tokio::test]
async fn refused_records_are_counted_and_kept_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    receiver.answers(|batch| match batch.records.len() {
        // The batch as a whole, until it is small.
        3.. => Answer::Fails(Error::invalid("too many")),
        _ => Answer::StoredBut(|stored| stored.record.id.to_bytes()[15] % 3 == 0),
    });
    let agent = Agent::start(MemoryQueue::new(), folder.path(), WhenFull::Block, &[&receiver]).await;
    agent.queue.inner.push_undecodable(b"damage");
    agent.publish(&batches(0, 4)).await;
    until("nothing waits", || agent.status().waiting_records == Some(0)).await;
    let status = agent.status();
    let lines = std::fs::read_to_string(folder.path().join("refused.ndjson")).unwrap();
    assert_eq!(status.delivered, receiver.received().len() as u64);
    assert_eq!(status.delivered + status.refused, 12 + 1);
    assert!(status.refused > 1, "{status:?}");
    assert_eq!(lines.lines().count() as u64, status.refused);
    assert!(lines.contains("no such field") && lines.contains("\"hex\":\"64616d616765\""), "{lines}");
}

#[tokio::test]
async fn the_oldest_batches_are_dropped_and_counted_only_where_that_is_the_policy() {
    for (when_full, dropped) in [(WhenFull::Block, 0), (WhenFull::DropOldest, 15)] {
        let folder = tempfile::tempdir().unwrap();
        let receiver = Receiver::new();
        receiver.answers(|_| Answer::Fails(Error::unavailable("away")));
        let agent = Agent::start(MemoryQueue::new(), folder.path(), when_full, &[&receiver]).await;
        let mut all = batches(0, 8);
        // A group of its own each, so that five of them are dropped and not all.
        all.iter_mut().for_each(|batch| batch.client_id = true);
        agent.publish(&all).await;
        until("it is away", || agent.status().destinations[0].state == DestinationState::Failing).await;
        *agent.queue.upto.lock() = Some(Receipt(5));
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(agent.status().dropped, dropped);
        receiver.answers(|_| Answer::Stored);
        let kept = &all[dropped as usize / 3..];
        until("the others are there", || receiver.received().len() == kept.len() * 3).await;
        assert_eq!(texts(&receiver.received()), messages(kept));
        until("nothing waits", || agent.status().waiting_records == Some(0)).await;
        // The counts survive a restart.
        agent.relay.close().await;
        let again = Agent::start(agent.kill(), folder.path(), when_full, &[&receiver]).await;
        assert_eq!((again.status().dropped, again.status().delivered), (dropped, kept.len() as u64 * 3));
    }
}

#[tokio::test]
async fn a_destination_that_hangs_does_not_keep_the_oldest_when_they_are_to_be_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    receiver.answers(|_| Answer::Hangs);
    let agent = Agent::start(MemoryQueue::new(), folder.path(), WhenFull::DropOldest, &[&receiver]).await;
    agent.publish(&batches(0, 1)).await;
    until("it hangs", || !receiver.attempts().is_empty()).await;
    *agent.queue.upto.lock() = Some(Receipt(1));
    until("it is dropped", || agent.status().dropped == 3).await;
}

/// Batches that are a group of their own each, and do not wait for more.
fn large(first: u64, count: u64) -> Vec<Batch> {
    (first..first + count).map(|n| Batch { client_id: true, ..records::batch(n, 1_000) }).collect()
}

#[tokio::test]
async fn while_old_batches_wait_a_third_of_what_is_sent_is_fresh_and_each_goes_once() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    receiver.answers(|_| Answer::Fails(Error::unavailable("away")));
    let agent = Agent::with_fresh_share(MemoryQueue::new(), folder.path(), &receiver).await;
    let (old, fresh) = (large(0, 14), large(14, 5));
    agent.publish(&old).await;
    until("it is away", || agent.status().destinations[0].state == DestinationState::Failing).await;
    agent.publish(&fresh).await;
    receiver.answers(|_| Answer::Stored);
    until("nothing waits", || agent.status().waiting_records == Some(0)).await;
    let sent: Vec<_> = receiver.batches().iter().map(|batch| batch.id).collect();
    let place = |batch: &Batch| sent.iter().position(|id| *id == batch.id).unwrap();
    assert_eq!(sent.len(), 19, "each once");
    for lane in [&old, &fresh] {
        assert!(lane.iter().map(place).is_sorted(), "each lane keeps its order");
    }
    let places: Vec<usize> = fresh.iter().map(place).collect();
    assert!(places.windows(2).all(|pair| pair[1] - pair[0] == 3), "two old ones between two fresh ones: {places:?}");
    // There is one lane again.
    let next = large(19, 1);
    agent.publish(&next).await;
    until("it is there", || receiver.batches().last().is_some_and(|batch| batch.id == next[0].id)).await;
    until("nothing waits", || agent.status().waiting_records == Some(0)).await;
    assert_eq!(agent.status().delivered, 20_000);
    agent.relay.close().await;
    assert_eq!(agent.queue.inner.depth(), 0);
}

#[tokio::test]
async fn a_record_that_comes_while_the_destination_answers_again_is_fresh() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    receiver.answers(|_| Answer::Fails(Error::unavailable("away")));
    // The backlog is not old: that there was an outage is enough.
    let agent = Agent::start_with(MemoryQueue::new(), folder.path(), WhenFull::Block, &[&receiver], Some(0)).await;
    let (old, fresh) = (large(0, 14), large(14, 1));
    agent.publish(&old).await;
    let attempts = || receiver.calls().iter().filter(|call| matches!(call, Call::Send { .. })).count();
    until("it is away", || attempts() > 1).await;
    let (waiting, mut late) = (Arc::clone(&agent.waiting), Some(Arc::new(fresh[0].clone())));
    receiver.answers(move |_| {
        if let Some(late) = late.take() {
            waiting.publish(late).now_or_never().expect("a queue in memory takes it at once").unwrap();
        }
        Answer::Stored
    });
    until("nothing waits", || agent.status().waiting_records == Some(0)).await;
    let place = receiver.batches().iter().position(|batch| batch.id == fresh[0].id);
    assert_eq!(place, Some(1), "after the batch that was tried");
    agent.relay.close().await;
}

#[tokio::test]
async fn kills_between_the_lanes_lose_and_double_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = Receiver::new();
    let mut queue = MemoryQueue::new();
    let all = [batches(0, 40), large(40, 6), batches(46, 10)].concat();
    let mut rest = all.chunks(7);
    for round in 0..20 {
        // Some are stored, and the answer is lost with the process.
        receiver.answers(move |batch| match batch.id.0[15] as usize % 4 {
            lost if lost == round % 4 && round < 19 => Answer::Unanswered(Error::unavailable("lost")),
            _ => Answer::Stored,
        });
        let agent = Agent::with_fresh_share(queue, folder.path(), &receiver).await;
        agent.publish(rest.next().unwrap_or_default()).await;
        if round == 19 {
            until("nothing waits", || agent.status().waiting_records == Some(0)).await;
            agent.relay.close().await;
        } else {
            tokio::time::sleep(Duration::from_millis(5 * (round as u64 % 4))).await;
        }
        queue = agent.kill();
        // A killed process writes no more, but a thread of this one may still be writing the progress.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut received = texts(&receiver.received_once());
    let mut expected = messages(&all);
    received.sort_unstable();
    expected.sort_unstable();
    assert_eq!(received.len(), expected.len());
    assert!(received == expected);
}
