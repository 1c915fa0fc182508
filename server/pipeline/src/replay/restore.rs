//! The store as the destination of a replay: the records that it does not have are stored again.
//!
//! The records keep their ids, times and attributes, and get new positions. They take the way of new ones, through the
//! queue, because the consume stage is the only writer of the store.
//!
//! Nothing is doubled, for three reasons. A record whose id the store has is skipped. One batch at a time is restored,
//! under a lease, until the store has all of it; so no later look at the store misses records that are still in the
//! queue. The ids of the queue's batches are derived from the replay and from the ids of the records, so the ledger
//! recognises what a replay publishes again after a crash.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use model::{Position, Query, Record, RecordId, TimeRange, limits};
use sha2::{Digest as _, Sha256};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    STORE, Target,
    document::{Replay, skipped},
};
use crate::{
    Batch, BatchId, Error, Leases, LogStore, Queue, ReadLimit, Result,
    backoff::Backoff,
    follow::{BYTES, Outgoing, RECORDS, Sent, Sink},
    hold,
};

/// The lease of the batch that is restored.
const NAME: &str = "replay to the store";
const LEASE: Duration = Duration::from_secs(15);
/// When to try again while another replay restores a batch.
const RETRY: Duration = Duration::from_secs(1);
/// How long a batch may take before its replay shows that it waits.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a batch may take before it is given up and begun again.
const LIMIT: Duration = Duration::from_secs(600);
/// The pauses between two looks at the store.
const LOOK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// Batches that are published at the same time. Records whose ids do not follow each other need a batch each.
const PUBLISHING: usize = 64;
/// A batch of the queue is closed when its records weigh this many bytes. A single record may weigh more.
const BATCH_WEIGHT: usize = limits::BATCH_BYTES / 2;
/// The limit of one read from the store.
const READ: ReadLimit = ReadLimit { records: RECORDS, bytes: 2 * BYTES };

/// The destination `store` of replays.
///
/// `holder` is the name of this process.
pub fn store_target(store: Arc<dyn LogStore>, queue: Arc<dyn Queue>, holder: String) -> Target {
    let leases = store.leases();
    let way = Way { store, queue, leases, holder };
    Target {
        name: STORE.to_owned(),
        target: STORE.into(),
        query: Query::default(),
        build: Arc::new(move |replay: &Replay| {
            Ok(Box::new(Restorer {
                way: way.clone(),
                replay: replay.id.clone(),
                newest: replay.newest(),
                skipped: 0,
                under_way: None,
            }))
        }),
    }
}

/// The ports that a batch passes on its way into the store.
#[derive(Clone)]
struct Way {
    store: Arc<dyn LogStore>,
    queue: Arc<dyn Queue>,
    leases: Arc<dyn Leases>,
    holder: String,
}

/// The sink of one replay. Its mark is the number of skipped records.
struct Restorer {
    way: Way,
    replay: String,
    /// The newest position at the start of the replay: what is after it was not there before.
    newest: Position,
    skipped: u64,
    under_way: Option<(BatchId, JoinHandle<Result<u64>>)>,
}

#[async_trait]
impl Sink for Restorer {
    async fn open(&mut self, mark: Option<&str>) -> Result<()> {
        self.skipped = skipped(mark);
        Ok(())
    }

    async fn send(&mut self, batch: &Outgoing) -> Result<Sent> {
        let mut task = match self.under_way.take() {
            Some((id, task)) if id == batch.id => task,
            _ => {
                let records = batch.records.iter().map(|stored| stored.record.clone()).collect();
                let (way, replay, newest) = (self.way.clone(), self.replay.clone(), self.newest);
                // A task, because a cancelled replay must not leave something in the queue that the next one does not
                // see: the task keeps the lease until the store has the batch.
                tokio::spawn(async move { way.restore(&replay, newest, records).await })
            }
        };
        let Ok(done) = timeout(PATIENCE, &mut task).await else {
            self.under_way = Some((batch.id, task));
            return Err(Error::unavailable(format!(
                "the store has not taken a batch within {} s, it waits in the queue or for it; see the card Queue on \
                 System",
                PATIENCE.as_secs()
            )));
        };
        self.skipped += done.map_err(|error| Error::internal(format!("storing a batch failed: {error}")))??;
        Ok(Sent { refused: Vec::new(), mark: Some(self.skipped.to_string()) })
    }
}

impl Way {
    /// Stores what is missing, and returns the number of records that the store had before the replay. Holds the lease
    /// meanwhile.
    async fn restore(&self, replay: &str, newest: Position, records: Vec<Record>) -> Result<u64> {
        let work = async |_| self.restore_alone(replay, newest, records).await;
        let done = hold(&*self.leases, NAME, &self.holder, LEASE, work).await?;
        let done = done.unwrap_or_else(|| Err(Error::overloaded("another replay stores a batch now", RETRY)));
        // An invalid request here is a fault of the program. No record is refused for it.
        done.map_err(|error| if error.is_retryable() { error } else { Error::internal(error.message) })
    }

    async fn restore_alone(&self, replay: &str, newest: Position, records: Vec<Record>) -> Result<u64> {
        let Some(range) = times(&records) else { return Ok(0) };
        let until = Instant::now() + LIMIT;
        let before = self.store.newest().await?;
        let ids: HashSet<RecordId> = records.iter().map(|record| record.id).collect();
        let found = self.find(range, Position(i64::MIN), &ids).await?;
        let skipped = records.iter().filter(|record| found.get(&record.id).is_some_and(|at| *at <= newest)).count();
        let missing: Vec<Record> = records.into_iter().filter(|record| !found.contains_key(&record.id)).collect();
        let mut ids: HashSet<RecordId> = missing.iter().map(|record| record.id).collect();
        let published = stream::iter(batches(replay, missing)).map(|batch| self.publish(batch, until));
        let mut published = published.buffered(PUBLISHING);
        while let Some(done) = published.next().await {
            done?;
        }
        let (first, longest) = LOOK;
        let mut backoff = Backoff::new(first, longest);
        while !ids.is_empty() {
            match self.find(range, before, &ids).await {
                Ok(found) => ids.retain(|id| !found.contains_key(id)),
                Err(error) => tracing::debug!(replay, "cannot look for restored records now: {error}"),
            }
            if Instant::now() >= until {
                return Err(Error::unavailable(format!(
                    "the store has not taken {} records within {} s; the queue may be far behind, or dead letters have \
                     them: see System",
                    ids.len(),
                    LIMIT.as_secs()
                )));
            }
            if !ids.is_empty() {
                sleep(backoff.next()).await;
            }
        }
        Ok(skipped as u64)
    }

    /// Publishes until it succeeds. A batch that was published twice is stored once.
    async fn publish(&self, batch: Batch, until: Instant) -> Result<()> {
        let batch = Arc::new(batch);
        let mut backoff = Backoff::of_stage();
        loop {
            match self.queue.publish(Arc::clone(&batch)).await {
                Err(error) if error.is_retryable() && Instant::now() < until => {
                    sleep(error.retry_after.unwrap_or_default().max(backoff.next())).await;
                }
                done => return done,
            }
        }
    }

    /// The positions of the records after `after` that have these ids and times.
    async fn find(
        &self,
        range: TimeRange,
        after: Position,
        ids: &HashSet<RecordId>,
    ) -> Result<HashMap<RecordId, Position>> {
        let mut found = HashMap::new();
        let mut after = after;
        loop {
            let page = self.store.read_after(after, Position(i64::MAX), range, &Query::default(), READ).await?;
            let stored = page.iter().filter(|stored| ids.contains(&stored.record.id));
            found.extend(stored.map(|stored| (stored.record.id, stored.position)));
            match page.last() {
                Some(last) if READ.is_reached_by(&page) => after = last.position,
                _ => return Ok(found),
            }
        }
    }
}

/// From the earliest to the latest time; `None` without records.
fn times(records: &[Record]) -> Option<TimeRange> {
    let times = || records.iter().map(|record| record.time);
    Some(TimeRange { from: times().min()?, to: times().max()?.saturating_add(1) })
}

/// Batches for the queue, in the order of admission. The ids within a batch follow each other.
fn batches(replay: &str, mut records: Vec<Record>) -> Vec<Batch> {
    records.sort_unstable_by_key(|record| record.id);
    records.dedup_by_key(|record| record.id);
    let mut batches: Vec<Batch> = Vec::new();
    let mut weight = 0;
    for record in records {
        weight += record.weight();
        match batches.last_mut() {
            Some(batch) if weight <= BATCH_WEIGHT && continues(batch, &record) => batch.records.push(record),
            _ => {
                weight = record.weight();
                batches.push(Batch {
                    id: BatchId([0; 16]),
                    client_id: true,
                    producer: format!("replay {replay}").as_str().into(),
                    observed_time: record.observed_time,
                    records: vec![record],
                });
            }
        }
    }
    for batch in &mut batches {
        batch.id = batch_id(replay, &batch.records);
    }
    batches
}

fn continues(batch: &Batch, record: &Record) -> bool {
    let places = batch.records.len();
    places < limits::RECORDS_PER_BATCH
        && batch.observed_time == record.observed_time
        && batch.records.first().is_some_and(|first| first.id.nth(places) == record.id)
}

/// The replay is part of the id: a store that lost its records may still know the ids of an earlier replay.
fn batch_id(replay: &str, records: &[Record]) -> BatchId {
    let mut digest = Sha256::new();
    digest.update(format!("replay {replay} to the store"));
    for record in records.first().iter().chain(&records.last()) {
        digest.update(record.id.to_bytes());
    }
    BatchId::of_digest(digest)
}

#[cfg(test)]
mod tests {
    use model::Severity;

    use super::*;

    fn record(id: u128, observed_time: i64) -> Record {
        Record {
            id: RecordId(id),
            time: 1,
            observed_time,
            severity: Severity::INFO,
            level: "info".into(),
            service: "api".into(),
            node: "n1".into(),
            message: "message".into(),
            attributes: Vec::new(),
            trace_id: None,
            span_id: None,
        }
    }

    fn ids(batches: &[Batch]) -> Vec<Vec<u128>> {
        batches.iter().map(|batch| batch.records.iter().map(|record| record.id.0).collect()).collect()
    }

    #[test]
    fn records_with_ids_that_follow_each_other_share_a_batch() {
        let records = [7, 3, 4, 9, 5, 4].map(|id| record(id, 0)).to_vec();
        assert_eq!(ids(&batches("a", records)), [vec![3, 4, 5], vec![7], vec![9]]);
        let other_time = vec![record(3, 0), record(4, 1)];
        assert_eq!(ids(&batches("a", other_time)), [[3], [4]]);
        let many: Vec<Record> = (0..25_000).map(|id| record(id, 0)).collect();
        let sizes: Vec<usize> = batches("a", many).iter().map(|batch| batch.records.len()).collect();
        assert_eq!(sizes.iter().sum::<usize>(), 25_000);
        assert!(sizes.iter().all(|size| *size <= limits::RECORDS_PER_BATCH));
    }

    #[test]
    fn what_is_still_missing_after_a_crash_has_the_same_batch_ids() {
        let all: Vec<Record> = [1, 2, 3, 7, 8, 20].map(|id| record(id, 0)).to_vec();
        let first = batches("a", all.clone());
        let rest = batches("a", all[3..].to_vec());
        assert_eq!(first[1..], rest);
        assert!(batches("b", all).iter().zip(&first).all(|(one, other)| one.id != other.id));
    }
}
