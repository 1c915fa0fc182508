//! The reference store: appends, reads in position order and dead letters. Queries are in `questions`.

use std::{
    collections::HashSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;
use model::{
    Position, Query, Record, RecordId, StoredRecord, TimeRange,
    aggregate::{Aggregation, Table, evaluate},
};
use parking_lot::Mutex;
use pipeline::{
    Appended, Ask, BatchId, Block, Content, Context, DeadLetter, DeadLetterHead, DeadLetterRequest, DeadLetters,
    Delivery, Documents, Error, Leases, Log, LogStore, NewDeadLetter, ReadLimit, Removal, RemovalStep, Result,
    SearchPage, SearchRequest, StoreStatus, Tally,
};
use tokio::sync::watch;

use super::{
    closed,
    documents::{Kept, MemoryDocuments},
    letters, questions, removal,
};

/// The gap of positions between blocks, so that no test relies on consecutive ones.
const GAP: i64 = 7;

/// A store in memory.
pub struct MemoryStore {
    disk: Arc<Mutex<Disk>>,
    newest: watch::Sender<Position>,
    is_closed: AtomicBool,
    documents: MemoryDocuments,
}

#[derive(Default)]
struct Disk {
    blocks: Vec<Block>,
    /// The newest position before the last deletion: positions are not used again.
    passed: Position,
    ledger: HashSet<BatchId>,
    letters: Vec<DeadLetter>,
    last_letter: i64,
    kept: Arc<Mutex<Kept>>,
}

impl Disk {
    fn newest(&self) -> Position {
        self.blocks.last().map_or(self.passed, Block::last).max(self.passed)
    }

    fn add_dead_letter(&mut self, letter: NewDeadLetter) {
        self.last_letter += 1;
        let time = crate::records::OBSERVED + self.last_letter;
        self.letters.push(DeadLetter { id: self.last_letter, time, letter });
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::on(Arc::default())
    }
}

impl MemoryStore {
    pub fn new() -> Self {
        Self::default()
    }

    /// The store as opened by another process.
    pub fn reopen(&self) -> Self {
        Self::on(self.disk.clone())
    }

    fn on(disk: Arc<Mutex<Disk>>) -> Self {
        let newest = disk.lock().newest();
        let documents = MemoryDocuments::on(Arc::clone(&disk.lock().kept));
        Self { disk, newest: watch::Sender::new(newest), is_closed: AtomicBool::new(false), documents }
    }

    /// Everything stored, in order of position.
    pub fn all(&self) -> Vec<StoredRecord> {
        let disk = self.disk.lock();
        disk.blocks.iter().flat_map(|block| (0..).map_while(|place| block.stored(place))).collect()
    }

    /// Removes the newest record, like a disk fault. Returns it.
    pub fn lose_newest(&self) -> Option<Record> {
        let mut disk = self.disk.lock();
        let block = disk.blocks.last_mut()?;
        let mut batch = block.batch.as_ref().clone();
        let record = batch.records.pop()?;
        block.batch = Arc::new(batch);
        Some(record)
    }

    fn check(&self) -> Result<()> {
        if self.is_closed.load(Ordering::SeqCst) { Err(closed()) } else { Ok(()) }
    }
}

#[async_trait]
impl Log for MemoryStore {
    async fn append(&self, deliveries: &[Delivery]) -> Result<Appended> {
        self.check()?;
        let mut appended = Appended::default();
        let mut disk = self.disk.lock();
        for delivery in deliveries {
            match &delivery.content {
                Content::Batch(batch) if !disk.ledger.insert(batch.id) => appended.duplicate(batch),
                Content::Batch(batch) => {
                    appended.records += batch.records.len() as u64;
                    let first = Position(disk.newest().0 + GAP);
                    disk.blocks.push(Block { first, batch: batch.clone() });
                }
                Content::Undecodable { bytes, reason } => {
                    appended.dead += 1;
                    disk.add_dead_letter(NewDeadLetter {
                        reason: reason.clone(),
                        producer: String::new(),
                        batch_id: None,
                        payload: bytes.clone(),
                        records: 0,
                    });
                }
            }
        }
        self.newest.send_replace(disk.newest());
        Ok(appended)
    }

    async fn newest(&self) -> Result<Position> {
        self.check()?;
        Ok(self.disk.lock().newest())
    }

    async fn follow(&self, after: Position) -> Result<Vec<Block>> {
        let mut newest = self.newest.subscribe();
        // Fails only if the store is dropped.
        newest.wait_for(|newest| *newest > after || self.check().is_err()).await.map_err(|_| closed())?;
        self.check()?;
        let disk = self.disk.lock();
        let first = disk.blocks.partition_point(|block| block.last() <= after);
        // Few per call, so that callers must call again.
        Ok(disk.blocks[first..].iter().take(3).cloned().collect())
    }

    async fn read_after(
        &self,
        after: Position,
        upto: Position,
        range: TimeRange,
        query: &Query,
        limit: ReadLimit,
    ) -> Result<Vec<StoredRecord>> {
        self.check()?;
        let within = |stored: &StoredRecord| {
            after < stored.position && stored.position <= upto && range.contains(stored.record.time)
        };
        let matching = self.all().into_iter().filter(|stored| within(stored) && query.matches(&stored.record));
        let mut bytes = 0;
        let mut read = Vec::new();
        for stored in matching {
            if limit.is_reached(read.len(), bytes) {
                break;
            }
            bytes += stored.record.weight();
            read.push(stored);
        }
        Ok(read)
    }

    async fn give_up_part(&self, _name: &str) -> Result<bool> {
        self.check()?;
        Ok(false)
    }

    async fn count_removal(&self, removal: &Removal) -> Result<Tally> {
        self.check()?;
        Ok(removal::count(&self.disk.lock().blocks, removal))
    }

    async fn remove(&self, removal: &Removal, from: Option<&str>) -> Result<RemovalStep> {
        self.check()?;
        let mut disk = self.disk.lock();
        disk.passed = disk.newest();
        removal::remove(&mut disk.blocks, removal, from)
    }

    fn status(&self) -> StoreStatus {
        let disk = self.disk.lock();
        StoreStatus {
            engine: "memory".into(),
            trouble: None,
            records: disk.blocks.iter().map(|block| block.batch.records.len() as u64).sum(),
            bytes: 0,
            dead_letters: letters::status(&disk.letters),
            aside: Vec::new(),
        }
    }

    async fn close(&self) {
        self.is_closed.store(true, Ordering::SeqCst);
        // Wakes waiting calls of `follow`.
        self.newest.send_modify(|_| {});
        self.documents.close();
    }
}

#[async_trait]
impl Ask for MemoryStore {
    async fn search(&self, request: &SearchRequest) -> Result<SearchPage> {
        self.check()?;
        Ok(questions::search(self.all(), request))
    }

    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Vec<Table>> {
        self.check()?;
        let all = self.all();
        let tables = evaluate(aggregation, all.iter().map(|stored| &stored.record));
        tables.map_err(|error| Error::invalid(error.to_string()))
    }

    async fn get(&self, id: RecordId) -> Result<Option<StoredRecord>> {
        self.check()?;
        Ok(self.all().into_iter().find(|stored| stored.record.id == id))
    }

    async fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Option<Context>> {
        self.check()?;
        Ok(questions::context(self.all(), id, before, after))
    }
}

#[async_trait]
impl DeadLetters for MemoryStore {
    async fn put_dead_letters(&self, letters: &[NewDeadLetter]) -> Result<()> {
        self.check()?;
        let mut disk = self.disk.lock();
        letters.iter().for_each(|letter| disk.add_dead_letter(letter.clone()));
        Ok(())
    }

    async fn dead_letters(&self, request: &DeadLetterRequest) -> Result<Vec<DeadLetterHead>> {
        self.check()?;
        Ok(letters::page(&self.disk.lock().letters, request))
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>> {
        self.check()?;
        Ok(self.disk.lock().letters.iter().find(|letter| letter.id == id).cloned())
    }

    async fn remove_dead_letters(&self, ids: &[i64]) -> Result<u64> {
        self.check()?;
        let letters = &mut self.disk.lock().letters;
        let before = letters.len();
        letters.retain(|letter| !ids.contains(&letter.id));
        Ok((before - letters.len()) as u64)
    }
}

impl LogStore for MemoryStore {
    fn documents(&self) -> Arc<dyn Documents> {
        Arc::new(self.documents.clone())
    }

    fn leases(&self) -> Arc<dyn Leases> {
        Arc::new(self.documents.clone())
    }
}
