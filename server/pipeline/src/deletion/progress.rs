//! The fenced writes of a running deletion.

use std::sync::Arc;

use super::document::{DELETION, Deletion, DeletionState};
use crate::{Documents, Error, Expected, Json, Lease, Result, Version, clock::Clock};

/// A deletion whose lease is held. A write fails if the lease is lost or the deletion was cancelled.
pub(super) struct Progress {
    pub(super) deletion: Deletion,
    pub(super) lease: Lease,
    version: Version,
    documents: Arc<dyn Documents>,
    pub(super) clock: Clock,
}

impl Progress {
    /// Reads the deletion; `None` if it is finished or gone.
    pub(super) async fn load(
        id: &str,
        lease: Lease,
        documents: Arc<dyn Documents>,
        clock: Clock,
    ) -> Result<Option<Self>> {
        let Some(document) = documents.get(&DELETION, id).await? else { return Ok(None) };
        let deletion = Deletion::read(&document)?;
        let progress = Self { deletion, lease, version: document.version, documents, clock };
        Ok(Some(progress).filter(|progress| !progress.deletion.is_finished()))
    }

    /// # Errors
    /// `Conflict` if the lease is lost or the deletion was cancelled.
    pub(super) async fn store(&mut self) -> Result<()> {
        let body = Json::from_value(&self.deletion)?;
        let expected = Expected::Version(self.version);
        self.version = self.documents.put(&DELETION, &self.deletion.id, &body, expected, Some(&self.lease)).await?;
        Ok(())
    }

    /// Ends it. `note` is called before that is stored: after a crash in between, it is called once more at the next
    /// end, and not never.
    pub(super) async fn end(
        &mut self,
        state: DeletionState,
        error: Option<&str>,
        note: &(dyn Fn(&Deletion) + Send + Sync),
    ) -> Result<()> {
        self.deletion.state = state;
        self.deletion.ended = Some(self.clock.now());
        self.deletion.set_error(error);
        note(&self.deletion);
        self.store().await
    }

    /// Stores an error that is retried, if it is another one than before.
    pub(super) async fn failed(&mut self, error: &Error) -> Result<()> {
        let before = self.deletion.error.take();
        self.deletion.set_error(Some(&error.message));
        if before == self.deletion.error {
            return Ok(());
        }
        self.store().await
    }
}
