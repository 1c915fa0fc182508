//! Deletions: what was confirmed goes, and nothing else; each end is known to the loss ledger.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use model::{Nanos, Position, Query, StoredRecord, TimeRange};
use parking_lot::Mutex;
use pipeline::{
    Content, Delivery, Error, ErrorClass, Log as _, LogStore as _, PartAside, Receipt, Removal, Result, Supervisor,
    clock::Clock,
    deletion::{ArchiveRemoval, Deletion, DeletionState, Deletions, Needs, Request, without_audit},
    live::{LiveEvent, LiveHub},
};
use testkit::{
    faulty::{FaultyStore, Mode},
    memory::MemoryStore,
    records,
};
use tokio_util::sync::CancellationToken;

use super::{soon, supervision::panicked_alone, until};

/// A process that runs deletions over a store that several of them share.
pub(super) struct DeletionNode {
    pub(super) store: Arc<FaultyStore>,
    pub(super) deletions: Arc<Deletions>,
    live: Arc<LiveHub>,
    supervisor: Supervisor,
    ended: Arc<Mutex<Vec<DeletionState>>>,
}

impl DeletionNode {
    pub(super) fn start(store: &Arc<MemoryStore>) -> Self {
        Self::with_archive(store, None)
    }

    fn with_archive(store: &Arc<MemoryStore>, archive: Option<Arc<dyn ArchiveRemoval>>) -> Self {
        let (store, supervisor) = (FaultyStore::new(store.clone()), Supervisor::default());
        let live = LiveHub::start(store.clone(), CancellationToken::new());
        let ended = Arc::<Mutex<Vec<DeletionState>>>::default();
        let notes = Arc::clone(&ended);
        let deletions = Deletions::start(Needs {
            store: store.clone(),
            documents: store.documents(),
            live: Arc::clone(&live),
            archive,
            supervisor: supervisor.clone(),
            clock: Clock::system(),
            holder: "test".to_owned(),
            ended: Arc::new(move |deletion: &Deletion| notes.lock().push(deletion.state)),
        });
        Self { store, deletions, live, supervisor, ended }
    }

    /// What a preview of now confirms.
    pub(super) async fn request(&self, query: &str) -> Request {
        let upto = self.store.newest().await.unwrap();
        let parsed = without_audit(Query::parse(query).unwrap());
        let removal = Removal { query: parsed, range: TimeRange::ALL, upto };
        Request {
            query: query.to_owned(),
            all: false,
            range: TimeRange::ALL,
            upto,
            confirmed: self.store.count_removal(&removal).await.unwrap().records(),
            archives: false,
            reason: "asked for".to_owned(),
            by: "user kim".to_owned(),
        }
    }

    pub(super) async fn ends(&self, id: &str) -> Deletion {
        let ends = async {
            loop {
                let deletion = self.deletions.get(id).await.unwrap();
                if deletion.is_finished() {
                    return deletion;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        soon("the end of the deletion", ends).await
    }

    /// Waits until the deletion passes.
    pub(super) async fn is(&self, id: &str, passes: impl Fn(&Deletion) -> bool) {
        let waits = async {
            while !passes(&self.deletions.get(id).await.unwrap()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        soon("the state of the deletion", waits).await;
    }
}

/// 20 batches of 10 records: `record 3 of batch 7`.
async fn filled() -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    for number in 0..20 {
        append(&store, number).await;
    }
    store
}

async fn append(store: &MemoryStore, number: u64) {
    let content = Content::Batch(Arc::new(records::batch(number, 10)));
    store.append(&[Delivery { receipt: Receipt(number), content }]).await.unwrap();
}

fn left(all: &[StoredRecord], word: &str) -> Vec<StoredRecord> {
    all.iter().filter(|stored| !stored.record.message.contains(word)).cloned().collect()
}

#[tokio::test]
async fn what_was_confirmed_goes_and_nothing_else() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    let request = node.request("\"record 3\"").await;
    assert_eq!(request.confirmed, 20);
    // What arrives after the preview stays.
    append(&store, 20).await;
    let before = store.all();
    let id = node.deletions.add(request).await.unwrap().id;
    let deletion = node.ends(&id).await;
    assert_eq!((deletion.state, deletion.total, deletion.removed), (DeletionState::Done, Some(20), 20));
    assert_eq!((deletion.fraction(), deletion.error.as_deref()), (Some(1.0), None));
    let (old, new) = before.split_at(200);
    assert_eq!(store.all(), [left(old, "record 3"), new.to_vec()].concat());
    assert_eq!(*node.ended.lock(), [DeletionState::Done]);
    assert_eq!(node.deletions.cancel(&id).await.unwrap_err().class, ErrorClass::Conflict);
    node.deletions.close().await;
}

#[tokio::test]
async fn audit_records_are_not_removed() {
    let store = Arc::new(MemoryStore::new());
    let mut batch = records::batch(0, 10);
    for record in &mut batch.records[..4] {
        record.service = model::audit::SERVICE.into();
        record.attributes = vec![(model::audit::ATTRIBUTE.into(), model::Value::Bool(true))];
    }
    let content = Content::Batch(Arc::new(batch));
    store.append(&[Delivery { receipt: Receipt(1), content }]).await.unwrap();
    let node = DeletionNode::start(&store);
    let everything = Request { all: true, ..node.request("").await };
    assert_eq!(everything.confirmed, 6);
    let deletion = node.deletions.add(everything).await.unwrap();
    assert_eq!(node.ends(&deletion.id).await.removed, 6);
    assert!(store.all().iter().all(|stored| model::audit::is_audit(&stored.record)) && store.all().len() == 4);
    node.deletions.close().await;
}

#[tokio::test]
async fn more_records_than_were_confirmed_are_not_removed() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    let request = Request { confirmed: 19, ..node.request("\"record 3\"").await };
    let id = node.deletions.add(request).await.unwrap().id;
    let deletion = node.ends(&id).await;
    assert_eq!((deletion.state, deletion.removed), (DeletionState::Failed, 0));
    assert!(deletion.error.unwrap().contains("20 records match now, and 19 were confirmed"));
    assert_eq!((store.all().len(), node.store.remove.calls()), (200, 0));
    node.deletions.close().await;
}

#[tokio::test]
async fn a_deletion_that_cannot_be_started_is_refused_with_the_way_out() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    let request = node.request("\"record 3\"").await;
    let base = || request.clone();
    for (request, part) in [
        (Request { query: String::new(), ..base() }, "set all to true"),
        (Request { query: "(a".to_owned(), ..base() }, "an example is"),
        (Request { range: TimeRange { from: 5, to: 5 }, ..base() }, "the range of times is empty"),
        (Request { upto: Position(i64::MAX), ..base() }, "use the position of the preview"),
        (Request { reason: "x".repeat(501), ..base() }, "reason has more than 500"),
        (Request { archives: true, ..base() }, "this server has no archive"),
    ] {
        let error = node.deletions.add(request).await.unwrap_err();
        assert!(error.class == ErrorClass::Invalid && error.message.contains(part), "{error}");
    }
    node.store.count_removal.set(Mode::Hang);
    for _ in 0..4 {
        node.deletions.add(base()).await.unwrap();
    }
    assert_eq!(node.deletions.add(base()).await.unwrap_err().class, ErrorClass::Overloaded);
    assert_eq!(node.deletions.get("nothing").await.unwrap_err().class, ErrorClass::NotFound);
    node.store.count_removal.set(Mode::Healthy);
    for deletion in node.deletions.list().await.unwrap() {
        assert_eq!(node.ends(&deletion.id).await.state, DeletionState::Done);
    }
    assert_eq!(store.all().len(), 180);
    node.deletions.close().await;
}

#[tokio::test]
async fn a_cancelled_deletion_stops_after_its_step_and_knows_what_it_has_removed() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    // The first step has its effect, and its answer is lost.
    node.store.remove.set(Mode::LoseAnswer(Error::unavailable("the answer is lost")));
    let id = node.deletions.add(node.request("\"record 3\"").await).await.unwrap().id;
    node.is(&id, |deletion| deletion.error.is_some()).await;
    node.store.remove.set(Mode::Hang);
    let deletion = node.deletions.cancel(&id).await.unwrap();
    assert_eq!(deletion.state, DeletionState::Cancelling);
    node.store.remove.set(Mode::Fail(Error::unavailable("away")));
    let deletion = node.ends(&id).await;
    assert_eq!(deletion.state, DeletionState::Cancelled);
    let gone = 200 - store.all().len() as u64;
    assert!(gone > 0 && gone < 20, "{gone}");
    assert_eq!((deletion.total, deletion.removed), (Some(20), gone));
    node.deletions.close().await;
}

#[tokio::test]
async fn another_node_goes_on_where_one_was_stopped() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    node.store.remove.set(Mode::LoseAnswer(Error::unavailable("the answer is lost")));
    let id = node.deletions.add(node.request("\"record 3\"").await).await.unwrap().id;
    node.is(&id, |deletion| deletion.total.is_some()).await;
    until("something is removed", || store.all().len() < 200).await;
    node.deletions.close().await;
    assert_eq!(node.deletions.get(&id).await.unwrap().state, DeletionState::Running);

    let other = DeletionNode::start(&store);
    let deletion = other.ends(&id).await;
    assert_eq!((deletion.state, deletion.removed), (DeletionState::Done, 20));
    assert_eq!(store.all().len(), 180);
    assert!(node.ended.lock().is_empty() && other.ended.lock().len() == 1);
    other.deletions.close().await;
}

#[tokio::test]
async fn what_cannot_be_removed_is_told_and_the_rest_is_gone() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    node.store.remove.set(Mode::LoseAnswer(Error::corrupt("the part p1 is set aside")));
    let id = node.deletions.add(node.request("\"record 3\"").await).await.unwrap().id;
    let deletion = node.ends(&id).await;
    assert_eq!(deletion.state, DeletionState::Failed);
    assert_eq!(deletion.error.as_deref(), Some("the part p1 is set aside"));
    assert_eq!(deletion.removed, 200 - store.all().len() as u64);
    node.deletions.close().await;
}

fn part_aside() -> PartAside {
    let (name, path, reason) = ("p1".to_owned(), "parts/p1".to_owned(), "its file is missing".to_owned());
    PartAside { name, path, reason, records: 7, bytes: 70, oldest: 0, newest: i64::MAX - 1 }
}

#[tokio::test]
async fn records_of_a_part_that_is_set_aside_meanwhile_do_not_count_as_removed() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    node.store.remove.set(Mode::Hang);
    let id = node.deletions.add(node.request("\"record 3\"").await).await.unwrap().id;
    node.store.remove.called(1).await;
    // What the store has no longer may be removed, or be in the part.
    node.store.set_aside(vec![part_aside()]);
    node.store.remove.set(Mode::LoseAnswer(Error::corrupt("the part p1 is set aside")));
    let deletion = node.ends(&id).await;
    assert_eq!((deletion.state, deletion.total, deletion.removed), (DeletionState::Failed, Some(20), 0));
    assert_eq!(deletion.error.as_deref(), Some("the part p1 is set aside"));

    // One that was set aside before it counted is not in the count, so the rest is exact.
    let before = store.all().len() as u64;
    let id = node.deletions.add(node.request("\"record 4\"").await).await.unwrap().id;
    let deletion = node.ends(&id).await;
    assert_eq!((deletion.state, deletion.total), (DeletionState::Failed, Some(20)));
    assert!(deletion.removed > 0 && deletion.removed == before - store.all().len() as u64, "{deletion:?}");
    node.deletions.close().await;
}

#[tokio::test]
async fn a_part_that_is_back_ends_a_deletion_that_has_not_counted_it() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    node.store.set_aside(vec![part_aside()]);
    node.store.remove.set(Mode::Fail(Error::unavailable("away")));
    let id = node.deletions.add(node.request("\"record 3\"").await).await.unwrap().id;
    node.is(&id, |deletion| deletion.error.is_some()).await;
    node.store.set_aside(Vec::new());
    let deletion = node.ends(&id).await;
    assert_eq!((deletion.state, deletion.removed, store.all().len()), (DeletionState::Failed, 0, 200));
    let error = deletion.error.unwrap();
    assert!(error.contains("p1; preview the deletion again"), "{error}");
    node.deletions.close().await;
}

#[tokio::test]
async fn another_error_than_that_of_the_end_does_not_claim_that_the_rest_is_removed() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    node.store.remove.set(Mode::Fail(Error::internal("the step is broken")));
    let id = node.deletions.add(node.request("\"record 3\"").await).await.unwrap().id;
    let deletion = node.ends(&id).await;
    assert_eq!((deletion.state, deletion.removed, store.all().len()), (DeletionState::Failed, 0, 200));
    assert_eq!(deletion.error.as_deref(), Some("the step is broken"));
    node.deletions.close().await;
}

#[tokio::test]
async fn a_step_that_waits_does_not_hold_up_the_end_of_the_process() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    node.store.remove.set(Mode::Hang);
    let id = node.deletions.add(node.request("\"record 3\"").await).await.unwrap().id;
    node.store.remove.called(1).await;
    soon("the end of the task", node.deletions.close()).await;
    assert_eq!(node.deletions.get(&id).await.unwrap().state, DeletionState::Running);
    // The lease was given back.
    let other = DeletionNode::start(&store);
    assert_eq!(other.ends(&id).await.removed, 20);
    other.deletions.close().await;
}

#[tokio::test]
async fn a_tail_that_goes_on_from_before_does_not_show_what_was_removed() {
    let store = filled().await;
    let (node, other) = (DeletionNode::start(&store), DeletionNode::start(&store));
    let hubs = [Arc::clone(&node.live), Arc::clone(&other.live)];
    let start = store.newest().await.unwrap();
    until("the hubs have begun", || hubs.iter().all(|hub| hub.newest() == Some(start))).await;
    for number in 20..24 {
        append(&store, number).await;
    }
    let newest = store.newest().await.unwrap();
    until("the hubs have the blocks", || hubs.iter().all(|hub| hub.newest() == Some(newest))).await;
    let id = node.deletions.add(node.request("\"record 3\"").await).await.unwrap().id;
    node.ends(&id).await;
    other.ends(&id).await;
    let expected: Vec<String> = left(&store.all(), "record 3")
        .iter()
        .filter(|stored| stored.position > start)
        .map(|stored| stored.record.message.clone())
        .collect();
    assert_eq!(expected.len(), 36);
    // One of the nodes has removed them, and both have told the end of it.
    for hub in &hubs {
        let mut tail = hub.subscribe(Query::default(), Some(start)).unwrap();
        let mut seen = Vec::new();
        while seen.len() < expected.len() {
            match soon("the next record", tail.next()).await {
                Some(LiveEvent::Record(stored)) => seen.push(stored.record.message),
                event => panic!("{event:?}"),
            }
        }
        assert_eq!(seen, expected);
    }
    node.deletions.close().await;
    other.deletions.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_task_of_the_deletions_restarts_it_alone_and_its_deletion_goes_on() {
    let store = filled().await;
    let node = DeletionNode::start(&store);
    node.store.remove.set(Mode::Hang);
    let id = node.deletions.add(node.request("\"record 3\"").await).await.unwrap().id;
    node.store.remove.called(1).await;
    panicked_alone(&node.supervisor, "deletions").await;
    node.store.remove.set(Mode::Healthy);
    assert_eq!(node.ends(&id).await.state, DeletionState::Done);
    assert_eq!(store.all().len(), 180);
    node.deletions.close().await;
}

/// An archive of three days, with a number of matching records each.
#[derive(Default)]
struct Archive {
    days: Mutex<Vec<(Nanos, u64)>>,
    /// The error of the next call for this day.
    fails: Mutex<Option<(Nanos, Error)>>,
}

#[async_trait]
impl ArchiveRemoval for Archive {
    async fn days(&self, _range: TimeRange) -> Result<Vec<Nanos>> {
        Ok(self.days.lock().iter().map(|(day, _)| *day).collect())
    }

    async fn remove(&self, day: Nanos, query: &Query, _range: TimeRange) -> Result<u64> {
        assert_ne!(*query, Query::default());
        let mut fails = self.fails.lock();
        if fails.as_ref().is_some_and(|(of, _)| *of == day)
            && let Some((_, error)) = fails.take()
        {
            return Err(error);
        }
        let mut days = self.days.lock();
        let matching = days.iter_mut().find(|(of, _)| *of == day).map(|(_, matching)| std::mem::take(matching));
        Ok(matching.unwrap_or(0))
    }
}

#[tokio::test]
async fn archived_days_are_written_again_only_if_it_was_asked_for() {
    let store = filled().await;
    let archive = Arc::new(Archive { days: Mutex::new(vec![(1, 5), (2, 6), (3, 7)]), ..Archive::default() });
    let node = DeletionNode::with_archive(&store, Some(archive.clone()));
    let request = node.request("\"record 3\"").await;
    let id = node.deletions.add(request.clone()).await.unwrap().id;
    assert_eq!(node.ends(&id).await.archived, 0);

    *archive.fails.lock() = Some((2, Error::unavailable("the bucket is away")));
    let with_archive = Request { archives: true, ..request };
    let id = node.deletions.add(with_archive.clone()).await.unwrap().id;
    let deletion = node.ends(&id).await;
    assert_eq!((deletion.state, deletion.archived), (DeletionState::Done, 18));

    *archive.days.lock() = vec![(1, 5), (2, 6), (3, 7)];
    *archive.fails.lock() = Some((2, Error::corrupt("the day 2 cannot be read")));
    let id = node.deletions.add(with_archive).await.unwrap().id;
    let deletion = node.ends(&id).await;
    assert_eq!((deletion.state, deletion.archived), (DeletionState::Failed, 12));
    assert_eq!(deletion.error.as_deref(), Some("the day 2 cannot be read"));
    node.deletions.close().await;
}
