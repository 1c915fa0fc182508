//! Taking deliveries in: the ledger, the journal, the memtable, in this order.

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

/// Frames read at once where the queue left some out, in records.
const CATCH_UP_RECORDS: usize = 20_000;

/// What the one who appends knows; behind a lock.
pub(super) struct Appender {
    /// The growing memtable.
    pub(super) table: Arc<Memtable>,
    /// The last frame that was taken in, whatever became of it.
    pub(super) frame: u64,
    /// The last frame that a frozen memtable or the catalogue accounts for.
    pub(super) frozen: u64,
    /// Frames up to this one have their dead letters in the catalogue.
    pub(super) dead: u64,
    pub(super) records: usize,
    pub(super) bytes: usize,
    /// When the growing memtable got its first block.
    pub(super) since: Option<Instant>,
    /// Batch ids in memory with their frames, the server's own included: what the
    /// ledger's table does not have yet.
    pub(super) recent: HashMap<BatchId, u64>,
    /// Those of the growing memtable that the ledger will keep.
    pub(super) ids: Vec<(i64, BatchId)>,
}

impl Inner {
    pub(super) async fn append(&self, deliveries: &[Delivery]) -> Result<Appended> {
        // Before the lock, which the writer takes as well.
        self.wait_for_room().await?;
        let mut appender = self.appender.lock().await;
        self.alive()?;
        match &self.journal {
            Journal::Shared(_) => self.append_frames(&mut appender, deliveries).await,
            Journal::Own(_) => self.append_batches(&mut appender, deliveries).await,
        }
    }

    /// Takes in deliveries that are frames of the shared journal already.
    async fn append_frames(&self, appender: &mut Appender, deliveries: &[Delivery]) -> Result<Appended> {
        let mut total = Appended::default();
        let mut frames: Vec<(u64, Content)> = Vec::with_capacity(deliveries.len());
        for delivery in deliveries {
            let frame = delivery.receipt.0;
            let last = frames.last().map_or(appender.frame, |(last, _)| *last);
            if frame <= last {
                // A redelivery: positions grow with frames, so it was taken in before.
                total.duplicates += u64::from(matches!(delivery.content, Content::Batch(_)));
                continue;
            }
            if frame > last + 1 {
                // Numbers may be left out; that a frame was, and not its delivery, is for
                // the journal to say. What it has is taken in here, in its order.
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
                tracing::warn!(frame, "journal frame was not delivered; storing it from the journal");
                after = frame;
                frames.push((frame, content));
            }
        }
    }

    /// Takes in frames of the journal, in order. All or nothing, save dead letters.
    pub(super) async fn take_frames(
        &self,
        appender: &mut Appender,
        frames: Vec<(u64, Content)>,
        total: &mut Appended,
    ) -> Result<()> {
        let Some(last) = frames.last().map(|(frame, _)| *frame) else { return Ok(()) };
        let mut known = self.known(appender, frames.iter().filter_map(|(_, content)| as_batch(content))).await?;
        let mut letters = Vec::new();
        let mut batches = Vec::new();
        for (frame, content) in frames {
            match content {
                Content::Batch(batch) => match refusal(&batch) {
                    Some(reason) => letters.push((frame, buried(&batch, reason))),
                    None if known.insert(batch.id) => batches.push((frame, batch)),
                    None => total.duplicates += 1,
                },
                Content::Undecodable { bytes, reason } => letters.push((frame, undecodable(bytes, reason))),
            }
        }
        letters.retain(|(frame, _)| *frame > appender.dead);
        if !letters.is_empty() {
            let letters: Vec<NewDeadLetter> = letters.into_iter().map(|(_, letter)| letter).collect();
            self.catalogue.put_dead_letters(&letters, Some(last), self.options.dead_letters).await?;
            appender.dead = appender.dead.max(last);
            total.dead += letters.len() as u64;
        }
        // From here on nothing can fail.
        self.remember(appender, batches, last, total);
        Ok(())
    }

    /// Takes in deliveries of another queue: journals them first.
    async fn append_batches(&self, appender: &mut Appender, deliveries: &[Delivery]) -> Result<Appended> {
        let mut total = Appended::default();
        let mut known =
            self.known(appender, deliveries.iter().filter_map(|delivery| as_batch(&delivery.content))).await?;
        let mut letters = Vec::new();
        let mut batches = Vec::new();
        for delivery in deliveries {
            match &delivery.content {
                Content::Batch(batch) => match refusal(batch) {
                    Some(reason) => letters.push(buried(batch, reason)),
                    None if known.insert(batch.id) => batches.push(batch.clone()),
                    None => total.duplicates += 1,
                },
                Content::Undecodable { bytes, reason } => letters.push(undecodable(bytes.clone(), reason.clone())),
            }
        }
        let wal = self.journal.wal();
        // At once, so that they share a sync. Without the runtime's budget, which would let
        // some wait while others overtake them.
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
        // What is in the journal is stored, also where its neighbour is not: it would
        // come back from there after a crash. A repetition finds it in the ledger.
        frames.sort_unstable_by_key(|(frame, _)| *frame);
        let last = frames.last().map_or(appender.frame, |(frame, _)| *frame);
        self.remember(appender, frames, last, &mut total);
        if let Some(error) = failure {
            return Err(error);
        }
        if !letters.is_empty() {
            self.catalogue.put_dead_letters(&letters, None, self.options.dead_letters).await?;
            total.dead = letters.len() as u64;
        }
        Ok(total)
    }

    /// Those of the batches' ids that were stored before.
    async fn known<'a>(
        &self,
        appender: &Appender,
        batches: impl Iterator<Item = &'a Arc<Batch>>,
    ) -> Result<HashSet<BatchId>> {
        let mut known = HashSet::new();
        let mut ask = Vec::new();
        for batch in batches {
            if appender.recent.contains_key(&batch.id) {
                known.insert(batch.id);
            } else if self.keeps(batch) {
                ask.push(batch.id);
            }
        }
        known.extend(self.catalogue.find_ids(&ask).await?);
        Ok(known)
    }

    /// Whether the ledger's table remembers the batch. Where the journal is the queue's,
    /// the server's own ids need no ledger: a frame is never taken in twice.
    fn keeps(&self, batch: &Batch) -> bool {
        batch.client_id || matches!(self.journal, Journal::Own(_))
    }

    /// Makes batches visible, and accounts for the frames up to `last`.
    fn remember(&self, appender: &mut Appender, batches: Vec<(u64, Arc<Batch>)>, last: u64, total: &mut Appended) {
        let mut newest = None;
        let mut length = None;
        for (frame, batch) in batches {
            let block = Block { first: Position(position_of(frame, 0)), batch };
            appender.recent.insert(block.batch.id, frame);
            if self.keeps(&block.batch) {
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

    /// Hands the growing memtable, full or not, to the writer and starts a new one.
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

    /// Waits while the writer is behind.
    async fn wait_for_room(&self) -> Result<()> {
        let mut frozen = self.frozen.subscribe();
        let room = frozen.wait_for(|frozen| frozen.len() <= self.options.flush_waiting);
        let room = tokio::time::timeout(self.options.append_patience, room);
        let mut closed = self.closed.subscribe();
        let waited = tokio::select! {
            biased;
            waited = room => waited,
            // Nobody writes any more.
            _ = closed.wait_for(|closed| *closed) => return self.alive(),
        };
        match waited {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Error::unavailable("the store is closed")),
            Err(_) => match self.trouble.lock().clone() {
                Some(trouble) => Err(Error::unavailable(trouble)),
                None => {
                    Err(Error::overloaded("the store is behind with writing parts", std::time::Duration::from_secs(1)))
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

/// Why a batch cannot be stored, if so: what would break the numbering of positions
/// and ids.
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

fn buried(batch: &Batch, reason: String) -> NewDeadLetter {
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
