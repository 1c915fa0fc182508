//! Days of an archive, redacted as they are read: they may be from before a rule.

use std::sync::Arc;

use async_trait::async_trait;
use futures::{StreamExt as _, stream::BoxStream};
use model::{Nanos, StoredRecord};

use super::Redaction;
use crate::{
    Error, Result,
    replay::{ArchivedDay, ArchivedDays},
};

/// An archive without what the rules match.
pub struct RedactedDays {
    days: Arc<dyn ArchivedDays>,
    redaction: Arc<Redaction>,
}

impl RedactedDays {
    pub fn new(days: Arc<dyn ArchivedDays>, redaction: Arc<Redaction>) -> Self {
        Self { days, redaction }
    }
}

#[async_trait]
impl ArchivedDays for RedactedDays {
    async fn find(&self, start: Nanos) -> Result<Option<ArchivedDay>> {
        self.days.find(start).await
    }

    fn read(&self, day: ArchivedDay) -> BoxStream<'static, Result<Vec<StoredRecord>>> {
        let redaction = Arc::clone(&self.redaction);
        let redacted = move |records| redacted(Arc::clone(&redaction), records);
        self.days.read(day).then(redacted).boxed()
    }
}

/// Redacts records apart from the runtime: thousands of them are work for a while.
async fn redacted(redaction: Arc<Redaction>, records: Result<Vec<StoredRecord>>) -> Result<Vec<StoredRecord>> {
    let mut records = records?;
    let redact = move || {
        redaction.all(records.iter_mut().map(|stored| &mut stored.record));
        records
    };
    let done = tokio::task::spawn_blocking(redact).await;
    done.map_err(|error| Error::internal(format!("the redaction of archived records failed: {error}")))
}
