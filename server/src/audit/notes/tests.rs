//! Tests of the notes over documents and a queue in memory. `commands/offline_tests.rs` has those over a data folder.

use std::collections::BTreeSet;

use model::Nanos;
use pipeline::{BatchId, Content, LogStore as _, Receipt, admit::IngestOptions};
use testkit::{
    faulty::{FaultyQueue, FaultyStore, Mode},
    memory::{MemoryQueue, MemoryStore},
};

use super::*;
use crate::{
    audit::{
        action::Action,
        event::{Actor, Event},
        source::Source,
        tests::{records, text},
    },
    testing::until,
};

/// In November 2023.
const TIME: Nanos = 1_700_000_000_000_000_000;

fn note(target: &str) -> Note {
    let actor = Actor::operator("data folder");
    let event = Event::done(TIME, actor, Source::default(), Action::UserAdded, target.to_owned());
    Note::of(&event, "kim", "elsewhere")
}

fn notes(documents: &Arc<dyn Documents>) -> Notes {
    Notes::new(Arc::clone(documents))
}

fn batches(queue: &MemoryQueue) -> Vec<BatchId> {
    let batches = queue.peek(Receipt(0)).into_iter().filter_map(|delivery| match delivery.content {
        Content::Batch(batch) => Some(batch.id),
        _ => None,
    });
    batches.collect()
}

#[tokio::test]
async fn a_note_becomes_a_record_of_its_own_time_user_and_host_and_is_gone() {
    let (store, queue) = (MemoryStore::new(), Arc::new(MemoryQueue::new()));
    let (documents, ingest) = (store.documents(), Ingest::start(queue.clone(), IngestOptions::default()));
    notes(&documents).leave(note("lee (viewer)")).await.unwrap();
    notes(&documents).leave(note("ann (admin)")).await.unwrap();
    assert_eq!(notes(&documents).take(&ingest).await.unwrap(), 2);
    assert!(documents.list(&NOTE).await.unwrap().documents.is_empty());
    assert_eq!(notes(&documents).take(&ingest).await.unwrap(), 0);
    let records = records(&queue);
    assert_eq!(records.len(), 2);
    let lee = records.iter().find(|record| text(record, "audit.target") == "lee (viewer)").unwrap();
    assert!(model::audit::is_audit(lee));
    assert_eq!((lee.time, lee.node.as_str(), lee.level.as_str()), (TIME, "elsewhere", "info"));
    assert_eq!(lee.message, "data folder (kim) added the user lee (viewer)");
    for (key, value) in [
        ("audit.action", "user.added"),
        ("audit.actor", "data folder (kim)"),
        ("audit.kind", "command line"),
        ("audit.source", ""),
        ("audit.outcome", "done"),
        ("audit.count", "1"),
    ] {
        assert_eq!(text(lee, key), value, "{key}");
    }
}

#[tokio::test]
async fn a_note_that_is_taken_twice_is_one_batch() {
    let (store, queue) = (FaultyStore::new(Arc::new(MemoryStore::new())), Arc::new(MemoryQueue::new()));
    let (documents, ingest) = (store.documents(), Ingest::start(queue.clone(), IngestOptions::default()));
    notes(&documents).leave(note("lee")).await.unwrap();
    store.write_documents.set(Mode::Fail(Error::unavailable("away")));
    // The record is written, and the note stays.
    notes(&documents).take(&ingest).await.unwrap_err();
    store.write_documents.set(Mode::Healthy);
    assert_eq!(notes(&documents).take(&ingest).await.unwrap(), 1);
    let batches = batches(&queue);
    assert_eq!((batches.len(), batches[0]), (2, batches[1]));
    // The same change once more is another one.
    notes(&documents).leave(note("lee")).await.unwrap();
    assert_eq!(notes(&documents).take(&ingest).await.unwrap(), 1);
    assert_ne!(self::batches(&queue)[2], batches[0]);
}

#[tokio::test]
async fn what_finds_no_room_is_counted_until_it_is_taken() {
    let (store, queue) = (MemoryStore::new(), Arc::new(MemoryQueue::new()));
    let (documents, ingest) = (store.documents(), Ingest::start(queue.clone(), IngestOptions::default()));
    for round in 1..=2 {
        for target in ["ann", "bob", "cho"] {
            Notes::with_room(1, Arc::clone(&documents)).leave(note(target)).await.unwrap();
        }
        assert_eq!(notes(&documents).take(&ingest).await.unwrap(), 2, "round {round}");
    }
    let counted = |record: &model::Record| (text(record, "audit.target"), text(record, "audit.count"));
    let counted: Vec<_> = records(&queue).iter().map(counted).collect();
    let pair = |target: &str, count: &str| (target.to_owned(), count.to_owned());
    assert_eq!(counted, [pair("ann", "1"), pair("", "2"), pair("ann", "1"), pair("", "2")]);
    let ids: BTreeSet<_> = batches(&queue).into_iter().collect();
    assert_eq!(ids.len(), 4, "{ids:?}");
    let record = records(&queue).remove(1);
    assert_eq!(record.message, "others changed access while there was no room for a note of each change (2 times)");
}

#[tokio::test]
async fn a_note_that_only_a_newer_version_reads_stays() {
    let (store, queue) = (MemoryStore::new(), Arc::new(MemoryQueue::new()));
    let (documents, ingest) = (store.documents(), Ingest::start(queue.clone(), IngestOptions::default()));
    notes(&documents).leave(note("lee")).await.unwrap();
    let newer = serde_json::to_string(&note("kim")).unwrap().replace("user.added", "user.cloned");
    for (name, body) in [("1", newer.as_str()), ("2", "[]")] {
        documents.put(&NOTE, name, &Json::parse(body).unwrap(), Expected::Absent, None).await.unwrap();
    }
    assert_eq!(notes(&documents).take(&ingest).await.unwrap(), 1);
    let left: Vec<_> = documents.list(&NOTE).await.unwrap().documents.into_iter().map(|left| left.name).collect();
    assert_eq!(left, ["1", "2"]);
    assert_eq!(records(&queue).len(), 1);
}

#[tokio::test]
async fn a_panic_in_the_task_of_the_notes_restarts_it_and_each_note_becomes_one_record() {
    let memory = Arc::new(MemoryQueue::new());
    let faulty = FaultyQueue::new(memory.clone());
    let (store, supervisor, stop) = (MemoryStore::new(), Supervisor::default(), CancellationToken::new());
    let (documents, ingest) = (store.documents(), Ingest::start(faulty.clone(), IngestOptions::default()));
    faulty.publish.set(Mode::Hang);
    notes(&documents).leave(note("one")).await.unwrap();
    let task = notes(&documents).start(ingest, &supervisor, stop.clone());
    faulty.publish.called(1).await;
    assert!(supervisor.panic_in(TASK));
    until("the restart", || supervisor.tasks().iter().any(|task| task.name == TASK && task.restarts == 1)).await;
    faulty.publish.set(Mode::Healthy);
    // It comes while the task runs.
    notes(&documents).leave(note("two")).await.unwrap();
    loop {
        let listing = documents.list(&NOTE).await.unwrap();
        if listing.documents.is_empty() {
            break;
        }
        documents.watch(&NOTE, listing.version).await.unwrap();
    }
    stop.cancel();
    task.await.unwrap();
    let targets: BTreeSet<_> = records(&memory).iter().map(|record| text(record, "audit.target")).collect();
    assert_eq!(targets, BTreeSet::from(["one", "two"].map(str::to_owned)));
    // A batch that was published twice has the same id both times, so the store keeps it once.
    let batches: BTreeSet<_> = batches(&memory).into_iter().collect();
    assert_eq!(batches.len(), 2, "{batches:?}");
}
