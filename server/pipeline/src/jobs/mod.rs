//! Jobs: long work that a user starts, such as replays of a day and deletions by query.
//!
//! A job is a document that also holds the progress. One node at a time runs it, under a lease, and each write of the
//! progress is fenced by the lease and names the version that it replaces. So a node that has lost the lease, or whose
//! job a user has cancelled, writes nothing any more.
//!
//! A kind of jobs has at most [`UNFINISHED`] jobs that are not finished. It keeps its newest [`KEPT`] jobs.
//!
//! | file | content |
//! |---|---|
//! | `progress` | the fenced writes of a running job |
//! | `slot` | the loop of a task that runs jobs |
//! | `store` | the jobs of a kind: storing, reading and cancelling |

mod progress;
mod slot;
mod store;

use model::Nanos;
use serde::{Serialize, de::DeserializeOwned};

pub(crate) use self::{
    progress::Progress,
    slot::{TAKE_OVER, slot},
    store::{Jobs, new_id, unfinished},
};
use crate::{Document, Error, Kind, Result};

/// The maximum number of jobs of a kind that are not finished.
pub const UNFINISHED: usize = 4;
/// The number of jobs of a kind that are kept; a new one removes the oldest finished one past it.
pub const KEPT: usize = 100;

/// The most characters of the error of a job.
pub(crate) const ERROR: usize = 1000;

/// A job as it is stored. Errors name it by [`Kind::name`], such as `replay`.
pub(crate) trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    const KIND: &'static Kind;

    /// The name of the document.
    fn id(&self) -> &str;

    fn set_id(&mut self, id: &str);

    fn started(&self) -> Nanos;

    /// Whether it has neither ended nor was cancelled.
    fn is_running(&self) -> bool;

    /// Whether no node has to run it any more.
    fn is_finished(&self) -> bool;

    /// The last error, or why it failed.
    fn error_mut(&mut self) -> &mut Option<String>;

    /// Cancels it for a user.
    ///
    /// # Errors
    /// `Conflict` if there is nothing to cancel.
    fn cancel(&mut self, now: Nanos) -> Result<()>;

    /// Reads the document.
    ///
    /// # Errors
    /// `Corrupt` if it is not a job of this kind.
    fn read(document: &Document) -> Result<Self> {
        let mut job: Self = document.body.read().map_err(|error| {
            Error::corrupt(format!("the {} {} cannot be read: {error}", Self::KIND.name, document.name))
        })?;
        job.set_id(&document.name);
        Ok(job)
    }

    fn set_error(&mut self, error: Option<&str>) {
        *self.error_mut() = error.map(|error| error.chars().take(ERROR).collect());
    }

    /// The job for users. Unless it is finished, its error is the reason why this node cannot run it, if there is one.
    fn lacking(mut self, reason: Option<&str>) -> Self {
        if reason.is_some() && !self.is_finished() {
            self.set_error(reason);
        }
        self
    }
}
