//! Starting, listing and cancelling deletions.

use std::{collections::BTreeSet, sync::Arc};

use model::{Position, Query, TimeRange, limits};
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{
    REASON,
    document::{Deletion, DeletionState},
    shared::{Needs, Shared},
    slot::slot,
};
use crate::{Error, Result, jobs::new_id, replay::restoring};

/// The name of the task.
const TASK: &str = "deletions";

/// A deletion to start. Its user has seen a preview.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// At most [`limits::QUERY_BYTES`]. Empty for all records, only with `all`.
    pub query: String,
    /// Confirms an empty query.
    pub all: bool,
    /// The times of the records.
    pub range: TimeRange,
    /// The newest position at the preview. Later records stay.
    pub upto: Position,
    /// The number of records of the preview. If more match, the deletion fails before it removes any.
    pub confirmed: u64,
    /// Whether the records are also removed from the archive.
    pub archives: bool,
    /// Why, for people: at most [`REASON`] characters.
    pub reason: String,
    /// The name of the caller.
    pub by: String,
}

/// All deletions of the store, and the task of this process that runs them.
pub struct Deletions {
    shared: Arc<Shared>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Deletions {
    /// Starts the task `deletions`.
    pub fn start(needs: Needs) -> Arc<Self> {
        let supervisor = needs.supervisor.clone();
        let shared = Arc::new(Shared::new(needs));
        let stop = CancellationToken::new();
        let (running, until) = (Arc::clone(&shared), stop.clone());
        let task = supervisor.spawn(TASK, stop.clone(), move || {
            let (shared, until) = (Arc::clone(&running), until.clone());
            async move { slot(&shared, &until).await }
        });
        Arc::new(Self { shared, stop, task: Mutex::new(Some(task)) })
    }

    /// Whether deletions can remove records from an archive.
    pub fn has_archive(&self) -> bool {
        self.shared.archive.is_some()
    }

    /// Stops the task after the step under way, and gives the lease back. Another node goes on, or the next start does.
    pub async fn close(&self) {
        self.stop.cancel();
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }

    /// Starts a deletion. Returns once it is stored; nothing is removed yet.
    ///
    /// # Errors
    /// `Invalid` for an empty query without `all`, a query that does not parse, an empty range, a position that the store
    /// has not reached, a reason that is too long, and for archives without an archive. `Conflict` while a replay to the
    /// store is not finished. `Overloaded` while [`UNFINISHED`](super::UNFINISHED) deletions are not finished. Errors of
    /// the store.
    pub async fn add(&self, request: Request) -> Result<Deletion> {
        self.check(&request).await?;
        let Request { query, all: _, range, upto, confirmed, archives, reason, by } = request;
        let deletion = Deletion {
            id: new_id(),
            query,
            from: range.from,
            until: range.to,
            upto: upto.0,
            confirmed,
            archives,
            reason,
            by,
            state: DeletionState::Running,
            started: self.shared.jobs.clock.now(),
            ended: None,
            total: None,
            removed: 0,
            next: None,
            is_removed: false,
            aside: BTreeSet::new(),
            left: None,
            archived: 0,
            day: None,
            error: None,
        };
        // Once more, because a replay to the store may be stored at the same moment.
        self.shared.jobs.add(&deletion, self.check_replays()).await?;
        // The query may name what shall be forgotten, so it is not logged.
        tracing::info!(deletion = deletion.id, by = deletion.by, records = confirmed, "a deletion starts");
        Ok(deletion)
    }

    async fn check(&self, request: &Request) -> Result<()> {
        let Request { query, all, range, upto, archives, reason, .. } = request;
        check_query(query, *all)?;
        if range.from >= range.to {
            return Err(Error::invalid("the range of times is empty; from must be before its end"));
        }
        if reason.chars().count() > REASON {
            return Err(Error::invalid(format!("reason has more than {REASON} characters; make it shorter")));
        }
        if *archives && !self.has_archive() {
            return Err(Error::invalid(
                "archives is true, and this server has no archive; start it with --archive, or leave archives out",
            ));
        }
        self.check_replays().await?;
        let newest = self.shared.store.newest().await?;
        if *upto > newest {
            return Err(Error::invalid(format!(
                "position is {upto}, and the newest position is {newest}; use the position of the preview"
            )));
        }
        Ok(())
    }

    /// # Errors
    /// `Conflict` while a replay to the store is not finished.
    async fn check_replays(&self) -> Result<()> {
        let Some(id) = restoring(&*self.shared.jobs.documents).await? else { return Ok(()) };
        Err(Error::conflict(format!(
            "the replay {id} to the store is not finished, and it may bring back what is deleted; wait for its end, or \
             cancel it"
        )))
    }

    /// All deletions, newest first.
    pub async fn list(&self) -> Result<Vec<Deletion>> {
        let (deletions, _) = self.shared.jobs.list().await?;
        Ok(deletions.into_iter().rev().map(|(_, deletion)| self.shared.shown(deletion)).collect())
    }

    /// One deletion.
    ///
    /// # Errors
    /// `NotFound` if there is no such deletion.
    pub async fn get(&self, id: &str) -> Result<Deletion> {
        let (_, deletion) = self.shared.jobs.get(id).await?;
        Ok(self.shared.shown(deletion))
    }

    /// Ends a deletion on whichever node runs it, after the step under way. What is removed stays removed. Until what is
    /// left is counted, the deletion is [`DeletionState::Cancelling`].
    ///
    /// # Errors
    /// `NotFound` if there is no such deletion. `Conflict` if it is finished, or cancelled already.
    pub async fn cancel(&self, id: &str) -> Result<Deletion> {
        self.shared.jobs.cancel(id).await
    }
}

/// Checks the query of a deletion, and of its preview.
///
/// # Errors
/// `Invalid` for an empty query without `all`, and for one that is too long or does not parse.
pub fn check_query(query: &str, all: bool) -> Result<()> {
    if query.len() > limits::QUERY_BYTES {
        let (bytes, most) = (query.len(), limits::QUERY_BYTES);
        return Err(Error::invalid(format!("query has {bytes} bytes; it may have {most}")));
    }
    let parsed = Query::parse(query)
        .map_err(|error| Error::invalid(format!("query is {query:?}: {error}; an example is user.id:4711")))?;
    if parsed == Query::default() && !all {
        return Err(Error::invalid(
            "query matches every record; name the records to delete, such as user.id:4711, or set all to true",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_for_everything_must_be_confirmed() {
        for (query, all, is_valid) in [
            ("user.id:4711", false, true),
            ("", false, false),
            ("  ", false, false),
            ("*", false, false),
            ("", true, true),
            ("a (b", false, false),
        ] {
            let checked = check_query(query, all);
            assert_eq!(checked.is_ok(), is_valid, "{query:?}: {checked:?}");
        }
        let error = check_query(&"x".repeat(limits::QUERY_BYTES + 1), true).unwrap_err();
        assert!(error.message.contains("4096"), "{error}");
    }
}
