//! The terms of a key, as the ingest stage applies them.

use model::Value;
use pipeline::{
    Content, Error, ErrorClass, Queue as _, Sender,
    admit::{Ingest, IngestOptions, Submission},
    normalise::RawRecord,
};
use testkit::{
    faulty::{FaultyQueue, Mode},
    memory::MemoryQueue,
};

use super::*;

/// An ingest stage on a queue in memory, with the clock of the world.
fn stage(world: &World) -> (Arc<MemoryQueue>, Arc<FaultyQueue>, Ingest) {
    let memory = Arc::new(MemoryQueue::new());
    let faulty = FaultyQueue::new(memory.clone());
    let clock = world.options(Posture::Open, &[]).clock;
    let ingest = Ingest::start(faulty.clone(), IngestOptions { clock, ..IngestOptions::default() });
    (memory, faulty, ingest)
}

async fn sender(access: &Access, write: WriteTerms) -> Sender {
    let created = access.keys().create(NewKey { write, ..new_key(&[Scope::Write]) }, "user root").await.unwrap();
    with_key(access, &created.secret).unwrap().sender().clone()
}

fn submission(records: usize, sender: &Sender) -> Submission {
    let record = RawRecord {
        service: "other".into(),
        message: "0123456789".into(),
        attributes: vec![("tenant".into(), Value::Text("evil".into()))],
        ..RawRecord::default()
    };
    Submission { records: vec![record; records], sender: sender.clone(), ..Submission::default() }
}

#[tokio::test]
async fn service_and_fields_of_a_key_replace_what_was_sent_at_every_kind_of_door() {
    let world = World::new();
    let access = world.guarded().await;
    let (memory, _, ingest) = stage(&world);
    let fields = [("tenant".to_owned(), "acme".to_owned())].into();
    let sender = sender(&access, WriteTerms { service: Some("shop".into()), fields, ..WriteTerms::default() }).await;
    ingest.push(submission(2, &sender)).await.unwrap();
    ingest.deliver(submission(3, &sender)).await.unwrap();
    let mut records = Vec::new();
    for delivery in memory.receive(usize::MAX).await.unwrap() {
        let Content::Batch(batch) = delivery.content else { panic!("it is no batch") };
        records.extend(batch.records.clone());
    }
    assert_eq!(records.len(), 5);
    for record in records {
        assert_eq!(record.service, "shop");
        assert_eq!(record.attributes, [("tenant".into(), Value::Text("acme".into()))]);
    }
}

#[tokio::test]
async fn a_push_beyond_the_rate_is_told_when_to_come_again_and_what_failed_is_not_counted() {
    let world = World::new();
    let access = world.guarded().await;
    let (_, faulty, ingest) = stage(&world);
    let sender = sender(&access, WriteTerms { records_per_second: Some(10), ..WriteTerms::default() }).await;
    faulty.publish.set(Mode::Fail(Error::unavailable("the queue is gone")));
    for _ in 0..3 {
        let error = ingest.push(submission(20, &sender)).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Unavailable);
    }
    faulty.publish.set(Mode::Healthy);
    assert_eq!(ingest.push(submission(20, &sender)).await.unwrap().accepted, 20);
    let error = ingest.push(submission(5, &sender)).await.unwrap_err();
    assert_eq!((error.class, error.retry_after), (ErrorClass::Overloaded, Some(Duration::from_millis(500))));
    assert!(error.message.contains("(shop) may send 10 records per second"), "{error}");
    // Others are not held up by it.
    ingest.push(submission(50, &Sender::default())).await.unwrap();
    world.pass(SECOND / 2);
    ingest.push(submission(5, &sender)).await.unwrap();
}

#[tokio::test]
async fn a_delivery_beyond_the_bytes_of_a_day_is_rejected_record_by_record() {
    let world = World::new();
    let access = world.guarded().await;
    let (memory, _, ingest) = stage(&world);
    // A record has 25 bytes.
    let sender = sender(&access, WriteTerms { bytes_per_day: Some(60), ..WriteTerms::default() }).await;
    assert_eq!(ingest.deliver(submission(2, &sender)).await.unwrap().accepted, 2);
    let answer = ingest.deliver(submission(2, &sender)).await.unwrap();
    assert_eq!((answer.accepted, answer.rejected.len()), (0, 2));
    assert!(answer.rejected[1].reason.starts_with("bytes_per_day: key lb_"), "{:?}", answer.rejected);
    world.pass(DAY);
    assert_eq!(ingest.deliver(submission(2, &sender)).await.unwrap().accepted, 2);
    assert_eq!(memory.receive(usize::MAX).await.unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_waits_for_its_rate_at_most_thirty_seconds_and_ends_with_the_stage() {
    let world = World::new();
    let access = world.guarded().await;
    let (_, _, ingest) = stage(&world);
    let sender = sender(&access, WriteTerms { records_per_second: Some(10), ..WriteTerms::default() }).await;
    ingest.deliver(submission(20, &sender)).await.unwrap();
    let before = tokio::time::Instant::now();
    // The clock of the stage stands still, so the rate never fills.
    let answer = ingest.deliver(submission(1, &sender)).await.unwrap();
    assert_eq!((answer.accepted, answer.rejected.len()), (0, 1));
    assert_eq!(before.elapsed(), Duration::from_secs(30));
    let (late, ()) = tokio::join!(ingest.deliver(submission(1, &sender)), ingest.close());
    assert_eq!(late.unwrap_err().class, ErrorClass::Unavailable);
}
