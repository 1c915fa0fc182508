//! A store with injected faults.

use std::sync::Arc;

use async_trait::async_trait;
use model::{
    Position, Query, RecordId, StoredRecord, TimeRange,
    aggregate::{Aggregation, Table},
};
use parking_lot::Mutex;
use pipeline::{
    Appended, Ask, Batch, Block, Content, Context, DeadLetter, DeadLetterHead, DeadLetterRequest, DeadLetters,
    Delivery, Documents, Error, Leases, Log, LogStore, NewDeadLetter, PartAside, ReadLimit, Removal, RemovalStep,
    Result, SearchPage, SearchRequest, StoreStatus, Tally,
};

use super::{
    Switch,
    documents::{FaultyDocuments, FaultyLeases},
};

type Poison = Box<dyn Fn(&Batch) -> Option<Error> + Send + Sync>;

/// Forwards calls to another store, according to its switches.
pub struct FaultyStore {
    inner: Arc<dyn LogStore>,
    poison: Mutex<Option<Poison>>,
    aside: Mutex<Vec<PartAside>>,
    pub append: Switch,
    pub newest: Switch,
    pub follow: Switch,
    /// Searches, counts and all other reads.
    pub read: Switch,
    pub count_removal: Switch,
    pub remove: Switch,
    pub put_dead_letters: Switch,
    /// Every read of documents. A `watch` that already waits is not affected.
    pub read_documents: Arc<Switch>,
    pub write_documents: Arc<Switch>,
    pub leases: Arc<Switch>,
}

impl FaultyStore {
    pub fn new(inner: Arc<dyn LogStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            poison: Mutex::new(None),
            aside: Mutex::default(),
            append: Switch::default(),
            newest: Switch::default(),
            follow: Switch::default(),
            read: Switch::default(),
            count_removal: Switch::default(),
            remove: Switch::default(),
            put_dead_letters: Switch::default(),
            read_documents: Arc::default(),
            write_documents: Arc::default(),
            leases: Arc::default(),
        })
    }

    /// From now on, an append with a batch for which `poison` returns an error fails as a whole with that error.
    pub fn refuse(&self, poison: impl Fn(&Batch) -> Option<Error> + Send + Sync + 'static) {
        *self.poison.lock() = Some(Box::new(poison));
    }

    /// From now on, the status says that these parts are set aside, beside those of the other store.
    pub fn set_aside(&self, parts: Vec<PartAside>) {
        *self.aside.lock() = parts;
    }

    fn check_poison(&self, deliveries: &[Delivery]) -> Result<()> {
        let poison = self.poison.lock();
        let Some(poison) = poison.as_ref() else { return Ok(()) };
        let found = deliveries.iter().find_map(|delivery| match &delivery.content {
            Content::Batch(batch) => poison(batch),
            Content::Undecodable { .. } => None,
        });
        found.map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Log for FaultyStore {
    async fn append(&self, deliveries: &[Delivery]) -> Result<Appended> {
        let append = async {
            self.check_poison(deliveries)?;
            self.inner.append(deliveries).await
        };
        self.append.pass(append).await
    }

    async fn newest(&self) -> Result<Position> {
        self.newest.pass(self.inner.newest()).await
    }

    async fn follow(&self, after: Position) -> Result<Vec<Block>> {
        self.follow.pass(self.inner.follow(after)).await
    }

    async fn read_after(
        &self,
        after: Position,
        upto: Position,
        range: TimeRange,
        query: &Query,
        limit: ReadLimit,
    ) -> Result<Vec<StoredRecord>> {
        self.read.pass(self.inner.read_after(after, upto, range, query, limit)).await
    }

    async fn give_up_part(&self, name: &str) -> Result<bool> {
        self.inner.give_up_part(name).await
    }

    async fn count_removal(&self, removal: &Removal) -> Result<Tally> {
        self.count_removal.pass(self.inner.count_removal(removal)).await
    }

    async fn remove(&self, removal: &Removal, from: Option<&str>) -> Result<RemovalStep> {
        self.remove.pass(self.inner.remove(removal, from)).await
    }

    fn status(&self) -> StoreStatus {
        let mut status = self.inner.status();
        status.aside.extend(self.aside.lock().iter().cloned());
        status
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

#[async_trait]
impl Ask for FaultyStore {
    async fn search(&self, request: &SearchRequest) -> Result<SearchPage> {
        self.read.pass(self.inner.search(request)).await
    }

    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Vec<Table>> {
        self.read.pass(self.inner.aggregate(aggregation)).await
    }

    async fn get(&self, id: RecordId) -> Result<Option<StoredRecord>> {
        self.read.pass(self.inner.get(id)).await
    }

    async fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Option<Context>> {
        self.read.pass(self.inner.context(id, before, after)).await
    }
}

#[async_trait]
impl DeadLetters for FaultyStore {
    async fn put_dead_letters(&self, letters: &[NewDeadLetter]) -> Result<()> {
        self.put_dead_letters.pass(self.inner.put_dead_letters(letters)).await
    }

    async fn dead_letters(&self, request: &DeadLetterRequest) -> Result<Vec<DeadLetterHead>> {
        self.read.pass(self.inner.dead_letters(request)).await
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>> {
        self.read.pass(self.inner.dead_letter(id)).await
    }

    async fn remove_dead_letters(&self, ids: &[i64]) -> Result<u64> {
        self.inner.remove_dead_letters(ids).await
    }
}

impl LogStore for FaultyStore {
    fn documents(&self) -> Arc<dyn Documents> {
        Arc::new(FaultyDocuments {
            inner: self.inner.documents(),
            read: Arc::clone(&self.read_documents),
            write: Arc::clone(&self.write_documents),
        })
    }

    fn leases(&self) -> Arc<dyn Leases> {
        Arc::new(FaultyLeases { inner: self.inner.leases(), switch: Arc::clone(&self.leases) })
    }
}
