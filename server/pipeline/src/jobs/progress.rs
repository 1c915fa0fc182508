//! The fenced writes of a running job.

use std::sync::Arc;

use super::{Job, Jobs};
use crate::{Documents, Error, Expected, Json, Lease, Result, Version, clock::Clock};

/// A job whose lease is held. A write fails if the lease is lost or the job was cancelled.
pub(crate) struct Progress<J> {
    pub(crate) job: J,
    pub(crate) lease: Lease,
    pub(crate) clock: Clock,
    /// The work has moved on since the last write, which is worth a write before the task stops.
    pub(crate) has_moved: bool,
    version: Version,
    documents: Arc<dyn Documents>,
}

impl<J: Job> Progress<J> {
    /// Reads the job; `None` if it is finished or gone.
    pub(crate) async fn load(jobs: &Jobs<J>, id: &str, lease: Lease) -> Result<Option<Self>> {
        let (documents, clock) = (Arc::clone(&jobs.documents), jobs.clock.clone());
        let Some(document) = documents.get(J::KIND, id).await? else { return Ok(None) };
        let job = J::read(&document)?;
        let progress = Self { job, lease, clock, has_moved: false, version: document.version, documents };
        Ok(Some(progress).filter(|progress| !progress.job.is_finished()))
    }

    /// # Errors
    /// `Conflict` if the lease is lost or the job was cancelled.
    pub(crate) async fn store(&mut self) -> Result<()> {
        let body = Json::from_value(&self.job)?;
        let expected = Expected::Version(self.version);
        self.version = self.documents.put(J::KIND, self.job.id(), &body, expected, Some(&self.lease)).await?;
        self.has_moved = false;
        Ok(())
    }

    /// Notes an error that is retried, for the next write. Returns whether it is another one than before.
    pub(crate) fn note_error(&mut self, error: &Error) -> bool {
        let before = self.job.error_mut().take();
        self.job.set_error(Some(&error.message));
        before != *self.job.error_mut()
    }
}
