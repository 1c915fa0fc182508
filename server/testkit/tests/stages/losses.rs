//! The loss ledger: received = stored + deduplicated + rejected + dead + in flight, and what is missing is told (C10).

use std::{sync::Arc, time::Duration};

use pipeline::{
    BatchId, Error, LogStore as _, Queue as _, Supervisor,
    admit::{Ingest, IngestOptions, Submission},
    clock::Clock,
    consume,
    loss_ledger::{Auditor, Hour, Keeper, Kept, Line, LossLedger, Needs, SHEET, State, Summary, Totals},
    normalise::RawRecord,
};
use testkit::{
    faulty::Mode,
    memory::{MemoryQueue, MemoryStore},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{
    deletion::DeletionNode,
    loss_ledger, raw, soon,
    supervision::{panicked_alone, restarts},
    until,
};

/// A process: ingest, consumer and ledger over a queue and a store that outlive it.
struct Process {
    queue: Arc<MemoryQueue>,
    ingest: Ingest,
    keeper: Keeper,
    auditor: Auditor,
    supervisor: Supervisor,
    stop: CancellationToken,
    consumer: JoinHandle<()>,
}

impl Process {
    fn start(queue: &Arc<MemoryQueue>, store: &Arc<MemoryStore>) -> Self {
        let (stop, supervisor) = (CancellationToken::new(), Supervisor::default());
        let ledger = loss_ledger(queue.clone());
        let options = IngestOptions { loss_ledger: Some(ledger.clone()), ..IngestOptions::default() };
        Self {
            ingest: Ingest::start(queue.clone(), options),
            keeper: Keeper::start(ledger.clone(), store.documents(), &supervisor),
            auditor: auditor(ledger.clone(), store),
            consumer: tokio::spawn(consume::run(
                queue.clone(),
                store.clone(),
                ledger,
                stop.clone(),
                supervisor.clone(),
            )),
            queue: queue.clone(),
            supervisor,
            stop,
        }
    }

    async fn push(&self, batch_id: Option<BatchId>, records: Vec<RawRecord>) {
        let submission = Submission { batch_id, producer: "test".into(), records, ..Submission::default() };
        self.ingest.push(submission).await.unwrap();
    }

    async fn drained(&self) {
        until("the queue is empty", || self.queue.status().depth == 0).await;
    }

    async fn lines(&self) -> Vec<Line> {
        lines(&self.auditor).await
    }

    async fn stop(self) {
        self.stop.cancel();
        soon("consume", self.consumer).await.unwrap();
        soon("the last notes", self.keeper.close()).await;
    }

    /// Ends without the last notes.
    fn kill(self) {
        self.consumer.abort();
    }
}

fn auditor(ledger: LossLedger, store: &Arc<MemoryStore>) -> Auditor {
    Auditor::new(Needs {
        ledger,
        store: store.clone(),
        documents: store.documents(),
        kept: Kept::default(),
        holder: "test".to_owned(),
    })
}

async fn lines(auditor: &Auditor) -> Vec<Line> {
    let now = Hour::of(Clock::system().now());
    auditor.lines(Hour(now.0 - 2), now.next()).await.unwrap()
}

fn of(service: &str, count: usize) -> Vec<RawRecord> {
    (0..count).map(|number| RawRecord { service: service.into(), ..raw(number.to_string()) }).collect()
}

/// The sums of a service; an hour may end during the test.
fn totals(lines: &[Line], service: &str) -> Totals {
    Totals::of(lines.iter().filter(|line| line.service == service))
}

#[tokio::test]
async fn every_received_record_has_an_outcome() {
    let (queue, store) = (Arc::new(MemoryQueue::new()), Arc::new(MemoryStore::new()));
    let process = Process::start(&queue, &store);
    process.push(None, of("a", 700)).await;
    process.push(None, of("b", 5)).await;
    // Sent again by its client.
    for _ in 0..3 {
        process.push(Some(BatchId([7; 16])), of("b", 2)).await;
    }
    let rejected = RawRecord { message: "x".repeat(2 << 20), ..of("b", 1).remove(0) };
    process.push(None, vec![rejected.clone(), rejected, of("b", 1).remove(0)]).await;
    process.drained().await;
    let lines = process.lines().await;
    assert!(lines.iter().all(|line| line.state == State::Settled), "{lines:?}");
    assert_eq!(totals(&lines, "a"), Totals { received: 700, stored: 700, ..Totals::default() });
    let expected = Totals { received: 14, stored: 8, deduplicated: 4, rejected: 2, ..Totals::default() };
    assert_eq!(totals(&lines, "b"), expected);
    let reasons: Vec<_> = lines.iter().flat_map(|line| &line.rejected).collect();
    assert_eq!(reasons, [(&"message".to_owned(), &2)]);
    process.stop().await;
}

#[tokio::test]
async fn a_record_that_disappears_from_the_store_is_missing_also_after_a_restart() {
    let (queue, store) = (Arc::new(MemoryQueue::new()), Arc::new(MemoryStore::new()));
    let process = Process::start(&queue, &store);
    process.push(None, of("a", 10)).await;
    process.push(None, of("b", 10)).await;
    process.drained().await;
    store.lose_newest().unwrap();
    let missing = |lines: &[Line]| (totals(lines, "a").missing, totals(lines, "b").missing);
    assert_eq!(missing(&process.lines().await), (0, 1));
    process.stop().await;

    let process = Process::start(&queue, &store);
    assert_eq!(missing(&process.lines().await), (0, 1));
    process.push(None, of("a", 10)).await;
    process.drained().await;
    assert_eq!(missing(&process.lines().await), (0, 1));
    process.stop().await;
}

#[tokio::test]
async fn a_batch_that_the_queue_loses_is_missing() {
    let (queue, store) = (Arc::new(MemoryQueue::new()), Arc::new(MemoryStore::new()));
    let ledger = loss_ledger(queue.clone());
    let options = IngestOptions { loss_ledger: Some(ledger.clone()), ..IngestOptions::default() };
    let ingest = Ingest::start(queue.clone(), options);
    let submission = Submission { producer: "test".into(), records: of("a", 3), ..Submission::default() };
    ingest.push(submission).await.unwrap();
    let auditor = auditor(ledger, &store);
    let before = totals(&lines(&auditor).await, "a");
    assert_eq!((before.in_flight, before.missing), (3, 0));

    let lost = queue.receive(100).await.unwrap();
    queue.acknowledge(&lost.iter().map(|delivery| delivery.receipt).collect::<Vec<_>>()).await.unwrap();
    let after = totals(&lines(&auditor).await, "a");
    assert_eq!((after.in_flight, after.missing), (0, 3));
}

#[tokio::test]
async fn a_killed_process_is_no_loss_and_what_was_counted_before_is_still_missed() {
    let (queue, store) = (Arc::new(MemoryQueue::new()), Arc::new(MemoryStore::new()));
    let process = Process::start(&queue, &store);
    process.push(None, of("a", 10)).await;
    process.drained().await;
    process.kill();
    // Its notes are lost, or were written before they had settled.
    let process = Process::start(&queue, &store);
    process.push(None, of("a", 5)).await;
    process.drained().await;
    let line = totals(&process.lines().await, "a");
    assert_eq!((line.stored, line.missing), (15, 0), "{line:?}");

    audited_until(&process, |summary| summary.hours > 0).await;
    process.kill();
    store.lose_newest().unwrap();
    let process = Process::start(&queue, &store);
    assert_eq!(totals(&process.lines().await, "a").missing, 1);
    // A process counts at its start what another one had counted already.
    audited_until(&process, |summary| summary.totals.missing == 1).await;
    process.stop().await;
}

#[tokio::test]
async fn what_users_delete_is_no_loss_at_any_moment() {
    let (queue, store) = (Arc::new(MemoryQueue::new()), Arc::new(MemoryStore::new()));
    let process = Process::start(&queue, &store);
    process.push(None, of("a", 30)).await;
    process.push(None, of("b", 5)).await;
    process.drained().await;
    let node = DeletionNode::start(&store);
    // Everything is removed, and the job does not know it: as after a crash.
    node.store.remove.set(Mode::LoseAnswer(Error::unavailable("the answer is lost")));
    let id = node.deletions.add(node.request("service:a").await).await.unwrap().id;
    node.is(&id, |deletion| deletion.error.is_some()).await;
    let running = totals(&process.lines().await, "a");
    assert_eq!((running.stored, running.deleted, running.missing, running.surplus), (0, 30, 0, 0));
    node.store.remove.set(Mode::Healthy);
    assert_eq!(node.ends(&id).await.removed, 30);
    let lines = process.lines().await;
    assert_eq!(totals(&lines, "a"), Totals { received: 30, deleted: 30, ..Totals::default() });
    assert_eq!(totals(&lines, "b"), Totals { received: 5, stored: 5, ..Totals::default() });

    // What comes later, and what is lost later, is told as ever.
    process.push(None, of("a", 10)).await;
    process.drained().await;
    let expected = Totals { received: 40, stored: 10, deleted: 30, ..Totals::default() };
    assert_eq!(totals(&process.lines().await, "a"), expected);
    store.lose_newest().unwrap();
    assert_eq!(totals(&process.lines().await, "a").missing, 1);
    node.deletions.close().await;
    process.stop().await;
}

/// Until the newest summary of the audit passes.
async fn summed_up(process: &Process, passes: impl Fn(&Summary) -> bool) {
    let counted = async {
        while !passes(&process.auditor.summary().await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon("the count", counted).await;
}

/// Runs the audit until its newest summary passes.
async fn audited_until(process: &Process, passes: impl Fn(&Summary) -> bool) {
    let (stop, supervisor) = (CancellationToken::new(), Supervisor::default());
    let auditing = process.auditor.start(&supervisor, stop.clone());
    summed_up(process, passes).await;
    stop.cancel();
    soon("the end of the audit", auditing).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_keeper_or_the_audit_restarts_it_alone_and_its_work_goes_on() {
    let (queue, store) = (Arc::new(MemoryQueue::new()), Arc::new(MemoryStore::new()));
    let process = Process::start(&queue, &store);
    process.push(None, of("a", 10)).await;
    process.drained().await;
    let auditing = process.auditor.start(&process.supervisor, process.stop.clone());
    summed_up(&process, |summary| summary.totals.stored == 10).await;

    let documents = store.documents();
    let written = async || documents.list(&SHEET).await.unwrap().version;
    panicked_alone(&process.supervisor, "loss-ledger").await;
    let before = written().await;
    process.push(None, of("b", 10)).await;
    process.drained().await;
    let again = async {
        while written().await == before {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    soon("the next notes", again).await;

    // Without a restart, the hour is not counted again before it was quiet for 20 s.
    panicked_alone(&process.supervisor, "loss-audit").await;
    summed_up(&process, |summary| summary.totals.stored == 20).await;
    let restarted: Vec<_> = restarts(&process.supervisor).into_iter().filter(|(_, restarts)| *restarts > 0).collect();
    assert_eq!(restarted.len(), 2, "{restarted:?}");
    process.stop.cancel();
    soon("the end of the audit", auditing).await.unwrap();
    process.stop().await;
}
