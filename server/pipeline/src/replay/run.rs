//! The loop of one replay: read, send, acknowledge, retry.

use std::{sync::Arc, time::Duration};

use model::{Query, StoredRecord, audit};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{
    Replay, Target,
    archived::ArchivedBatches,
    document::ReplayState,
    progress::Progress,
    shared::Shared,
    source::{Batches, StoredBatches},
};
use crate::{
    Error, ErrorClass, Lease, LogStore, Result,
    events::ReplayMeters,
    follow::{
        Outgoing,
        ahead::prepared,
        attempts::{Halving, LAST_STORE, Opened, Refusal},
        letters::dead_letters,
        retries::Retries,
        source::{Ahead, Found},
    },
};

/// How long the records are counted before the replay begins without their number.
const COUNT: Duration = Duration::from_secs(30);

/// A replay under its lease.
struct Run {
    store: Arc<dyn LogStore>,
    batches: Batches,
    sink: Opened,
    progress: Progress,
    meters: ReplayMeters,
}

/// Runs a replay until it is finished, is cancelled, or `stop`.
///
/// # Errors
/// `Conflict` if the lease is lost. Errors of the store. The replay goes on from its last acknowledged batch.
pub(super) async fn run(shared: &Shared, id: &str, lease: Lease, stop: &CancellationToken) -> Result<()> {
    let Some(mut progress) = Progress::load(&shared.jobs, id, lease).await? else { return Ok(()) };
    let Some(target) = shared.targets.get(&progress.job.sink) else { return Ok(()) };
    let (query, sink) = match prepare(&progress, target) {
        Ok(prepared) => prepared,
        Err(error) => return progress.end(ReplayState::Failed, Some(&error.message)).await,
    };
    let replay = &progress.job;
    let Some(batches) = batches(shared, replay, query) else { return Ok(()) };
    let meters = ReplayMeters::register(&replay.sink);
    let mut run = Run { store: Arc::clone(&shared.store), batches, sink, progress, meters };
    let outcome = tokio::select! {
        outcome = run.send_all() => outcome,
        () = stop.cancelled() => Ok(()),
        () = shared.jobs.cancelled(id) => Ok(()),
    };
    // Otherwise what was acknowledged last would be sent again.
    if run.progress.has_moved
        && let Ok(Err(error)) = timeout(LAST_STORE, run.progress.store()).await
    {
        tracing::debug!(replay = id, "cannot store the progress: {error}");
    }
    outcome
}

/// The records of a replay; `None` if they are in an archive that this node does not have.
fn batches(shared: &Shared, replay: &Replay, query: Query) -> Option<Batches> {
    let range = replay.range();
    Some(match replay.archived {
        Some(day) => {
            let archive = Arc::clone(shared.archive.as_ref()?);
            Batches::Archived(ArchivedBatches::new(archive, day, range, query))
        }
        None => Batches::Stored(StoredBatches {
            store: Arc::clone(&shared.store),
            range,
            upto: replay.newest(),
            query,
            ahead: Ahead::default(),
        }),
    })
}

/// The filter and the sink of a replay.
///
/// # Errors
/// `Invalid`: only another replay can help.
fn prepare(progress: &Progress, target: &Target) -> Result<(Query, Opened)> {
    let replay = &progress.job;
    if !target.target.is(&replay.target) {
        return Err(Error::invalid(format!(
            "the sink {} sends to {} now, and the replay was started for {}; start another one",
            target.name, target.target, replay.target
        )));
    }
    let query = selected(replay, &target.query)?;
    let sink = (target.build)(replay)?;
    Ok((query, Opened::new(sink)))
}

/// The records that a replay sends, of those that the sink takes.
fn selected(replay: &Replay, of_sink: &Query) -> Result<Query> {
    let query = Query::parse(&replay.query).map_err(|error| Error::invalid(format!("query: {error}")))?;
    let query = of_sink.clone().and(query);
    Ok(if replay.without_audit { query.and(audit::query().not()) } else { query })
}

impl Run {
    async fn send_all(&mut self) -> Result<()> {
        self.count().await;
        let mut ahead = None;
        loop {
            let after = self.progress.job.position();
            let found = match (ahead.take(), self.progress.sending()) {
                (Some(found), _) => Ok(found),
                (None, Some(upto)) => self.batches.again(after, upto).await,
                (None, None) => self.batches.next(after).await,
            };
            let found = match found {
                Ok(found) => found,
                Err(error) => return self.unreadable(error).await,
            };
            if found.records.is_empty() {
                self.progress.advance(found.upto, 0, 0);
                if found.upto >= self.batches.end() {
                    return self.progress.end(ReplayState::Done, None).await;
                }
                continue;
            }
            ahead = self.deliver(found).await?;
        }
    }

    /// An error of the archive is shown, and one that stays ends the replay.
    async fn unreadable(&mut self, error: Error) -> Result<()> {
        match self.batches {
            Batches::Archived(_) if error.is_retryable() => {
                self.progress.failed(&error).await?;
                Err(error)
            }
            Batches::Archived(_) => self.progress.end(ReplayState::Failed, Some(&error.message)).await,
            Batches::Stored(_) => Err(error),
        }
    }

    /// Counts the records once. The number is an estimate for display, so an error is no reason to wait.
    async fn count(&mut self) {
        if self.progress.job.total.is_some() {
            return;
        }
        match timeout(COUNT, self.batches.count()).await {
            Ok(Ok(total)) => self.progress.job.total = total,
            Ok(Err(error)) => tracing::debug!("cannot count the records of a replay: {error}"),
            Err(_) => tracing::debug!("counting the records of a replay took longer than {COUNT:?}"),
        }
    }

    /// Sends a batch until it is acknowledged, stores the progress, and returns the batch after it, read meanwhile.
    async fn deliver(&mut self, found: Found) -> Result<Option<Found>> {
        let upto = found.upto;
        if self.progress.sending() != Some(upto) {
            self.progress.set_sending(upto);
            self.progress.store().await?;
        }
        let records = found.records.len() as u64;
        let Self { batches, sink, progress, store, meters } = self;
        let (preparer, name) = (sink.preparer(), batch_owner(progress));
        let read = async { prepared(preparer, &name, batches.next(upto).await?).await };
        let (refused, ahead) = tokio::join!(send(sink, progress, meters, found.records), read);
        let refused = refused?;
        dead_letters(&**store, &progress.job.sink, &refused).await?;
        let lost = refused.len() as u64;
        progress.advance(upto, records - lost, lost);
        meters.delivered(records - lost, lost);
        // The end of the next batch is stored together with the end of this one.
        if let Ok(ahead) = &ahead
            && !ahead.records.is_empty()
        {
            progress.set_sending(ahead.upto);
        }
        progress.store().await?;
        // An error occurs again, at the next read.
        Ok(ahead.ok())
    }
}

/// The owner of the batch ids: the replay and not the sink. A receiver that lost its records may still know the ids of the
/// batches that brought them.
fn batch_owner(progress: &Progress) -> String {
    format!("{} replay {}", progress.job.sink, progress.job.id)
}

/// Sends all records; returns those that were refused, with the reasons.
async fn send(
    sink: &mut Opened,
    progress: &mut Progress,
    meters: &ReplayMeters,
    records: Vec<StoredRecord>,
) -> Result<Vec<Refusal>> {
    let name = batch_owner(progress);
    let mut halving = Halving::new(&name, Outgoing::new(&name, records));
    let mut retries = Retries::new();
    let mut mark = progress.job.mark.clone();
    while let Some(batch) = halving.next() {
        let begun = Instant::now();
        match sink.send(batch, &mut mark).await {
            Ok(refused) => {
                retries.reset();
                halving.acknowledge(refused);
            }
            Err(error) if error.class == ErrorClass::Invalid => halving.refuse(&error.message),
            Err(error) => {
                let wait = retries.after(&error, begun.elapsed());
                meters.failed();
                progress.failed(&error).await?;
                sleep(wait).await;
            }
        }
    }
    progress.job.mark = mark;
    Ok(halving.into_refused())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stored replay with these further fields.
    fn replay(more: serde_json::Value) -> Replay {
        let mut body = serde_json::json!({
            "from": 0, "until": 1, "sink": "a", "target": "http://a", "query": "level:error", "state": "running",
            "started": 0, "ended": null, "total": null, "sent": 0, "refused": 0, "position": 0, "upto": 0,
            "sending": null, "mark": null, "error": null,
        });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn a_replay_of_somebody_who_sees_no_audit_sends_none() {
        let of_sink = Query::parse("service:a,logboom").unwrap();
        let query = |more| selected(&replay(more), &of_sink).unwrap();
        let all = of_sink.clone().and(Query::parse("level:error").unwrap());
        // Replays of earlier versions have no such field.
        assert_eq!(query(serde_json::json!({})), all);
        assert_eq!(query(serde_json::json!({ "without_audit": false })), all);
        assert_eq!(query(serde_json::json!({ "without_audit": true })), all.and(audit::query().not()));
    }
}
