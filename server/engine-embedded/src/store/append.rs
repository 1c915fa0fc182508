//! Appends deliveries: to the ledger, the write-ahead log and the memtable, in this order.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use futures::future::join_all;
use model::{Position, limits};
use parts::position_of;
use pipeline::{Appended, Batch, BatchId, Block, Content, Delivery, Error, NewDeadLetter, Result, envelope};
use tokio::time::Instant;

use super::{
    Inner, Journal,
    memtable::{Frozen, Memtable, View},
};
use crate::catalogue::ledger;

/// Records per read when frames were skipped by the queue.
const CATCH_UP_RECORDS: usize = 20_000;

/// The state of appending; behind a lock.
pub(super) struct Appender {
    /// The active memtable.
    pub(super) table: Arc<Memtable>,
    /// The last processed frame.
    pub(super) frame: u64,
    /// The last frame covered by a frozen memtable or the catalogue.
    pub(super) frozen: u64,
    /// Frames up to this one have their dead letters in the catalogue.
    pub(super) dead: u64,
    pub(super) records: usize,
    pub(super) bytes: usize,
    /// When the active memtable got its first block.
    pub(super) since: Option<Instant>,
    /// Batch ids in memory with their frames, including those of the server: they are not in the ledger's table yet.
    pub(super) recent: HashMap<BatchId, u64>,
    /// Ids of the active memtable for the ledger.
    pub(super) ids: Vec<(i64, BatchId)>,
}

impl Inner {
    pub(super) async fn append(&self, deliveries: &[Delivery]) -> Result<Appended> {
        // Before the lock, because the flush takes it as well.
        self.wait_for_room().await?;
        let mut appender = self.appender.lock().await;
        self.check_open()?;
        match &self.journal {
            Journal::Shared(_) => self.append_frames(&mut appender, deliveries).await,
            Journal::Own(_) => self.append_batches(&mut appender, deliveries).await,
        }
    }

    /// Appends deliveries that are already frames of the shared write-ahead log.
    async fn append_frames(&self, appender: &mut Appender, deliveries: &[Delivery]) -> Result<Appended> {
        let mut total = Appended::default();
        let mut frames: Vec<(u64, Content)> = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let frame = delivery.receipt.0;
            let last = frames.last().map_or(appender.frame, |(last, _)| *last);
            if frame <= last {
                // A redelivery: positions increase with frames, so it was processed before.
                total.duplicates += u64::from(matches!(delivery.content, Content::Batch(_)));
                continue;
            }
            if frame > last + 1 {
                // Gaps may be unused numbers or undelivered frames; the log distinguishes them. Undelivered frames are
                // added here, in order.
                self.missing_frames(last, frame, &mut frames).await?;
            }
            frames.push((frame, delivery.content.clone()));
        }
        self.take_frames(appender, frames, &mut total).await?;
        Ok(total)
    }

    async fn missing_frames(&self, after: u64, before: u64, frames: &mut Vec<(u64, Content)>) -> Result<()> {
        let mut after = after;
        loop {
            let found = self.journal.wal().read_now(after, CATCH_UP_RECORDS).await?;
            if found.is_empty() {
                return Ok(());
            }
            for (frame, content) in found {
                if frame >= before {
                    return Ok(());
                }
                tracing::warn!(frame, "a frame was not delivered; storing it from the write-ahead log");
                after = frame;
                frames.push((frame, content));
            }
        }
    }

    /// Processes frames of the write-ahead log, in order. Atomic, except for dead letters.
    pub(super) async fn take_frames(
        &self,
        appender: &mut Appender,
        frames: Vec<(u64, Content)>,
        total: &mut Appended,
    ) -> Result<()> {
        let Some(last) = frames.last().map(|(frame, _)| *frame) else { return Ok(()) };
        let mut known = self.known_ids(appender, frames.iter().filter_map(|(_, content)| as_batch(content))).await?;
        let mut letters = Vec::new();
        let mut batches = Vec::new();
        for (frame, content) in frames {
            // A try before this one may have written the letters up to here.
            let is_written = frame <= appender.dead;
            match content {
                Content::Batch(batch) => match refusal(&batch) {
                    Some(_) if is_written => {}
                    Some(reason) => {
                        total.buried.add_batch(&batch);
                        letters.push(dead_letter(&batch, reason));
                    }
                    None if known.insert(batch.id) => batches.push((frame, batch)),
                    None => total.duplicate(&batch),
                },
                Content::Undecodable { .. } if is_written => {}
                Content::Undecodable { bytes, reason } => letters.push(undecodable(bytes, reason)),
            }
        }
        if !letters.is_empty() {
            self.catalogue.put_dead_letters(&letters, Some(last), self.options.dead_letters).await?;
            appender.dead = appender.dead.max(last);
            total.dead += letters.len() as u64;
        }
        // Nothing can fail from here on.
        self.add_to_memory(appender, batches, last, total);
        Ok(())
    }

    /// Appends deliveries of another queue: writes them to the write-ahead log first.
    async fn append_batches(&self, appender: &mut Appender, deliveries: &[Delivery]) -> Result<Appended> {
        let mut total = Appended::default();
        let mut known =
            self.known_ids(appender, deliveries.iter().filter_map(|delivery| as_batch(&delivery.content))).await?;
        let mut letters = Vec::new();
        let mut batches = Vec::new();
        for delivery in deliveries {
            match &delivery.content {
                Content::Batch(batch) => match refusal(batch) {
                    Some(reason) => {
                        total.buried.add_batch(batch);
                        letters.push(dead_letter(batch, reason));
                    }
                    None if known.insert(batch.id) => batches.push(batch.clone()),
                    None => total.duplicate(batch),
                },
                Content::Undecodable { bytes, reason } => letters.push(undecodable(bytes.clone(), reason.clone())),
            }
        }
        let wal = self.journal.wal();
        // Concurrently, so that they share a sync. Unconstrained by the runtime's budget, which would reorder them.
        let appended =
            tokio::task::unconstrained(join_all(batches.iter().map(|batch| wal.append(batch.clone())))).await;
        let mut frames = Vec::with_capacity(batches.len());
        let mut failure = None;
        for (batch, outcome) in batches.into_iter().zip(appended) {
            match outcome {
                Ok(frame) => frames.push((frame, batch)),
                Err(error) => failure = Some(error),
            }
        }
        // Batches in the log count as stored even if another one failed: a crash would replay them. A retry finds them
        // in the ledger.
        frames.sort_unstable_by_key(|(frame, _)| *frame);
        let last = frames.last().map_or(appender.frame, |(frame, _)| *frame);
        self.add_to_memory(appender, frames, last, &mut total);
        if let Some(error) = failure {
            return Err(error);
        }
        if !letters.is_empty() {
            self.catalogue.put_dead_letters(&letters, None, self.options.dead_letters).await?;
            total.dead = letters.len() as u64;
        }
        Ok(total)
    }

    /// The ids of the batches that are already stored.
    async fn known_ids<'a>(
        &self,
        appender: &Appender,
        batches: impl Iterator<Item = &'a Arc<Batch>>,
    ) -> Result<HashSet<BatchId>> {
        let mut known = HashSet::new();
        let mut ask = Vec::new();
        for batch in batches {
            if appender.recent.contains_key(&batch.id) {
                known.insert(batch.id);
            } else if self.is_in_ledger(batch) {
                ask.push(batch.id);
            }
        }
        known.extend(self.catalogue.find_ids(&ask).await?);
        Ok(known)
    }

    /// Whether the ledger's table records the batch. With a shared log, the server's own ids need no ledger, because a
    /// frame is never processed twice.
    fn is_in_ledger(&self, batch: &Batch) -> bool {
        batch.client_id || matches!(self.journal, Journal::Own(_))
    }

    /// Makes batches visible, and marks the frames up to `last` as processed.
    fn add_to_memory(&self, appender: &mut Appender, batches: Vec<(u64, Arc<Batch>)>, last: u64, total: &mut Appended) {
        let mut newest = None;
        let mut length = None;
        for (frame, batch) in batches {
            let block = Block { first: Position(position_of(frame, 0)), batch };
            appender.recent.insert(block.batch.id, frame);
            if self.is_in_ledger(&block.batch) {
                appender.ids.push((ledger::day_of(&block.batch), block.batch.id));
            }
            appender.records += block.batch.records.len();
            appender.bytes += block.batch.weight();
            total.records += block.batch.records.len() as u64;
            newest = Some(block.last());
            length = Some(appender.table.push(block));
        }
        appender.frame = appender.frame.max(last);
        if let (Some(newest), Some(length)) = (newest, length) {
            let records = appender.records as u64;
            self.snapshots.update(|snapshot| {
                if let Some(view) = snapshot.tables.last_mut() {
                    *view = view.grown(length, records);
                }
                snapshot.newest = newest;
            });
            self.newest.send_replace(newest);
        }
        appender.since.get_or_insert_with(Instant::now);
        if appender.records >= self.options.flush_records || appender.bytes >= self.options.flush_bytes {
            self.freeze(appender, true);
        }
    }

    /// Freezes the active memtable and starts a new one.
    pub(super) fn freeze(&self, appender: &mut Appender, full: bool) {
        if appender.frame == appender.frozen {
            return;
        }
        let table = Arc::new(Memtable::default());
        let mut view = None;
        self.snapshots.update(|snapshot| {
            view = snapshot.tables.last().cloned();
            snapshot.tables.push(View::empty(table.clone()));
        });
        appender.table = table;
        appender.frozen = appender.frame;
        appender.records = 0;
        appender.bytes = 0;
        appender.since = None;
        let ids = Arc::new(std::mem::take(&mut appender.ids));
        if let Some(view) = view {
            self.frozen.send_modify(|frozen| frozen.push_back(Frozen { view, ids, frame: appender.frozen, full }));
        }
    }

    /// Waits while too many memtables wait for their flush (backpressure).
    async fn wait_for_room(&self) -> Result<()> {
        let mut frozen = self.frozen.subscribe();
        let room = frozen.wait_for(|frozen| frozen.len() <= self.options.flush_waiting);
        let room = tokio::time::timeout(self.options.append_patience, room);
        let mut closed = self.closed.subscribe();
        let waited = tokio::select! {
            biased;
            waited = room => waited,
            // Flushing has stopped.
            _ = closed.wait_for(|closed| *closed) => return self.check_open(),
        };
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::unavailable("the store is closed")),
            Err(_) => match self.trouble.lock().clone() {
                Some(trouble) => Err(Error::unavailable(trouble)),
                None => {
                    Err(Error::overloaded("too many memtables wait for their flush", std::time::Duration::from_secs(1)))
                }
            },
        }
    }
}

fn as_batch(content: &Content) -> Option<&Arc<Batch>> {
    match content {
        Content::Batch(batch) => Some(batch),
        Content::Undecodable { .. } => None,
    }
}

/// Why a batch cannot be stored; `None` if it can. Invalid batches would break the numbering of positions and ids.
fn refusal(batch: &Batch) -> Option<String> {
    let records = &batch.records;
    let Some(first) = records.first() else { return Some("the batch has no records".to_owned()) };
    if records.len() > limits::RECORDS_PER_BATCH {
        let most = limits::RECORDS_PER_BATCH;
        return Some(format!("the batch has {} records; at most {most} are allowed", records.len()));
    }
    let consecutive = records.iter().enumerate().all(|(place, record)| record.id == first.id.nth(place));
    (!consecutive).then(|| "the ids of the batch's records are not consecutive".to_owned())
}

fn dead_letter(batch: &Batch, reason: String) -> NewDeadLetter {
    NewDeadLetter {
        reason,
        producer: batch.producer.to_string(),
        batch_id: Some(batch.id),
        payload: envelope::encode(batch),
        records: batch.records.len() as u32,
    }
}

fn undecodable(payload: Vec<u8>, reason: String) -> NewDeadLetter {
    NewDeadLetter { reason, producer: String::new(), batch_id: None, payload, records: 0 }
}
