//! The jobs of a kind: storing, reading and cancelling.

use std::{marker::PhantomData, sync::Arc, time::Duration};

use tokio::{sync::Mutex, time::sleep};

use super::{Job, KEPT, UNFINISHED};
use crate::{Documents, Error, ErrorClass, Expected, Json, Lease, Leases, Result, Version, clock::Clock, lease};

/// The duration of a lease without a renewal.
const LEASE: Duration = Duration::from_secs(15);
/// When to try again while another node starts a job.
const START_RETRY: Duration = Duration::from_secs(1);
/// When to try again while too many jobs are unfinished.
const FULL_RETRY: Duration = Duration::from_secs(60);
/// A cancellation is repeated this many times if the job moves on meanwhile.
const CANCELLATIONS: usize = 50;
/// The pause between two looks at whether a job was cancelled.
const LOOK: Duration = Duration::from_millis(200);

/// All jobs of a kind, of all nodes.
pub(crate) struct Jobs<J> {
    pub(crate) documents: Arc<dyn Documents>,
    pub(crate) clock: Clock,
    leases: Arc<dyn Leases>,
    /// The name of this process, shown as the holder of a lease.
    holder: String,
    adding: Mutex<()>,
    kind: PhantomData<fn() -> J>,
}

impl<J: Job> Jobs<J> {
    pub(crate) fn new(documents: Arc<dyn Documents>, leases: Arc<dyn Leases>, clock: Clock, holder: String) -> Self {
        Self { documents, clock, leases, holder, adding: Mutex::default(), kind: PhantomData }
    }

    /// Does `work` under the lease. Returns `None` without having begun if another node has it, or another task.
    ///
    /// # Errors
    /// `Conflict` when the lease is lost: `work` was dropped where it stood.
    pub(crate) async fn hold<T, F: Future<Output = T>>(
        &self,
        name: &str,
        work: impl FnOnce(Lease) -> F,
    ) -> Result<Option<T>> {
        lease::hold(&*self.leases, name, &self.holder, LEASE, work).await
    }

    /// Stores a new job within the limits. `check` runs after that, and takes the job back if it fails.
    ///
    /// # Errors
    /// `Overloaded` while [`UNFINISHED`] jobs are not finished, and while another node adds one. The error of `check`.
    pub(crate) async fn add(&self, job: &J, check: impl Future<Output = Result<()>>) -> Result<()> {
        let _adding = self.adding.lock().await;
        let name = J::KIND.name;
        // Under a lease, so that two nodes do not exceed the limit together.
        let stored = self.hold(&format!("start of a {name}"), |_| self.put(job, check)).await?;
        stored.unwrap_or_else(|| {
            Err(Error::overloaded(format!("another {name} is being started; try again"), START_RETRY))
        })
    }

    async fn put(&self, job: &J, check: impl Future<Output = Result<()>>) -> Result<()> {
        let (mut jobs, _) = self.list().await?;
        if jobs.iter().filter(|(_, job)| !job.is_finished()).count() >= UNFINISHED {
            let limit = format!("{UNFINISHED} {} are unfinished, which is the limit", J::KIND.plural);
            return Err(Error::overloaded(format!("{limit}; wait for one to end, or cancel one"), FULL_RETRY));
        }
        let excess = (jobs.len() + 1).saturating_sub(KEPT);
        jobs.retain(|(_, job)| job.is_finished());
        for (version, old) in jobs.into_iter().take(excess) {
            self.documents.delete(J::KIND, old.id(), Expected::Version(version), None).await?;
        }
        let body = Json::from_value(job)?;
        let stored = self.documents.put(J::KIND, job.id(), &body, Expected::Absent, None).await?;
        let Err(refused) = check.await else { return Ok(()) };
        match self.documents.delete(J::KIND, job.id(), Expected::Version(stored), None).await {
            // It has begun before what speaks against it was there, so that waits or takes itself back.
            Err(error) if error.class == ErrorClass::Conflict => Ok(()),
            taken_back => taken_back.and(Err(refused)),
        }
    }

    /// All jobs that can be read, oldest first, and the version of the list.
    pub(crate) async fn list(&self) -> Result<(Vec<(Version, J)>, Version)> {
        let listing = self.documents.list(J::KIND).await?;
        let mut jobs = Vec::new();
        for document in &listing.documents {
            match J::read(document) {
                Ok(job) => jobs.push((document.version, job)),
                Err(error) => tracing::warn!("{error}; it is left out"),
            }
        }
        jobs.sort_by(|(_, a), (_, b)| (a.started(), a.id()).cmp(&(b.started(), b.id())));
        Ok((jobs, listing.version))
    }

    /// One job.
    ///
    /// # Errors
    /// `NotFound` if there is no such job.
    pub(crate) async fn get(&self, id: &str) -> Result<(Version, J)> {
        let missing = || {
            let (name, plural) = (J::KIND.name, J::KIND.plural);
            Error::not_found(format!("there is no {name} {id:?}; GET /api/v1/{plural} lists them"))
        };
        let document = self.documents.get(J::KIND, id).await?.ok_or_else(missing)?;
        Ok((document.version, J::read(&document)?))
    }

    /// Cancels a job on whichever node runs it.
    ///
    /// # Errors
    /// `NotFound` if there is no such job. `Conflict` if there is nothing to cancel.
    pub(crate) async fn cancel(&self, id: &str) -> Result<J> {
        for _ in 0..CANCELLATIONS {
            let (version, mut job) = self.get(id).await?;
            job.cancel(self.clock.now())?;
            let body = Json::from_value(&job)?;
            match self.documents.put(J::KIND, id, &body, Expected::Version(version), None).await {
                Ok(_) => return Ok(job),
                // The job moved on.
                Err(error) if error.class == ErrorClass::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        let name = J::KIND.name;
        Err(Error::overloaded(format!("the {name} {id} moves too fast to be cancelled now; try again"), START_RETRY))
    }

    /// Returns once a user has cancelled the job, or once it has ended, is gone or cannot be read.
    pub(crate) async fn cancelled(&self, id: &str) {
        let mut seen = Version::default();
        loop {
            let look = async {
                seen = self.documents.watch(J::KIND, seen).await?;
                self.documents.get(J::KIND, id).await
            };
            match look.await {
                Ok(None) => return,
                Ok(Some(document)) if !J::read(&document).is_ok_and(|job| job.is_running()) => return,
                Ok(Some(_)) | Err(_) => sleep(LOOK).await,
            }
        }
    }
}

/// The id of a new job: 8 hexadecimal digits.
pub(crate) fn new_id() -> String {
    format!("{:08x}", rand::random::<u32>())
}

/// The id of a job that is not finished, of those that `is_wanted` accepts.
pub(crate) async fn unfinished<J: Job>(documents: &dyn Documents, is_wanted: fn(&J) -> bool) -> Result<Option<String>> {
    let listing = documents.list(J::KIND).await?;
    let mut jobs = listing.documents.iter().filter_map(|document| J::read(document).ok());
    Ok(jobs.find(|job| !job.is_finished() && is_wanted(job)).map(|job| job.id().to_owned()))
}
