//! Queue and store together against a reference model: after any sequence of steps, both hold the same records and
//! return the same results.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use engine_embedded::Options;
use model::{RecordId, aggregate::Aggregation};
use pipeline::{Ask as _, Batch, Delivery, Log as _, LogStore, Queue, Receipt, ask};
use proptest::prelude::*;
use testkit::{memory::MemoryStore, records};

use crate::support::{compacting_at, delivery, everything, flushing_at, in_memory};

#[derive(Debug, Clone)]
enum Step {
    /// Publishes this batch; a repeated number is a client's retry.
    Publish(usize),
    /// Receives deliveries of about this many records.
    Receive(usize),
    /// Stores received deliveries; acknowledging is a separate step.
    Store,
    Acknowledge,
    /// Releases received deliveries.
    Release,
    Ask(usize),
    Reopen,
}

const BATCHES: usize = 30;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..BATCHES).prop_map(Step::Publish),
        4 => (1..200_usize).prop_map(Step::Receive),
        4 => Just(Step::Store),
        3 => Just(Step::Acknowledge),
        1 => Just(Step::Release),
        2 => any::<usize>().prop_map(Step::Ask),
        1 => Just(Step::Reopen),
    ]
}

/// The engines under test, the reference, and the deliveries between them.
struct Model {
    options: Options,
    corpus: Vec<Batch>,
    questions: Vec<Aggregation>,
    queue: Arc<dyn Queue>,
    store: Arc<dyn LogStore>,
    reference: MemoryStore,
    published: BTreeSet<usize>,
    received: Vec<Delivery>,
    stored: Vec<Receipt>,
}

impl Model {
    async fn open(folder: &Path, options: Options) -> Self {
        let mut corpus = records::corpus(71, BATCHES);
        corpus.iter_mut().for_each(|batch| batch.client_id = true);
        let questions = records::aggregations(71, &corpus, 60);
        let (queue, store) = engine_embedded::open_pair(folder, options.clone()).await.unwrap();
        Self {
            options,
            corpus,
            questions,
            queue,
            store,
            reference: MemoryStore::new(),
            published: BTreeSet::new(),
            received: Vec::new(),
            stored: Vec::new(),
        }
    }

    async fn take(&mut self, step: &Step, folder: &Path) {
        match step {
            Step::Publish(number) => {
                self.queue.publish(Arc::new(self.corpus[*number].clone())).await.unwrap();
                self.published.insert(*number);
            }
            Step::Receive(records) => self.receive(*records).await,
            Step::Store => self.store_received().await,
            Step::Acknowledge => {
                self.queue.acknowledge(&self.stored).await.unwrap();
                self.stored.clear();
            }
            Step::Release => {
                let receipts: Vec<_> = self.received.drain(..).map(|delivery| delivery.receipt).collect();
                self.queue.release(&receipts).await.unwrap();
            }
            Step::Ask(seed) => self.ask(*seed).await,
            Step::Reopen => {
                self.queue.close().await;
                self.store.close().await;
                (self.queue, self.store) = engine_embedded::open_pair(folder, self.options.clone()).await.unwrap();
                // The log is also the store's: opening replays all of it.
                (self.received, self.stored) = (Vec::new(), Vec::new());
                let log: Vec<_> = self.published.iter().map(|number| self.corpus[*number].clone()).collect();
                let log: Vec<_> = (0..).zip(log).map(|(receipt, batch)| delivery(receipt, batch)).collect();
                self.reference.append(&log).await.unwrap();
            }
        }
    }

    /// Receives only if something is available: receiving would wait for it.
    async fn receive(&mut self, records: usize) {
        let held = (self.received.len() + self.stored.len()) as u64;
        if self.queue.status().depth > held {
            self.received.extend(self.queue.receive(records).await.unwrap());
        }
    }

    async fn store_received(&mut self) {
        let received = std::mem::take(&mut self.received);
        self.store.append(&received).await.unwrap();
        self.reference.append(&received).await.unwrap();
        self.stored.extend(received.iter().map(|delivery| delivery.receipt));
    }

    async fn ask(&self, seed: usize) {
        let aggregation = &self.questions[seed % self.questions.len()];
        let found = self.store.aggregate(aggregation).await.unwrap();
        assert_eq!(found, self.reference.aggregate(aggregation).await.unwrap(), "{aggregation:?}");
        let Aggregation { query, range, .. } = aggregation;
        let count = ask::count(&*self.store, query, *range).await.unwrap();
        assert_eq!(count, ask::count(&self.reference, query, *range).await.unwrap(), "count of {query}");
    }

    async fn compare(&self) {
        assert_eq!(ids(&*self.store).await, ids(&self.reference).await);
    }

    /// Processes everything: then each published batch is stored once.
    async fn finish(mut self) {
        while self.queue.status().depth > 0 {
            self.receive(1000).await;
            self.store_received().await;
            self.queue.acknowledge(&self.stored).await.unwrap();
            self.stored.clear();
        }
        self.compare().await;
        for seed in 0..self.questions.len() {
            self.ask(seed).await;
        }
        let published = self.published.iter().flat_map(|number| &self.corpus[*number].records);
        let mut expected: Vec<RecordId> = published.map(|record| record.id).collect();
        expected.sort_unstable();
        assert_eq!(ids(&*self.store).await, expected);
        self.queue.close().await;
        self.store.close().await;
    }
}

/// The sorted ids of all records, including duplicates.
async fn ids(store: &dyn LogStore) -> Vec<RecordId> {
    let mut ids: Vec<RecordId> = everything(store).await.into_iter().map(|stored| stored.record.id).collect();
    ids.sort_unstable();
    ids
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_done_they_hold_and_answer_the_same(
        steps in prop::collection::vec(step(), 1..40),
        options in prop_oneof![Just(in_memory()), Just(flushing_at(40)), Just(compacting_at(20))],
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut model = Model::open(folder.path(), options).await;
            for step in &steps {
                model.take(step, folder.path()).await;
                if matches!(step, Step::Store | Step::Reopen) {
                    model.compare().await;
                }
            }
            model.finish().await;
        });
    }
}
