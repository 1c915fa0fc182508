//! Dead letters: list, show, download, replay, delete.

use std::sync::Arc;

use futures::Stream;
use model::{
    Position, Sight, StoredRecord,
    api::{DeadLetterView, RecordView},
    audit, hex, limits, time,
};
use pipeline::{
    DeadLetter, DeadLetterBounds, DeadLetterFilter, DeadLetterHead, DeadLetterRequest, DeadLettersStatus, Error,
    LogStore, Result, admit::Ingest, envelope, follow::is_of_sink,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
    /// Without it, letters that contain audit records are listed, and nothing else can be done with them.
    sees_audit: bool,
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
#[derive(Debug, Serialize, ToSchema)]
pub struct WholeLetter {
    #[serde(flatten)]
    letter: DeadLetterView,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Vec<serde_json::Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_hex: Option<String>,
}

/// The result of a bulk replay.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Replayed {
    /// Replayed letters; their records are in the queue.
    pub letters: u64,
    pub records: u64,
    /// Letters that could not be replayed.
    pub failed: u64,
    /// The first of these, with reasons.
    failures: Vec<Failure>,
}

/// A letter that could not be replayed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayFailure)]
struct Failure {
    id: String,
    error: String,
}

impl Letters {
    /// `ingest` receives replays; `clock` resolves ranges; `bounds` are those of the store.
    pub fn new(store: Arc<dyn LogStore>, ingest: Ingest, clock: Clock, bounds: DeadLetterBounds) -> Self {
        Self { store, ingest, clock, bounds, sees_audit: true }
    }

    /// For a caller with this sight. One that sees no audit records can neither read, replay nor delete the letters that
    /// contain some: a call for one of them is `Forbidden`, and calls for many leave them out.
    ///
    /// # Errors
    /// `Forbidden` for a limited sight: a letter is a batch of any services, or bytes that no filter reads.
    pub fn seen_by(&self, sight: &Sight) -> Result<Self> {
        need_whole_sight(sight, "dead letters")?;
        Ok(Self { sees_audit: sight.sees_audit(), ..self.clone() })
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
        let letter = found.ok_or_else(|| Error::not_found(format!("no dead letter has the id {id}")))?;
        if !self.sees_audit && has_audit(&letter) {
            return Err(Error::forbidden(format!(
                "the dead letter {id} contains audit records or may do so, and they are for admins alone; ask an admin"
            )));
        }
        Ok(letter)
    }

    /// The ids of the letters that the caller may change.
    async fn changeable(&self, heads: Vec<DeadLetterHead>) -> Result<Vec<i64>> {
        let mut ids = Vec::with_capacity(heads.len());
        for head in heads {
            // The services of a letter may be unknown.
            let may_have = head.services.is_empty() || head.services.iter().any(|service| service == audit::SERVICE);
            let is_withheld = !self.sees_audit
                && may_have
                && self.store.dead_letter(head.id).await?.is_some_and(|letter| has_audit(&letter));
            if !is_withheld {
                ids.push(head.id);
            }
        }
        Ok(ids)
    }

    /// All matching letters, each with its content as one line of JSON.
    pub fn lines(&self, filter: &LetterFilter) -> Result<impl Stream<Item = Result<String>> + Send + use<>> {
        let (store, filter, sees_audit) = (Arc::clone(&self.store), filter.resolve(&self.clock)?, self.sees_audit);
        Ok(async_stream::try_stream! {
            let mut request = DeadLetterRequest { filter, before: None, limit: STEP };
            loop {
                let heads = store.dead_letters(&request).await?;
                let Some(last) = heads.last() else { break };
                request.before = Some(last.id);
                for head in heads {
                    // A letter deleted meanwhile is skipped.
                    let letter = store.dead_letter(head.id).await?;
                    if let Some(letter) = letter.filter(|letter| sees_audit || !has_audit(letter)) {
                        let line = serde_json::to_string(&whole_letter(letter));
                        yield line.map_err(|error| Error::internal(error.to_string()))? + "\n";
                    }
                }
            }
        })
    }

    /// Deletes one letter.
    pub async fn delete(&self, id: i64) -> Result<()> {
        if !self.sees_audit {
            self.letter(id).await?;
        }
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
            let ids = self.changeable(heads).await?;
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
            for id in self.changeable(heads).await? {
                match self.replay(id).await {
                    Ok(records) => {
                        replayed.letters += 1;
                        replayed.records += records as u64;
                    }
                    Err(error) if error.is_retryable() => return Err(error),
                    Err(error) => {
                        replayed.failed += 1;
                        if replayed.failures.len() < LISTED_FAILURES {
                            replayed.failures.push(Failure { id: id.to_string(), error: error.message });
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

/// Whether the letter is a batch with audit records, or a batch that cannot be decoded and may have some. Other bytes are
/// those of a stranger.
fn has_audit(letter: &DeadLetter) -> bool {
    has_audit_records(&letter.letter.payload)
}

fn has_audit_records(payload: &[u8]) -> bool {
    match envelope::decode(payload) {
        Ok(batch) => batch.records.iter().any(audit::is_audit),
        Err(_) => envelope::begins_as_batch(payload),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_does_not_decode_may_have_audit_records() {
        for payload in [&[0, 0xff, 0xff][..], &[1, 2, 3], &[31]] {
            assert!(has_audit_records(payload), "{payload:?}");
        }
        for payload in [&b""[..], b"{\"message\":\"no batch\"}", &[0xff, 0xfe]] {
            assert!(!has_audit_records(payload), "{payload:?}");
        }
    }
}
