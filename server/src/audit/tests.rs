//! Tests of the audit over the stages and a queue in memory.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
};

use model::{Record, Value, audit::is_audit};
use pipeline::{Content, Receipt, admit::IngestOptions};
use testkit::{
    faulty::{FaultyQueue, Mode},
    memory::MemoryQueue,
};

use super::*;
use crate::testing::until;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));

/// The records in the queue, oldest first.
pub(super) fn records(queue: &MemoryQueue) -> Vec<Record> {
    let batches = queue.peek(Receipt(0)).into_iter().filter_map(|delivery| match delivery.content {
        Content::Batch(batch) => Some(batch.records.clone()),
        _ => None,
    });
    batches.flatten().collect()
}

pub(super) fn text(record: &Record, key: &str) -> String {
    record.attribute(key).map(ToString::to_string).unwrap_or_default()
}

fn refusal(message: &str) -> Refusal {
    Refusal { class: RefusalClass::Forbidden, message: message.to_owned(), retry_after: None }
}

#[tokio::test]
async fn an_event_becomes_a_record_that_no_sender_could_write() {
    let queue = Arc::new(MemoryQueue::new());
    let ingest = Ingest::start(queue.clone(), IngestOptions::default());
    let clock = Clock::from_fn(|| 1_800_000_000_000_000_000);
    let (audit, writing) = Audit::start(ingest, clock, &Supervisor::default());
    note(&audit, &Principal::everybody(), PEER, Action::KeyCreated, "lb_ab12cd34 (shop)");
    note_user(&audit, "kim", Source::default(), Action::LogIn, "");
    writing.close().await;
    let [created, logged_in] = <[Record; 2]>::try_from(records(&queue)).unwrap();
    assert!(is_audit(&created) && is_audit(&logged_in));
    assert_eq!(created.message, "open created the key lb_ab12cd34 (shop)");
    assert_eq!(logged_in.message, "user kim logged in");
    for (key, value) in [
        ("audit.action", "key.created"),
        ("audit.actor", "open"),
        ("audit.kind", "open"),
        ("audit.source", "10.1.2.3"),
        ("audit.target", "lb_ab12cd34 (shop)"),
        ("audit.outcome", "done"),
        ("audit.reason", ""),
    ] {
        assert_eq!(text(&created, key), value, "{key}");
    }
    assert_eq!((text(&logged_in, "audit.kind"), text(&logged_in, "audit.source")), ("user".into(), String::new()));
    assert_eq!(created.attribute("audit"), Some(&Value::Bool(true)));
}

#[tokio::test]
async fn refusals_are_counted_together_and_a_closed_server_notes_none() {
    let queue = Arc::new(MemoryQueue::new());
    let ingest = Ingest::start(queue.clone(), IngestOptions::default());
    let (audit, writing) = Audit::start(ingest, Clock::system(), &Supervisor::default());
    let nobody = Principal::nobody();
    for _ in 0..10 {
        audit.refused(&nobody, PEER.into(), Action::Refused, "GET /metrics", &refusal("it may not read"));
    }
    let closed = Refusal { class: RefusalClass::Closed, ..refusal("closed") };
    audit.refused(&nobody, PEER.into(), Action::Refused, "GET /", &closed);
    writing.close().await;
    let counts: Vec<String> = records(&queue).iter().map(|record| text(record, "audit.count")).collect();
    assert_eq!(counts, ["1", "9"]);
    let record = records(&queue).remove(1);
    assert_eq!(record.message, "nobody was refused at GET /metrics: it may not read (9 times)");
    assert_eq!((text(&record, "audit.outcome"), record.level.as_str()), ("refused".into(), "warn"));
}

#[tokio::test]
async fn a_full_queue_delays_nobody() {
    let faulty = FaultyQueue::new(Arc::new(MemoryQueue::new()));
    faulty.publish.set(Mode::Hang);
    let ingest = Ingest::start(faulty.clone(), IngestOptions::default());
    let (audit, _writing) = Audit::with_room(3, ingest, Clock::system(), &Supervisor::default());
    for number in 0..10_000 {
        note(&audit, &Principal::everybody(), PEER, Action::ViewSaved, number.to_string());
    }
    // The engine takes nothing for as long as the test runs, so a wait would never have ended.
    assert_eq!(audit.0.as_ref().unwrap().events.capacity(), 0);
}

#[tokio::test]
async fn a_panic_of_the_writer_stores_each_record_once() {
    let memory = Arc::new(MemoryQueue::new());
    let faulty = FaultyQueue::new(memory.clone());
    let supervisor = Supervisor::default();
    let ingest = Ingest::start(faulty.clone(), IngestOptions::default());
    let (audit, writing) = Audit::start(ingest, Clock::system(), &supervisor);
    faulty.publish.set(Mode::Hang);
    note(&audit, &Principal::everybody(), PEER, Action::ViewSaved, "one");
    faulty.publish.called(1).await;
    assert!(supervisor.panic_in(TASK));
    until("the restart", || supervisor.tasks().iter().any(|task| task.name == TASK && task.restarts == 1)).await;
    faulty.publish.set(Mode::Healthy);
    note(&audit, &Principal::everybody(), PEER, Action::ViewSaved, "two");
    until("both are there", || records(&memory).iter().any(|record| text(record, "audit.target") == "two")).await;
    writing.close().await;
    // A batch that was published twice has the same id both times, so the store keeps it once.
    let batches: BTreeSet<_> = memory
        .peek(Receipt(0))
        .into_iter()
        .filter_map(|delivery| match delivery.content {
            Content::Batch(batch) => Some((batch.id, text(&batch.records[0], "audit.target"))),
            _ => None,
        })
        .collect();
    assert_eq!(batches.len(), 2, "{batches:?}");
}

#[tokio::test]
async fn an_audit_that_is_off_notes_nothing() {
    let audit = Audit::default();
    note(&audit, &Principal::everybody(), PEER, Action::LogOut, "");
    audit.refused(&Principal::nobody(), PEER.into(), Action::Refused, "", &refusal("no"));
}
