//! Dead letters: list, show, download, replay, delete.

use std::sync::Arc;

use futures::Stream;
use model::{
    Position, Sight, StoredRecord,
    api::{DeadLetterView, RecordView},
    hex, limits, time,
};
use pipeline::{
    DeadLetter, DeadLetterBounds, DeadLetterFilter, DeadLetterHead, DeadLetterRequest, DeadLettersStatus, Error,
    LogStore, Result, admit::Ingest, envelope, follow::is_of_sink,
};
use serde::{Deserialize, Serialize};

use crate::{
    range::{Clock, DefaultRange, RangeText},
    sight::need_whole_sight,
};

/// The letters per step of a download, a deletion or a replay.
const STEP: usize = 100;
/// The letters per dashboard page.
const PAGE: usize = 50;
/// The limit of listed failures in the result of a bulk replay.
const LISTED_FAILURES: usize = 100;

/// Reads and replays dead letters.
#[derive(Clone)]
pub struct Letters {
    store: Arc<dyn LogStore>,
    ingest: Ingest,
    clock: Clock,
    bounds: DeadLetterBounds,
}

/// A filter of dead letters in text form; empty texts are ignored.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct LetterFilter {
    pub reason: Option<String>,
    pub door: Option<String>,
    pub service: Option<String>,
    pub from: Option<String>,
    pub to: Option<String>,
    /// The greatest selected id.
    pub upto: Option<i64>,
}

impl LetterFilter {
    /// The non-empty parameters by name.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
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

    /// Whether the filter selects every letter.
    pub fn is_all(&self) -> bool {
        self.fields().is_empty() && self.upto.is_none()
    }

    fn resolve(&self, clock: &Clock) -> Result<DeadLetterFilter> {
        let text =
            |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        let range =
            RangeText { from: self.from.as_deref(), to: self.to.as_deref() }.resolve(clock, DefaultRange::All)?;
        Ok(DeadLetterFilter {
            reason: text(&self.reason),
            producer: text(&self.door),
            service: text(&self.service),
            range,
            upto: self.upto,
        })
    }
}

/// A page of letters.
#[derive(Debug, Clone, Default)]
pub struct LetterPage {
    pub letters: Vec<DeadLetterView>,
    /// The id before which the next page begins; `None` on the last page.
    pub next: Option<String>,
    /// The newest matching id. Bulk actions exclude later letters.
    pub newest: Option<String>,
}

/// A letter with its payload: as records, or in hexadecimal if it is not a batch.
#[derive(Debug, Serialize)]
pub struct WholeLetter {
    #[serde(flatten)]
    letter: DeadLetterView,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Vec<serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_hex: Option<String>,
}

/// The result of a bulk replay.
#[derive(Debug, Default, Serialize)]
pub struct Replayed {
    /// Replayed letters; their records are in the queue.
    pub letters: u64,
    pub records: u64,
    /// Letters that could not be replayed.
    pub failed: u64,
    /// The first of these, with reasons.
    failures: Vec<Failure>,
}

#[derive(Debug, Serialize)]
struct Failure {
    id: String,
    error: String,
}

impl Letters {
    /// `ingest` receives replays; `clock` resolves ranges; `bounds` are those of the store.
    pub fn new(store: Arc<dyn LogStore>, ingest: Ingest, clock: Clock, bounds: DeadLetterBounds) -> Self {
        Self { store, ingest, clock, bounds }
    }

    /// For a caller with this sight.
    ///
    /// # Errors
    /// `Forbidden` for a limited sight: a letter is a batch of any services, or bytes that no filter reads.
    pub fn seen_by(&self, sight: &Sight) -> Result<&Self> {
        need_whole_sight(sight, "dead letters")?;
        Ok(self)
    }

    /// A page of matching letters, newest first, with ids below `before`.
    pub async fn list(&self, filter: &LetterFilter, before: Option<i64>, limit: usize) -> Result<Vec<DeadLetterView>> {
        if !(1..=limits::PAGE_RECORDS).contains(&limit) {
            return Err(Error::invalid(format!("limit is {limit}; it may be 1 to {}", limits::PAGE_RECORDS)));
        }
        let filter = filter.resolve(&self.clock)?;
        let request = DeadLetterRequest { filter, before, limit };
        Ok(self.store.dead_letters(&request).await?.into_iter().map(view).collect())
    }

    /// A dashboard page of matching letters, newest first, with ids below `before`.
    pub async fn page(&self, filter: &LetterFilter, before: Option<i64>) -> Result<LetterPage> {
        // One more than shown, to detect a next page.
        let mut letters = self.list(filter, before, PAGE + 1).await?;
        let more = letters.len() > PAGE;
        letters.truncate(PAGE);
        let next = letters.last().filter(|_| more).map(|letter| letter.id.clone());
        let newest = match before {
            None => letters.first().map(|letter| letter.id.clone()),
            Some(_) => self.list(filter, None, 1).await?.pop().map(|letter| letter.id),
        };
        Ok(LetterPage { letters, next, newest })
    }

    /// The counts of kept and dropped letters.
    pub fn status(&self) -> DeadLettersStatus {
        self.store.status().dead_letters
    }

    /// The limits beyond which the oldest letters are dropped.
    pub fn bounds(&self) -> &DeadLetterBounds {
        &self.bounds
    }

    /// One letter with its content.
    pub async fn show(&self, id: i64) -> Result<WholeLetter> {
        self.letter(id).await.map(whole_letter)
    }

    /// The original payload.
    pub async fn payload(&self, id: i64) -> Result<Vec<u8>> {
        Ok(self.letter(id).await?.letter.payload)
    }

    async fn letter(&self, id: i64) -> Result<DeadLetter> {
        let found = self.store.dead_letter(id).await?;
        found.ok_or_else(|| Error::not_found(format!("no dead letter has the id {id}")))
    }

    /// All matching letters, each with its content as one line of JSON.
    pub fn lines(&self, filter: &LetterFilter) -> Result<impl Stream<Item = Result<String>> + Send + use<>> {
        let (store, filter) = (Arc::clone(&self.store), filter.resolve(&self.clock)?);
        Ok(async_stream::try_stream! {
            let mut request = DeadLetterRequest { filter, before: None, limit: STEP };
            loop {
                let heads = store.dead_letters(&request).await?;
                let Some(last) = heads.last() else { break };
                request.before = Some(last.id);
                for head in heads {
                    // A letter deleted meanwhile is skipped.
                    if let Some(letter) = store.dead_letter(head.id).await? {
                        let line = serde_json::to_string(&whole_letter(letter));
                        yield line.map_err(|error| Error::internal(error.to_string()))? + "\n";
                    }
                }
            }
        })
    }

    /// Deletes one letter.
    pub async fn delete(&self, id: i64) -> Result<()> {
        match self.store.remove_dead_letters(&[id]).await? {
            0 => Err(Error::not_found(format!("no dead letter has the id {id}"))),
            _ => {
                tracing::info!(id, "a dead letter was deleted");
                Ok(())
            }
        }
    }

    /// Deletes all matching letters; returns their number.
    pub async fn delete_all(&self, filter: &LetterFilter) -> Result<u64> {
        let mut request = self.matching_now(filter).await?;
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

    /// Publishes the letter's batch to the queue, and deletes the letter once that is durable. Returns its number of
    /// records.
    pub async fn replay(&self, id: i64) -> Result<usize> {
        let letter = self.letter(id).await?;
        if is_of_sink(&letter.letter.producer) {
            return Err(Error::invalid(format!(
                "its records are stored, and the {} refused them; mend their destination, or download the letter and \
                 send its records there",
                letter.letter.producer
            )));
        }
        let batch = envelope::decode(&letter.letter.payload)
            .map_err(|error| Error::invalid(format!("the dead letter contains no valid batch: {error}")))?;
        let records = batch.records.len();
        self.ingest.replay(batch).await?;
        self.store.remove_dead_letters(&[id]).await?;
        Ok(records)
    }

    /// Replays all matching letters, newest first. A letter that cannot be replayed stays. If the queue is unavailable,
    /// the rest is not tried.
    pub async fn replay_all(&self, filter: &LetterFilter) -> Result<Replayed> {
        let mut request = self.matching_now(filter).await?;
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
                        if replayed.failures.len() < LISTED_FAILURES {
                            replayed.failures.push(Failure { id: head.id.to_string(), error: error.message });
                        }
                    }
                }
            }
        }
    }

    /// Selects only letters that match now. Later ones, such as failures of a replay itself, are excluded.
    async fn matching_now(&self, filter: &LetterFilter) -> Result<DeadLetterRequest> {
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

fn whole_letter(dead: DeadLetter) -> WholeLetter {
    let batch = envelope::decode(&dead.letter.payload).ok();
    let services = dead.letter.services();
    let content = batch.map(|batch| batch.records.into_iter().map(record).collect());
    let payload_hex = if content.is_none() { Some(hex::encode(&dead.letter.payload)) } else { None };
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

/// A record as in the API, without a position, which it never had.
fn record(record: model::Record) -> serde_json::Value {
    let view = RecordView::from(&StoredRecord { position: Position(0), record });
    let mut value = serde_json::to_value(view).unwrap_or_default();
    if let Some(fields) = value.as_object_mut() {
        fields.remove("position");
    }
    value
}
