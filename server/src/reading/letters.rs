//! Dead letters: listed, shown, downloaded, tried again, deleted.

use std::sync::Arc;

use app::backend::LettersPage;
use futures::Stream;
use model::{
    Position, StoredRecord,
    api::{DeadLetterView, RecordView, hex},
    limits, time,
};
use pipeline::{
    DeadLetter, DeadLetterBounds, DeadLetterFilter, DeadLetterHead, DeadLetterRequest, Error, LogStore, Result,
    TimeRange, admit::Ingest, envelope,
};
use serde::{Deserialize, Serialize};

use super::{Clock, RangeText};

/// The letters that one step of a download, a deletion or a replay looks at.
const STEP: usize = 100;
/// The letters of a page of the dashboard.
const SHOWN: usize = 50;
/// The failures that a replay of many names.
const NAMED: usize = 100;

/// What could not be stored.
#[derive(Clone)]
pub(crate) struct Letters {
    pub(crate) store: Arc<dyn LogStore>,
    pub(crate) ingest: Ingest,
    pub(crate) clock: Clock,
    pub(crate) bounds: DeadLetterBounds,
}

/// Which letters are meant, as it is written; empty texts are none.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct LetterFilter {
    pub(crate) reason: Option<String>,
    pub(crate) door: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) to: Option<String>,
    /// The greatest id that is meant.
    pub(crate) upto: Option<i64>,
}

impl LetterFilter {
    /// The parameters of a page that say something, by name.
    pub(crate) fn fields(&self) -> Vec<(&'static str, String)> {
        let fields = [
            ("reason", &self.reason),
            ("door", &self.door),
            ("service", &self.service),
            ("from", &self.from),
            ("to", &self.to),
        ];
        let some = fields.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        some.filter(|(_, value)| !value.trim().is_empty()).collect()
    }

    /// Whether every letter is meant.
    pub(crate) fn is_all(&self) -> bool {
        self.fields().is_empty() && self.upto.is_none()
    }

    fn resolve(&self, clock: &Clock) -> Result<DeadLetterFilter> {
        let text =
            |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let range = RangeText { from: self.from.as_deref(), to: self.to.as_deref() }.resolve(clock, TimeRange::ALL)?;
        Ok(DeadLetterFilter {
            reason: text(&self.reason),
            producer: text(&self.door),
            service: text(&self.service),
            range,
            upto: self.upto,
        })
    }
}

/// A letter with its payload: as records, or in hexadecimal where it is no batch.
#[derive(Debug, Serialize)]
pub(crate) struct WholeLetter {
    #[serde(flatten)]
    letter: DeadLetterView,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Vec<serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_hex: Option<String>,
}

/// What became of a replay of many.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Replayed {
    /// Letters that are gone because their records are on their way.
    pub(crate) letters: u64,
    pub(crate) records: u64,
    /// Letters that stay.
    pub(crate) failed: u64,
    /// The first of those, and why.
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    id: String,
    error: String,
}

impl Letters {
    /// A page of those that pass, the newest first, with an id below `before`.
    pub(crate) async fn list(
        &self,
        filter: &LetterFilter,
        before: Option<i64>,
        limit: usize,
    ) -> Result<Vec<DeadLetterView>> {
        if !(1..=limits::PAGE_RECORDS).contains(&limit) {
            return Err(Error::invalid(format!("limit is {limit}; it may be 1 to {}", limits::PAGE_RECORDS)));
        }
        let filter = filter.resolve(&self.clock)?;
        let request = DeadLetterRequest { filter, before, limit };
        Ok(self.store.dead_letters(&request).await?.into_iter().map(view).collect())
    }

    /// The page of the dashboard. A filter that cannot be used is part of it.
    pub(crate) async fn page(&self, filter: &LetterFilter, before: Option<i64>) -> Result<LettersPage> {
        let status = self.store.status().dead_letters;
        let mut page = LettersPage {
            filter: filter.fields(),
            count: status.letters,
            bytes: status.bytes,
            dropped: status.dropped,
            dropped_records: status.dropped_records,
            most_bytes: self.bounds.bytes,
            most_age: humantime::format_duration(self.bounds.age).to_string(),
            ..LettersPage::default()
        };
        // One more than is shown tells whether there is a next page.
        match self.list(filter, before, SHOWN + 1).await {
            Ok(letters) => page.letters = letters,
            Err(error) if error.class == pipeline::ErrorClass::Invalid => {
                page.error = Some(error.message);
                return Ok(page);
            }
            Err(error) => return Err(error),
        }
        let more = page.letters.len() > SHOWN;
        page.letters.truncate(SHOWN);
        page.next = page.letters.last().filter(|_| more).map(|letter| letter.id.clone());
        page.newest = match before {
            None => page.letters.first().map(|letter| letter.id.clone()),
            Some(_) => self.list(filter, None, 1).await?.pop().map(|letter| letter.id),
        };
        Ok(page)
    }

    /// One letter with its content.
    pub(crate) async fn show(&self, id: i64) -> Result<WholeLetter> {
        self.letter(id).await.map(whole)
    }

    /// The payload as it came.
    pub(crate) async fn payload(&self, id: i64) -> Result<Vec<u8>> {
        Ok(self.letter(id).await?.letter.payload)
    }

    async fn letter(&self, id: i64) -> Result<DeadLetter> {
        let found = self.store.dead_letter(id).await?;
        found.ok_or_else(|| Error::not_found(format!("no dead letter has the id {id}")))
    }

    /// All that pass, each with its content as one line of JSON.
    pub(crate) fn lines(&self, filter: &LetterFilter) -> Result<impl Stream<Item = Result<String>> + Send + use<>> {
        let (store, filter) = (Arc::clone(&self.store), filter.resolve(&self.clock)?);
        Ok(async_stream::try_stream! {
            let mut request = DeadLetterRequest { filter, before: None, limit: STEP };
            loop {
                let heads = store.dead_letters(&request).await?;
                let Some(last) = heads.last() else { break };
                request.before = Some(last.id);
                for head in heads {
                    // One that was deleted meanwhile is passed over.
                    if let Some(letter) = store.dead_letter(head.id).await? {
                        let line = serde_json::to_string(&whole(letter));
                        yield line.map_err(|error| Error::internal(error.to_string()))? + "\n";
                    }
                }
            }
        })
    }

    /// Deletes one.
    pub(crate) async fn delete(&self, id: i64) -> Result<()> {
        match self.store.remove_dead_letters(&[id]).await? {
            0 => Err(Error::not_found(format!("no dead letter has the id {id}"))),
            _ => {
                tracing::info!(id, "a dead letter was deleted");
                Ok(())
            }
        }
    }

    /// Deletes all that pass; returns how many.
    pub(crate) async fn delete_all(&self, filter: &LetterFilter) -> Result<u64> {
        let mut request = self.all(filter).await?;
        let mut deleted = 0;
        loop {
            let heads = self.store.dead_letters(&request).await?;
            let Some(last) = heads.last() else { break };
            request.before = Some(last.id);
            let ids: Vec<i64> = heads.iter().map(|head| head.id).collect();
            deleted += self.store.remove_dead_letters(&ids).await?;
        }
        tracing::info!(letters = deleted, "dead letters were deleted");
        Ok(deleted)
    }

    /// Puts the letter's batch through the queue again; the letter goes once that is
    /// durable. Returns how many records it holds.
    pub(crate) async fn replay(&self, id: i64) -> Result<usize> {
        let letter = self.letter(id).await?;
        let batch = envelope::decode(&letter.letter.payload)
            .map_err(|error| Error::invalid(format!("the dead letter holds no batch that could be stored: {error}")))?;
        let records = batch.records.len();
        self.ingest.replay(batch).await?;
        self.store.remove_dead_letters(&[id]).await?;
        Ok(records)
    }

    /// Replays all that pass, the newest first. One that cannot be replayed stays; where the
    /// queue takes nothing now, the rest is not tried.
    pub(crate) async fn replay_all(&self, filter: &LetterFilter) -> Result<Replayed> {
        let mut request = self.all(filter).await?;
        let mut replayed = Replayed::default();
        loop {
            let heads = self.store.dead_letters(&request).await?;
            let Some(last) = heads.last() else { return Ok(replayed) };
            request.before = Some(last.id);
            for head in heads {
                match self.replay(head.id).await {
                    Ok(records) => {
                        replayed.letters += 1;
                        replayed.records += records as u64;
                    }
                    Err(error) if error.is_retryable() => return Err(error),
                    Err(error) => {
                        replayed.failed += 1;
                        if replayed.failures.len() < NAMED {
                            replayed.failures.push(Failure { id: head.id.to_string(), error: error.message });
                        }
                    }
                }
            }
        }
    }

    /// Those that pass now: what comes meanwhile, a replay's own failures among it, is not
    /// meant.
    async fn all(&self, filter: &LetterFilter) -> Result<DeadLetterRequest> {
        let filter = filter.resolve(&self.clock)?;
        let newest = DeadLetterRequest { filter: filter.clone(), before: None, limit: 1 };
        let newest = self.store.dead_letters(&newest).await?.first().map(|head| head.id);
        let upto = newest.or(filter.upto);
        Ok(DeadLetterRequest { filter: DeadLetterFilter { upto, ..filter }, before: None, limit: STEP })
    }
}

fn view(head: DeadLetterHead) -> DeadLetterView {
    DeadLetterView {
        id: head.id.to_string(),
        time: time::format_rfc3339(head.time),
        reason: head.reason,
        producer: head.producer,
        batch_id: head.batch_id.map(|id| id.to_string()),
        records: head.records,
        bytes: head.bytes,
        services: head.services,
    }
}

fn whole(dead: DeadLetter) -> WholeLetter {
    let batch = envelope::decode(&dead.letter.payload).ok();
    let services = dead.letter.services();
    let content = batch.map(|batch| batch.records.into_iter().map(record).collect());
    let payload_hex = if content.is_none() { Some(hex(&dead.letter.payload)) } else { None };
    let letter = DeadLetterView {
        id: dead.id.to_string(),
        time: time::format_rfc3339(dead.time),
        reason: dead.letter.reason,
        producer: dead.letter.producer,
        batch_id: dead.letter.batch_id.map(|id| id.to_string()),
        records: dead.letter.records,
        bytes: dead.letter.payload.len() as u64,
        services,
    };
    WholeLetter { letter, content, payload_hex }
}

/// A record as the API shows it, without a position, which it never got.
fn record(record: model::Record) -> serde_json::Value {
    let view = RecordView::from(&StoredRecord { position: Position(0), record });
    let mut value = serde_json::to_value(view).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("position");
    }
    value
}
