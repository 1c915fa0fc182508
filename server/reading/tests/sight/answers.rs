//! Asks every public method of the package, and collects the answers as text.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, TryStreamExt as _};
use model::{
    Position, Query, Sight, StoredRecord,
    api::{RecordView, RetentionView},
};
use pipeline::{
    DeadLetterBounds, DeadLetters as _, Error, LogStore as _, NewDeadLetter, TimeRange,
    admit::{Ingest, IngestOptions},
    envelope,
    live::{LiveEvent, LiveHub},
    loss_ledger::{Auditor, Kept, LossLedger, Needs},
    redact::Redaction,
};
use reading::{
    DefaultRange, Figures, LetterFilter, Letters, Losses, Parts, RangeText, Reader, Transfer, Views, parse_query,
};
use serde::Serialize;
use testkit::{
    memory::{MemoryQueue, MemoryStore},
    records,
};
use tokio_util::sync::CancellationToken;

use super::store::{WORD, clock, reader, samples, stored};

/// Each method with its answer, or its error. A method may be asked several times.
pub(crate) type Answers = Vec<(&'static str, String)>;

const PATIENCE: Duration = Duration::from_secs(10);
const ALL: TimeRange = TimeRange::ALL;

/// Adds the answer of an async block to the answers.
macro_rules! ask {
    ($answers:ident, $method:literal, $question:expr) => {
        $answers.push(($method, shown(async { $question }.await)))
    };
}

fn shown<T: Serialize>(answer: Result<T, Error>) -> String {
    match answer {
        Ok(answer) => serde_json::to_string(&answer).unwrap(),
        Err(error) => error.to_string(),
    }
}

fn views<'r>(records: impl IntoIterator<Item = &'r StoredRecord>) -> Vec<RecordView> {
    records.into_iter().map(RecordView::from).collect()
}

pub(crate) async fn all_answers(sight: &Sight) -> Answers {
    let store = stored(samples()).await;
    let mut answers = Answers::new();
    let reader = reader(&store).seen_by(sight);
    records_of(&mut answers, &reader, &store).await;
    numbers_of(&mut answers, &reader).await;
    tail_of(&mut answers, &reader, &store, sight).await;
    figures_of(&mut answers, &store, sight).await;
    documents_of(&mut answers, &store, sight).await;
    losses_of(&mut answers, &store, sight).await;
    letters_of(&mut answers, &store, sight).await;
    answers
}

/// Queries that try to find the word, or to widen what is seen.
async fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for text in [
        "",
        WORD,
        "* OR service:*",
        "-service:shop",
        "internal:true",
        "user:/x/",
        "user.name.last:xyzzy",
        "card.number:x*",
        "card:/xyzzy/",
        "-card.number:*",
        "attr.user:*",
        "client.packet:/xyzzy/",
        "client:/xyzzy/",
    ] {
        queries.push(parse_query(Some(text)).await.unwrap());
    }
    queries
}

async fn records_of(answers: &mut Answers, reader: &Reader, store: &Arc<MemoryStore>) {
    let text = RangeText { from: Some("-1h"), to: None };
    ask!(answers, "Reader::range", reader.range(text, DefaultRange::All).map(|range| range.from));
    ask!(answers, "Reader::compared", reader.compared(text).map(|range| range.map(|range| range.from)));
    ask!(answers, "Reader::newest", reader.newest().await.map(|position| position.to_string()));
    let all = store.all();
    for query in queries().await {
        ask!(answers, "Reader::logs", reader.logs(query.clone(), ALL, 100, None, PATIENCE).await);
        ask!(answers, "Reader::search", Ok(views(&reader.search(query.clone(), ALL, 100, None).await?)));
        let pages: Result<Vec<_>, Error> = reader.pages(query.clone(), ALL).try_collect().await;
        ask!(answers, "Reader::pages", Ok(views(pages?.iter().flatten())));
        ask!(answers, "Reader::fields", reader.fields(&query, ALL).await);
        // A rule that changes every message, so that the preview shows all.
        let rule = Arc::new(Redaction::trial("all=/./", None).unwrap());
        ask!(answers, "Reader::preview_redaction", reader.preview_redaction(rule, query.clone(), 100).await);
        let text = query.to_string();
        ask!(answers, "Reader::preview_deletion", reader.preview_deletion(&text, true, RangeText::default()).await);
        ask!(answers, "Reader::patterns", reader.patterns(&query, ALL, Some(ALL)).await);
    }
    // The cursors of a caller who sees everything.
    for stored in &all {
        let cursor = format!("{}.{}", stored.record.time, stored.position);
        ask!(answers, "Reader::logs", reader.logs(Query::default(), ALL, 100, Some(&cursor), PATIENCE).await);
        ask!(answers, "Reader::cursor_at", {
            let cursor = reader.cursor_at(stored.position).await?;
            Ok(views(&reader.search(Query::default(), ALL, 100, Some(cursor)).await?))
        });
        ask!(answers, "Reader::record", reader.record(&stored.record.id.to_string()).await);
        ask!(answers, "Reader::context", reader.context(&stored.record.id.to_string(), 10, 10).await);
        ask!(answers, "Reader::recent", Ok(views(&reader.recent(stored.position, 10).await?)));
    }
    ask!(answers, "Reader::record", reader.record("0190a1b2-c3d4-7000-8000-00000000000f").await);
}

async fn numbers_of(answers: &mut Answers, reader: &Reader) {
    let range = TimeRange { from: records::OBSERVED, to: records::OBSERVED + 10_000_000_000 };
    for query in queries().await {
        ask!(answers, "Reader::count", reader.count(&query, ALL).await);
        ask!(answers, "Reader::histogram", reader.histogram(&query, range, 10).await);
        ask!(answers, "Reader::first_seen", reader.first_seen(&query).await);
        for field in [
            "service",
            "level",
            "node",
            "message",
            "card",
            "card.number",
            "client.packet",
            "user",
            "user.name.last",
            "xyzzy.key",
        ] {
            ask!(answers, "Reader::facets", {
                let facets = reader.facets(&query, ALL, &[field.to_owned()], 10).await?;
                // Without the name, which is the caller's own word.
                Ok(facets.into_values().collect::<Vec<_>>())
            });
        }
    }
}

async fn tail_of(answers: &mut Answers, reader: &Reader, store: &Arc<MemoryStore>, sight: &Sight) {
    let hub = LiveHub::start(store.clone(), CancellationToken::new());
    let expected = store.all().iter().filter(|stored| sight.shows(&stored.record)).count();
    for query in queries().await {
        let tail = reader.tail(&hub, query.clone(), Some(Position(0)));
        ask!(answers, "Reader::tail", tail.as_ref().map(|_| ()).map_err(Clone::clone));
        let (Ok(mut tail), true) = (tail, query == Query::default()) else { continue };
        for _ in 0..expected {
            let text = match tail.next().await.unwrap() {
                LiveEvent::Record(stored) => serde_json::to_string(&RecordView::from(&stored)).unwrap(),
                skipped @ LiveEvent::Skipped { .. } => format!("{skipped:?}"),
            };
            answers.push(("Tail::next", text));
        }
    }
    hub.close();
}

async fn figures_of(answers: &mut Answers, store: &Arc<MemoryStore>, sight: &Sight) {
    let retention = RetentionView { services: vec![(WORD.to_owned(), "1 day".to_owned())], ..RetentionView::default() };
    let live = LiveHub::start(store.clone(), CancellationToken::new());
    let queue = Arc::new(MemoryQueue::new());
    let figures = Figures::new(reader(store), queue, store.clone(), live, retention);
    // Computed for everybody before.
    figures.now().await;
    let figures = figures.seen_by(sight);
    ask!(answers, "Figures::now", Ok(figures.now().await.as_ref().clone()));
    ask!(answers, "Figures::watch", Ok(Box::pin(figures.watch()).next().await.unwrap().as_ref().clone()));
}

async fn documents_of(answers: &mut Answers, store: &Arc<MemoryStore>, sight: &Sight) {
    let (views, transfer) = (Views::new(store.documents()), Transfer::new(store.documents()));
    views.save("the xyzzy view", "/?q=service:xyzzy-billing").await.unwrap();
    let views = views.seen_by(sight);
    ask!(answers, "Views::list", views.list().await);
    ask!(answers, "Views::address", {
        // Without the name, which is the caller's own word.
        let address = views.address("the xyzzy view").await;
        address.map_err(|error| Error::not_found(error.message.replace("the xyzzy view", "")))
    });
    ask!(answers, "Views::save", views.save("other", "/").await);
    ask!(answers, "Views::remove", views.remove("other").await);
    ask!(answers, "Transfer::export", transfer.seen_by(sight)?.export(None).await);
    ask!(answers, "Transfer::admit", transfer.seen_by(sight)?.admit().map(drop));
    ask!(answers, "Transfer::import", transfer.seen_by(sight)?.import(br#"{"format":1,"documents":[]}"#, false).await);
}

async fn losses_of(answers: &mut Answers, store: &Arc<MemoryStore>, sight: &Sight) {
    let ledger = LossLedger::new(Arc::new(MemoryQueue::new()), Duration::ZERO, clock().clock);
    let auditor = Auditor::new(Needs {
        ledger,
        store: store.clone(),
        documents: store.documents(),
        kept: Kept::default(),
        holder: "test".to_owned(),
    });
    let (losses, parts) = (Losses::new(auditor, clock()), Parts::new(store.clone()));
    ask!(answers, "Losses::rows", losses.seen_by(sight)?.rows(RangeText::default()).await);
    ask!(answers, "Losses::summary", losses.seen_by(sight)?.summary().await);
    ask!(answers, "Parts::aside", Ok(parts.seen_by(sight)?.aside()));
    ask!(answers, "Parts::give_up", parts.seen_by(sight)?.give_up("part").await);
}

async fn letters_of(answers: &mut Answers, store: &Arc<MemoryStore>, sight: &Sight) {
    let mut batch = records::batch(2, 1);
    batch.records = samples();
    let letter = |payload: Vec<u8>| NewDeadLetter {
        reason: "xyzzy is wrong".to_owned(),
        producer: "xyzzy".to_owned(),
        batch_id: None,
        payload,
        records: 1,
    };
    let whole = envelope::encode(&batch);
    store.put_dead_letters(&[letter(whole), letter(WORD.into()), letter(WORD.into())]).await.unwrap();
    let ingest = Ingest::start(Arc::new(MemoryQueue::new()), IngestOptions::default());
    let letters = Letters::new(store.clone(), ingest, clock(), DeadLetterBounds::default());
    let filter = LetterFilter::default();
    ask!(answers, "Letters::list", letters.seen_by(sight)?.list(&filter, None, 10).await);
    ask!(answers, "Letters::page", Ok(letters.seen_by(sight)?.page(&filter, None).await?.letters));
    ask!(answers, "Letters::status", Ok(format!("{:?}", letters.seen_by(sight)?.status())));
    ask!(answers, "Letters::bounds", Ok(format!("{:?}", letters.seen_by(sight)?.bounds())));
    ask!(answers, "Letters::show", letters.seen_by(sight)?.show(1).await);
    ask!(answers, "Letters::payload", {
        let payload = letters.seen_by(sight)?.payload(2).await?;
        Ok(String::from_utf8_lossy(&payload).into_owned())
    });
    ask!(answers, "Letters::lines", letters.seen_by(sight)?.lines(&filter)?.try_collect::<Vec<String>>().await);
    ask!(answers, "Letters::replay", letters.seen_by(sight)?.replay(1).await);
    ask!(answers, "Letters::replay_all", letters.seen_by(sight)?.replay_all(&filter).await);
    ask!(answers, "Letters::delete", letters.seen_by(sight)?.delete(2).await);
    ask!(answers, "Letters::delete_all", letters.seen_by(sight)?.delete_all(&filter).await);
}
