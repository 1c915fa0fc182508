//! Redaction in the admit stage: what reaches the queue, a refusal and the loss ledger.

use std::sync::Arc;

use pipeline::{
    Content, Queue,
    admit::{Ingest, IngestOptions, Submission},
    loss_ledger::LossLedger,
    normalise::RawRecord,
    redact::Redaction,
};
use testkit::memory::MemoryQueue;

use super::{loss_ledger, raw};

const SECRET: &str = "bob@example.com";

fn start(queue: &Arc<MemoryQueue>, ledger: Option<LossLedger>) -> (Ingest, Arc<Redaction>) {
    let redaction = Arc::new(Redaction::new(["email"], None).unwrap());
    let options =
        IngestOptions { redaction: Some(Arc::clone(&redaction)), loss_ledger: ledger, ..IngestOptions::default() };
    (Ingest::start(queue.clone(), options), redaction)
}

fn count(redaction: &Redaction) -> u64 {
    redaction.views()[0].count
}

/// The messages and the services in the queue.
async fn published(queue: &MemoryQueue) -> Vec<(String, String)> {
    let deliveries = queue.receive(usize::MAX).await.unwrap();
    let batches = deliveries.into_iter().map(|delivery| match delivery.content {
        Content::Batch(batch) => batch,
        Content::Undecodable { reason, .. } => panic!("{reason}"),
    });
    batches.flat_map(|batch| batch.records.clone()).map(|record| (record.message, record.service.to_string())).collect()
}

#[tokio::test]
async fn a_secret_reaches_neither_the_queue_nor_a_refusal_nor_the_ledger() {
    let queue = Arc::new(MemoryQueue::new());
    let ledger = loss_ledger(queue.clone());
    let (ingest, redaction) = start(&queue, Some(ledger));
    let good = RawRecord { service: SECRET.into(), ..raw(format!("to {SECRET}")) };
    let refused = RawRecord {
        service: SECRET.into(),
        attributes: vec![(SECRET.into(), model::Value::Text("x".repeat(70_000).into()))],
        ..raw("m")
    };
    for deliver in [false, true] {
        let records = vec![good.clone(), refused.clone()];
        let submission = Submission { records, ..Submission::default() };
        let accepted =
            if deliver { ingest.deliver(submission).await.unwrap() } else { ingest.push(submission).await.unwrap() };
        let reason = &accepted.rejected[0].reason;
        assert!(reason.starts_with("attributes.[email]") && !reason.contains(SECRET), "{reason}");
        assert_eq!(published(&queue).await, [("to [email]".to_owned(), "[email]".to_owned())]);
    }
    assert_eq!(count(&redaction), 8);
}

#[tokio::test]
async fn a_rehearsal_is_redacted_and_counts_nothing() {
    let (ingest, redaction) = start(&Arc::new(MemoryQueue::new()), None);
    let (records, _) = ingest.rehearse(vec![raw(format!("to {SECRET}"))]);
    assert_eq!(records[0].message, "to [email]");
    assert_eq!(count(&redaction), 0);
    assert_eq!(ingest.redacted("a reason with bob@example.com"), "a reason with [email]");
}

#[tokio::test]
async fn a_dead_letter_from_before_a_rule_is_redacted_when_it_is_replayed() {
    let queue = Arc::new(MemoryQueue::new());
    let (ingest, redaction) = start(&queue, None);
    let mut batch = testkit::records::batch(7, 2);
    let before = batch.records[0].message.clone();
    batch.records[1].message = format!("to {SECRET}");
    ingest.replay(batch).await.unwrap();
    let messages: Vec<String> = published(&queue).await.into_iter().map(|(message, _)| message).collect();
    assert_eq!(messages, [before, "to [email]".to_owned()]);
    assert_eq!(count(&redaction), 1);
}
