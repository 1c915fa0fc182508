//! The suite that every store passes, for both ways to have the journal.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use engine_embedded::Options;
use model::{
    Position, Query, RecordId, StoredRecord, TimeRange,
    aggregate::{Aggregation, Table},
};
use parking_lot::Mutex;
use pipeline::{
    Appended, Ask, BatchId, Block, Content, Context, DeadLetter, DeadLetterHead, DeadLetterRequest, DeadLetters,
    Delivery, Documents, Leases, Log, LogStore, NewDeadLetter, Queue, ReadLimit, Receipt, Removal, RemovalStep, Result,
    SearchPage, SearchRequest, StoreStatus, Tally,
};
use testkit::contract::StoreHarness;

use crate::support::{compacting_at, flushing_at};

/// A store with a journal of its own.
struct Alone {
    folder: tempfile::TempDir,
    options: Options,
}

#[async_trait]
impl StoreHarness for Alone {
    async fn open(&self) -> Arc<dyn LogStore> {
        engine_embedded::open_store(self.folder.path(), self.options.clone()).await.unwrap()
    }
}

/// A store on the queue's log. What a test hands to the store goes through the queue
/// first, because its frames are the journal.
struct Paired {
    folder: tempfile::TempDir,
    options: Options,
    frames: Arc<Mutex<HashMap<BatchId, Receipt>>>,
}

#[async_trait]
impl StoreHarness for Paired {
    async fn open(&self) -> Arc<dyn LogStore> {
        let (queue, store) = engine_embedded::open_pair(self.folder.path(), self.options.clone()).await.unwrap();
        Arc::new(Pair { queue, store, frames: self.frames.clone() })
    }
}

struct Pair {
    queue: Arc<dyn Queue>,
    store: Arc<dyn LogStore>,
    /// The frames of the server's own batches: the queue delivers such a batch again
    /// under the same number, and never under another.
    frames: Arc<Mutex<HashMap<BatchId, Receipt>>>,
}

#[async_trait]
impl Log for Pair {
    async fn append(&self, deliveries: &[Delivery]) -> Result<Appended> {
        let mut total = Appended::default();
        let mut again = Vec::new();
        for delivery in deliveries {
            match &delivery.content {
                Content::Batch(batch) => {
                    let known = self.frames.lock().get(&batch.id).copied().filter(|_| !batch.client_id);
                    let deliveries = match known {
                        Some(receipt) => vec![Delivery { receipt, content: delivery.content.clone() }],
                        None => {
                            self.queue.publish(batch.clone()).await?;
                            self.queue.receive(1).await?
                        }
                    };
                    again.extend(deliveries);
                    for Delivery { receipt, .. } in &again {
                        self.frames.lock().entry(batch.id).or_insert(*receipt);
                    }
                    let appended = self.store.append(&again).await?;
                    let receipts: Vec<_> = again.drain(..).map(|delivery| delivery.receipt).collect();
                    self.queue.acknowledge(&receipts).await?;
                    total.append(appended);
                }
                // The log only ever holds what was a batch once.
                Content::Undecodable { bytes, reason } => {
                    let letter = NewDeadLetter {
                        reason: reason.clone(),
                        producer: String::new(),
                        batch_id: None,
                        payload: bytes.clone(),
                        records: 0,
                    };
                    self.store.put_dead_letters(&[letter]).await?;
                    total.dead += 1;
                }
            }
        }
        Ok(total)
    }

    async fn newest(&self) -> Result<Position> {
        self.store.newest().await
    }

    async fn follow(&self, after: Position) -> Result<Vec<Block>> {
        self.store.follow(after).await
    }

    async fn read_after(
        &self,
        after: Position,
        upto: Position,
        range: TimeRange,
        query: &Query,
        limit: ReadLimit,
    ) -> Result<Vec<StoredRecord>> {
        self.store.read_after(after, upto, range, query, limit).await
    }

    async fn give_up_part(&self, name: &str) -> Result<bool> {
        self.store.give_up_part(name).await
    }

    async fn count_removal(&self, removal: &Removal) -> Result<Tally> {
        self.store.count_removal(removal).await
    }

    async fn remove(&self, removal: &Removal, from: Option<&str>) -> Result<RemovalStep> {
        self.store.remove(removal, from).await
    }

    fn status(&self) -> StoreStatus {
        self.store.status()
    }

    async fn close(&self) {
        self.store.close().await;
        self.queue.close().await;
    }
}

#[async_trait]
impl Ask for Pair {
    async fn search(&self, request: &SearchRequest) -> Result<SearchPage> {
        self.store.search(request).await
    }

    async fn aggregate(&self, aggregation: &Aggregation) -> Result<Vec<Table>> {
        self.store.aggregate(aggregation).await
    }

    async fn get(&self, id: RecordId) -> Result<Option<StoredRecord>> {
        self.store.get(id).await
    }

    async fn context(&self, id: RecordId, before: usize, after: usize) -> Result<Option<Context>> {
        self.store.context(id, before, after).await
    }
}

#[async_trait]
impl DeadLetters for Pair {
    async fn put_dead_letters(&self, letters: &[NewDeadLetter]) -> Result<()> {
        self.store.put_dead_letters(letters).await
    }

    async fn dead_letters(&self, request: &DeadLetterRequest) -> Result<Vec<DeadLetterHead>> {
        self.store.dead_letters(request).await
    }

    async fn dead_letter(&self, id: i64) -> Result<Option<DeadLetter>> {
        self.store.dead_letter(id).await
    }

    async fn remove_dead_letters(&self, ids: &[i64]) -> Result<u64> {
        self.store.remove_dead_letters(ids).await
    }
}

impl LogStore for Pair {
    fn documents(&self) -> Arc<dyn Documents> {
        self.store.documents()
    }

    fn leases(&self) -> Arc<dyn Leases> {
        self.store.leases()
    }
}

mod alone_in_memory {
    use super::*;

    async fn harness() -> Alone {
        Alone { folder: tempfile::tempdir().unwrap(), options: Options::default() }
    }

    testkit::store_contract!(harness);
    testkit::documents_contract!(harness);
}

mod alone_in_parts {
    use super::*;

    async fn harness() -> Alone {
        Alone { folder: tempfile::tempdir().unwrap(), options: flushing_at(1) }
    }

    testkit::store_contract!(harness);
}

mod paired_in_memory {
    use super::*;

    async fn harness() -> Paired {
        Paired { folder: tempfile::tempdir().unwrap(), options: Options::default(), frames: Arc::default() }
    }

    testkit::store_contract!(harness);
    testkit::documents_contract!(harness);
}

mod paired_in_parts {
    use super::*;

    async fn harness() -> Paired {
        Paired { folder: tempfile::tempdir().unwrap(), options: flushing_at(50), frames: Arc::default() }
    }

    testkit::store_contract!(harness);
}

mod alone_compacted {
    use super::*;

    async fn harness() -> Alone {
        Alone { folder: tempfile::tempdir().unwrap(), options: compacting_at(1) }
    }

    testkit::store_contract!(harness);
}

mod paired_compacted {
    use super::*;

    async fn harness() -> Paired {
        Paired { folder: tempfile::tempdir().unwrap(), options: compacting_at(50), frames: Arc::default() }
    }

    testkit::store_contract!(harness);
}
