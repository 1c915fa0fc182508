//! Dead letters: listed, and tried again.

use std::sync::Arc;

use model::{api::DeadLetterView, limits, time};
use pipeline::{DeadLetter, Error, LogStore, Result, admit::Ingest, envelope};

/// What could not be stored.
#[derive(Clone)]
pub(crate) struct Letters {
    pub(crate) store: Arc<dyn LogStore>,
    pub(crate) ingest: Ingest,
}

impl Letters {
    /// The newest first, with an id below `before`.
    pub(crate) async fn list(&self, before: Option<i64>, limit: usize) -> Result<Vec<DeadLetterView>> {
        if !(1..=limits::PAGE_RECORDS).contains(&limit) {
            return Err(Error::invalid(format!("limit is {limit}; it may be 1 to {}", limits::PAGE_RECORDS)));
        }
        Ok(self.store.dead_letters(before, limit).await?.into_iter().map(view).collect())
    }

    /// Puts the letter's batch through the queue again; the letter goes once that is
    /// durable. Returns how many records it holds.
    pub(crate) async fn replay(&self, id: i64) -> Result<usize> {
        let found = self.store.dead_letters(id.checked_add(1), 1).await?;
        let letter = found
            .into_iter()
            .find(|letter| letter.id == id)
            .ok_or_else(|| Error::not_found(format!("no dead letter has the id {id}")))?;
        let batch = envelope::decode(&letter.letter.payload)
            .map_err(|error| Error::invalid(format!("the dead letter holds no batch that could be stored: {error}")))?;
        let records = batch.records.len();
        self.ingest.replay(batch).await?;
        self.store.remove_dead_letters(&[id]).await?;
        Ok(records)
    }
}

fn view(dead: DeadLetter) -> DeadLetterView {
    DeadLetterView {
        id: dead.id.to_string(),
        time: time::format_rfc3339(dead.time),
        reason: dead.letter.reason,
        producer: dead.letter.producer,
        batch_id: dead.letter.batch_id.map(|id| id.to_string()),
        records: dead.letter.records,
        bytes: dead.letter.payload.len(),
    }
}
