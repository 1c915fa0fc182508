//! Replays of a day in the archive to a sink.

use futures::{StreamExt as _, stream, stream::BoxStream};
use model::{Nanos, RecordId, TimeRange};
use pipeline::{
    Queue,
    replay::{ArchivedDay, ArchivedDays, Origin, ReplayState, Request, Target, store_target},
};
use testkit::memory::MemoryQueue;

use super::{
    replay::{ReplayNode, target},
    *,
};

pub(super) const DAY: Nanos = 86_400_000_000_000;

/// An archive of one day.
#[derive(Clone)]
pub(super) struct Archive(pub(super) Arc<Mutex<Content>>);

pub(super) struct Content {
    start: Nanos,
    records: Vec<StoredRecord>,
    error: Option<Error>,
}

impl Archive {
    /// Has the records of the store as they are now.
    pub(super) async fn of(store: &MemoryStore) -> Self {
        let mut records = store.all();
        records.sort_by_key(|stored| (stored.record.time, stored.position));
        let start = records::OBSERVED.div_euclid(DAY) * DAY;
        Self(Arc::new(Mutex::new(Content { start, records, error: None })))
    }

    pub(super) fn day(&self) -> TimeRange {
        let start = self.0.lock().start;
        TimeRange { from: start, to: start + DAY }
    }

    pub(super) fn records(&self) -> Vec<StoredRecord> {
        self.0.lock().records.clone()
    }

    pub(super) fn fails(&self, error: Option<Error>) {
        self.0.lock().error = error;
    }
}

#[async_trait]
impl ArchivedDays for Archive {
    async fn find(&self, start: Nanos) -> Result<Option<ArchivedDay>> {
        let content = self.0.lock();
        if let Some(error) = &content.error {
            return Err(error.clone());
        }
        let upto = content.records.iter().map(|stored| stored.position.0).max().unwrap_or(0);
        let day = ArchivedDay { start, upto, records: content.records.len() as u64 };
        Ok((start == content.start).then_some(day))
    }

    fn read(&self, _: ArchivedDay) -> BoxStream<'static, Result<Vec<StoredRecord>>> {
        let content = self.0.lock();
        let error = content.error.clone().map(Err);
        let pages = content.records.chunks(100).map(|page| Ok(page.to_vec()));
        stream::iter(error.into_iter().chain(pages).collect::<Vec<_>>()).boxed()
    }
}

/// Batches with times across the day, not in the order of the batches.
pub(super) fn day_of_batches(count: u64, size: usize, bytes: usize) -> Vec<Batch> {
    let mut batches: Vec<Batch> = (1..=count).map(|number| records::long_messages(number, size, bytes)).collect();
    for (number, batch) in batches.iter_mut().enumerate() {
        for (place, record) in batch.records.iter_mut().enumerate() {
            record.time += ((place * 7 + number * 3) % 50) as i64 * 1_000_000_000;
        }
    }
    batches
}

/// A node that runs replays from the archive to the sink `a` and to the store.
pub(super) fn start(
    shared: &Arc<MemoryStore>,
    archive: &Archive,
    receiver: &Receiver,
    queue: &Arc<dyn Queue>,
) -> ReplayNode {
    start_with(shared, archive, receiver, queue, None)
}

pub(super) fn start_with(
    shared: &Arc<MemoryStore>,
    archive: &Archive,
    receiver: &Receiver,
    queue: &Arc<dyn Queue>,
    retention: Option<Duration>,
) -> ReplayNode {
    let archive: Arc<dyn ArchivedDays> = Arc::new(archive.clone());
    ReplayNode::start_with(shared, Vec::new(), |options| {
        let to_store: Target = store_target(Arc::clone(&options.store), Arc::clone(queue), "test".into());
        (vec![target("a", receiver), to_store], Some(archive), Options { retention, ..options })
    })
}

pub(super) fn request(sink: &str, archive: &Archive) -> Request {
    Request { sink: sink.into(), source: None, range: archive.day(), query: String::new(), without_audit: false }
}

pub(super) fn memory_queue() -> Arc<dyn Queue> {
    Arc::new(MemoryQueue::new())
}

pub(super) fn record_ids(records: &[StoredRecord]) -> Vec<RecordId> {
    records.iter().map(|stored| stored.record.id).collect()
}

#[tokio::test(start_paused = true)]
async fn the_archive_is_read_in_the_order_of_times_if_the_store_has_lost_records() {
    let batches = day_of_batches(30, 40, 20);
    let archive = Archive::of(&*store_of(&batches).await).await;
    for (kept, source) in [(30, Origin::Store), (29, Origin::Archive), (0, Origin::Archive)] {
        let store = store_of(&batches[..kept]).await;
        let (receiver, queue) = (Receiver::new(), memory_queue());
        let node = start(&store, &archive, &receiver, &queue);
        let replay = node.sends(request("a", &archive)).await;
        assert_eq!((replay.state, replay.source(), replay.sent), (ReplayState::Done, source, 1200));
        assert_eq!((replay.total, replay.fraction()), (Some(1200), Some(1.0)));
        let received = record_ids(&receiver.received());
        match source {
            Origin::Store => assert_eq!(received, record_ids(&store.all())),
            Origin::Archive => assert_eq!(received, record_ids(&archive.records())),
        }
        node.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_named_source_a_part_of_the_day_and_a_filter_are_heeded() {
    let batches = day_of_batches(10, 40, 20);
    let store = store_of(&batches).await;
    let archive = Archive::of(&store).await;
    let (receiver, queue) = (Receiver::new(), memory_queue());
    let node = start(&store, &archive, &receiver, &queue);
    let range = TimeRange { from: records::OBSERVED, to: records::OBSERVED + 20_000_000_000 };
    let query = "message:\"7\"";
    let part = Request { source: Some(Origin::Archive), range, query: query.into(), ..request("a", &archive) };
    let replay = node.sends(part).await;
    let matching = Query::parse(query).unwrap();
    let matches = |stored: &&StoredRecord| range.contains(stored.record.time) && matching.matches(&stored.record);
    let expected: Vec<StoredRecord> = archive.records().iter().filter(matches).cloned().collect();
    assert!(!expected.is_empty() && expected.len() < 400);
    assert_eq!(record_ids(&receiver.received()), record_ids(&expected));
    assert_eq!((replay.source(), replay.sent, replay.total), (Origin::Archive, expected.len() as u64, None));
}

#[tokio::test(start_paused = true)]
async fn after_a_kill_the_same_batches_of_the_archive_follow_also_if_late_records_came() {
    for lost in [true, false] {
        let archive = Archive::of(&*store_of(&day_of_batches(12, 3, 1 << 20)).await).await;
        let expected = archive.records();
        let store = store_of(&[]).await;
        let (receiver, queue) = (Receiver::new(), memory_queue());
        let node = start(&store, &archive, &receiver, &queue);
        let mut number = 0;
        receiver.answers(move |_| {
            number += 1;
            match number {
                2 if lost => Answer::Hangs,
                2 => Answer::Unanswered(away()),
                _ => Answer::Stored,
            }
        });
        let id = node.replays.add(request("a", &archive)).await.unwrap().id;
        until("the second batch is on its way", || receiver.attempts().len() >= 2).await;
        node.node.cut();
        receiver.answers(|_| Answer::Stored);
        let before = receiver.attempts();
        let late = StoredRecord { position: Position(1 << 40), ..expected[0].clone() };
        archive.0.lock().records.insert(0, late);
        let other = start(&store, &archive, &receiver, &queue);
        assert_eq!(other.ends(&id).await.state, ReplayState::Done);
        assert_eq!(
            receiver.attempts()[before.len()].1,
            before[1].1,
            "the batch without an acknowledgement is sent again"
        );
        assert_eq!(record_ids(&receiver.received_once()), record_ids(&expected));
        other.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_archive_that_is_away_is_waited_for_and_a_damaged_one_ends_the_replay() {
    let store = store_of(&[]).await;
    let archive = Archive::of(&*store_of(&day_of_batches(12, 3, 1 << 20)).await).await;
    let (receiver, queue) = (Receiver::new(), memory_queue());
    let node = start(&store, &archive, &receiver, &queue);
    receiver.answers(|_| Answer::Fails(away()));
    let id = node.replays.add(request("a", &archive)).await.unwrap().id;
    until("it sends", || !receiver.attempts().is_empty()).await;
    node.stop().await;
    archive.fails(Some(Error::unavailable("the bucket is away")));
    receiver.answers(|_| Answer::Stored);
    let node = start(&store, &archive, &receiver, &queue);
    loop {
        let replay = node.replays.get(&id).await.unwrap();
        if replay.error.is_some_and(|error| error.contains("the bucket is away")) {
            break;
        }
        pass(Duration::from_millis(20)).await;
    }
    archive.fails(None);
    assert_eq!(node.ends(&id).await.state, ReplayState::Done);
    assert_eq!(record_ids(&receiver.received()), record_ids(&archive.records()));

    receiver.answers(|_| Answer::Fails(away()));
    let id = node.replays.add(request("a", &archive)).await.unwrap().id;
    let sent = receiver.attempts().len();
    until("it sends", || receiver.attempts().len() > sent).await;
    node.stop().await;
    archive.0.lock().records.truncate(5);
    let node = start(&store, &archive, &receiver, &queue);
    receiver.answers(|_| Answer::Stored);
    let replay = node.ends(&id).await;
    assert_eq!(replay.state, ReplayState::Failed);
    assert!(replay.error.unwrap().contains("logboom archive check"));
}
