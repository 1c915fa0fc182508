//! Tests of the audit notes of commands that run without a server, on embedded engines in a temporary folder.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use access::Principal;
use chrono::FixedOffset;
use model::{TimeRange, access_views::UserView, api::RecordView, time::format_rfc3339};
use pipeline::{
    LogStore, Queue, Supervisor,
    admit::{Ingest, IngestOptions},
    clock::Clock,
    consume,
    lease::host_name,
    loss_ledger::LossLedger,
};
use reading::Reader;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::place::tests::used_folder;
use crate::{
    audit::{self, Action, Audit, Changes, Notes, Source},
    engines::OpenDocuments,
};

const PATIENCE: Duration = Duration::from_secs(60);
const PASSWORD: &str = "correct horse battery";

/// The engines of a folder, once the tasks of the command before have ended.
async fn open(folder: &Path) -> (Arc<dyn Queue>, Arc<dyn LogStore>) {
    let begun = Instant::now();
    loop {
        match engine_embedded::open_pair(folder, engine_embedded::Options::default()).await {
            Ok(engines) => return engines,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{error}"),
        }
        sleep(Duration::from_millis(5)).await;
    }
}

/// Takes the notes of a folder as a server does, and stores their records. Returns the number of notes, and the audit
/// records when there are at least `expected`.
async fn serve(folder: &Path, expected: usize) -> (usize, Vec<RecordView>) {
    let (queue, store) = open(folder).await;
    let ingest = Ingest::start(Arc::clone(&queue), IngestOptions::default());
    let taken = Notes::new(store.documents()).take(&ingest).await.unwrap();
    assert_eq!(Notes::new(store.documents()).take(&ingest).await.unwrap(), 0, "each note is taken once");
    let ledger = LossLedger::new(Arc::clone(&queue), Duration::ZERO, Clock::system());
    let stop = CancellationToken::new();
    let consuming = consume::run(Arc::clone(&queue), Arc::clone(&store), ledger, stop.clone(), Supervisor::default());
    let consumer = tokio::spawn(consuming);
    let clock = reading::Clock { clock: Clock::system(), assume_timezone: FixedOffset::east_opt(0).unwrap() };
    let reader = Reader::new(Arc::clone(&store), clock);
    let begun = Instant::now();
    let records = loop {
        let page = reader.logs(model::audit::query(), TimeRange::ALL, 100, None, PATIENCE).await.unwrap();
        if page.records.len() >= expected {
            break page.records;
        }
        assert!(begun.elapsed() < PATIENCE, "{} records and not {expected}", page.records.len());
        sleep(Duration::from_millis(5)).await;
    };
    ingest.close().await;
    stop.cancel();
    consumer.await.unwrap();
    queue.close().await;
    store.close().await;
    (taken, records)
}

/// An attribute as JSON has it.
fn attribute(record: &RecordView, name: &str) -> Value {
    serde_json::to_value(record).unwrap()["attributes"][name].clone()
}

#[tokio::test]
async fn each_change_without_a_server_becomes_an_audit_record_of_the_next_one() {
    let (data, place) = used_folder().await;
    let api = place.open().await.unwrap();
    let begun = Clock::system().now();
    let kim = json!({ "name": "kim", "password": PASSWORD, "role": "admin" });
    api.call(Method::POST, &["users"], Some(&kim)).await.unwrap();
    // Neither what is refused nor what is read is a change.
    api.call(Method::POST, &["users"], Some(&kim)).await.unwrap_err();
    assert_eq!(api.get::<Vec<UserView>>(&["users"]).await.unwrap().len(), 1);
    let key = json!({ "name": "shop", "scopes": ["write"] });
    let answer = api.call(Method::POST, &["keys"], Some(&key)).await.unwrap();
    let key: Value = serde_json::from_slice(&answer).unwrap();
    let (id, secret) = (key["id"].as_str().unwrap(), key["secret"].as_str().unwrap());
    api.call(Method::PUT, &["anonymous"], Some(&json!({ "write": ["10.0.0.0/8"] }))).await.unwrap();
    let ended = Clock::system().now();
    drop(api);

    let (taken, records) = serve(data.path(), 3).await;
    assert_eq!((taken, records.len()), (3, 3));
    let mut done: Vec<[String; 2]> = records
        .iter()
        .map(|record| ["audit.action", "audit.target"].map(|name| attribute(record, name).as_str().unwrap().to_owned()))
        .collect();
    done.sort();
    let created = format!("lb_{id} (shop)");
    let expected =
        [["key.created", created.as_str()], ["networks.changed", "10.0.0.0/8"], ["user.added", "kim (admin)"]];
    assert_eq!(done, expected.map(|texts| texts.map(str::to_owned)));
    for record in &records {
        assert_eq!((record.service.as_str(), &record.node), ("logboom", &host_name()));
        assert_eq!(attribute(record, "audit.kind"), "command line");
        let actor = attribute(record, "audit.actor");
        assert!(actor.as_str().unwrap().starts_with("data folder ("), "{actor}");
        assert!(record.message.starts_with("data folder ("), "{}", record.message);
        let times = format_rfc3339(begun)..=format_rfc3339(ended);
        assert!(times.contains(&record.time), "{} is the time of the command: {times:?}", record.time);
        let text = serde_json::to_string(record).unwrap();
        assert!(!text.contains(PASSWORD) && !text.contains(secret), "{text}");
    }
    let (taken, again) = serve(data.path(), 3).await;
    assert_eq!((taken, again.len()), (0, 3));
}

#[tokio::test]
async fn changes_past_the_room_for_notes_are_counted() {
    let (data, _) = used_folder().await;
    let documents = OpenDocuments::in_folder(data.path()).await.unwrap().documents;
    let (audit, events) = Audit::for_command(Clock::system());
    let changes = Changes::new(events, Notes::with_room(2, documents));
    for name in ["ann", "bob", "cho", "dan", "eve"] {
        audit::note(&audit, &Principal::operator("data folder"), Source::default(), Action::UserRemoved, name);
        changes.leave_notes().await.unwrap();
    }
    drop(changes);

    let (taken, records) = serve(data.path(), 3).await;
    assert_eq!((taken, records.len()), (3, 3));
    let targets: BTreeSet<String> = records
        .iter()
        .filter(|record| attribute(record, "audit.action") == "user.removed")
        .map(|record| attribute(record, "audit.target").as_str().unwrap().to_owned())
        .collect();
    assert_eq!(targets, BTreeSet::from(["ann", "bob"].map(str::to_owned)));
    let counted = records.iter().find(|record| attribute(record, "audit.action") == "access.changed").unwrap();
    assert_eq!(attribute(counted, "audit.count"), 3);
    assert_eq!(attribute(counted, "audit.target"), Value::Null);
}
