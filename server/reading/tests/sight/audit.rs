//! Audit records: admins find them, and a caller whose sight leaves them out finds them in no answer.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _};
use model::{Position, Query, Record, Sight, Value, api::RecordView};
use pipeline::{
    DeadLetterBounds, DeadLetters as _, ErrorClass, NewDeadLetter, TimeRange,
    admit::{Ingest, IngestOptions},
    envelope,
    live::{LiveEvent, LiveHub},
};
use reading::{LetterFilter, Letters};
use testkit::{
    memory::{MemoryQueue, MemoryStore},
    records,
};
use tokio_util::sync::CancellationToken;

use super::store::{clock, reader, record, stored};

const ALL: TimeRange = TimeRange::ALL;
const PATIENCE: Duration = Duration::from_secs(10);
/// In the audit record alone.
const WORD: &str = "plugh";

fn audit() -> Record {
    let attributes = [
        ("audit", Value::Bool(true)),
        ("audit.action", Value::Text("log-in".into())),
        ("audit.actor", Value::Text(WORD.into())),
    ];
    record("logboom", &format!("user {WORD} logged in"), &attributes)
}

/// An audit record between two others, of which one has its service.
async fn store() -> Arc<MemoryStore> {
    stored(vec![record("shop", "first", &[]), audit(), record("logboom", "last", &[])]).await
}

/// Everything that a caller with this sight reads, as text.
async fn read(sight: &Sight) -> String {
    let store = store().await;
    let reader = reader(&store).seen_by(sight);
    let mut text = String::new();
    let mut add = |part: &dyn std::fmt::Debug| text.push_str(&format!("{part:?}\n"));
    for asked in ["", "audit:true", "service:logboom", "* OR audit:*"] {
        let query = Query::parse(asked).unwrap();
        add(&reader.logs(query.clone(), ALL, 100, None, PATIENCE).await.unwrap());
        add(&reader.facets(&query, ALL, &["audit.actor".to_owned()], 10).await.unwrap());
        add(&reader.fields(&query, ALL).await.unwrap());
        add(&reader.patterns(&query, ALL, None).await.unwrap());
        let pages: Vec<_> = reader.pages(query, ALL).try_collect().await.unwrap();
        add(&pages);
    }
    for stored in store.all() {
        let id = stored.record.id.to_string();
        add(&reader.record(&id).await.map_err(|error| error.class));
        add(&reader.context(&id, 10, 10).await.map_err(|error| error.class));
    }
    text
}

#[tokio::test]
async fn without_the_sight_of_an_admin_no_answer_has_an_audit_record() {
    assert!(read(&Sight::default()).await.contains(WORD), "an admin reads it");
    let answers = read(&Sight::default().without_audit()).await;
    assert!(!answers.contains(WORD), "{answers}");
    assert!(answers.contains("first") && answers.contains("last"), "{answers}");
}

#[tokio::test]
async fn counts_and_tails_leave_audit_records_out() {
    let store = store().await;
    let hub = LiveHub::start(store.clone(), CancellationToken::new());
    for (sight, count, messages) in [
        (Sight::default(), 3, 3),
        (Sight::default().without_audit(), 2, 2),
        (Sight::new(Some(Query::parse("service:logboom").unwrap()), Vec::new()).without_audit(), 1, 1),
    ] {
        let reader = reader(&store).seen_by(&sight);
        assert_eq!(reader.count(&Query::default(), ALL).await.unwrap().count, count);
        let audits = reader.count(&Query::parse("audit:true").unwrap(), ALL).await.unwrap().count;
        assert_eq!(audits, u64::from(sight.sees_audit()));
        let mut tail = reader.tail(&hub, Query::default(), Some(Position(0))).unwrap();
        for _ in 0..messages {
            let Some(LiveEvent::Record(shown)) = tail.next().await else { panic!("no record") };
            let view = RecordView::from(&shown);
            assert!(sight.sees_audit() || !view.message.contains(WORD), "{view:?}");
        }
    }
    hub.close();
}

#[tokio::test]
async fn dead_letters_with_audit_records_are_for_admins() {
    let store = Arc::new(MemoryStore::new());
    let letter = |record: Record| {
        let mut batch = records::batch(1, 1);
        batch.records = vec![record];
        NewDeadLetter {
            reason: "test".to_owned(),
            producer: "test".to_owned(),
            batch_id: None,
            payload: envelope::encode(&batch),
            records: 1,
        }
    };
    store.put_dead_letters(&[letter(audit()), letter(record("logboom", "other", &[]))]).await.unwrap();
    let ingest = Ingest::start(Arc::new(MemoryQueue::new()), IngestOptions::default());
    let letters = Letters::new(store.clone(), ingest, clock(), DeadLetterBounds::default());
    let editor = letters.seen_by(&Sight::default().without_audit()).unwrap();
    let filter = LetterFilter::default();
    let ids: Vec<i64> =
        editor.list(&filter, None, 10).await.unwrap().iter().rev().map(|letter| letter.id.parse().unwrap()).collect();
    let [audit, other] = <[i64; 2]>::try_from(ids).unwrap();
    for error in [
        editor.show(audit).await.map(drop).unwrap_err(),
        editor.payload(audit).await.map(drop).unwrap_err(),
        editor.replay(audit).await.map(drop).unwrap_err(),
        editor.delete(audit).await.unwrap_err(),
    ] {
        assert!(error.class == ErrorClass::Forbidden && error.message.contains("for admins"), "{error}");
    }
    let lines: Vec<String> = Box::pin(editor.lines(&filter).unwrap()).map(Result::unwrap).collect().await;
    assert!(lines.len() == 1 && lines[0].contains("other"), "{lines:?}");
    editor.show(other).await.unwrap();
    assert_eq!(editor.delete_all(&filter).await.unwrap(), 1);
    assert_eq!(letters.list(&filter, None, 10).await.unwrap().len(), 1, "the one with the audit record is kept");
    letters.show(audit).await.unwrap();
    assert_eq!(letters.delete_all(&filter).await.unwrap(), 1);
}
