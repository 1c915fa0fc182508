//! Opens stores, and helpers of the tests.

use std::{sync::Arc, time::Duration};

use engine_timescale::{Options, connect};
use model::{Position, Query};
use pipeline::{Batch, Block, Content, Delivery, LogStore, Receipt, SearchRequest, TimeRange};
use sqlx::{Connection, PgConnection};
use testkit::servers::postgres::Postgres;

/// Long enough for a machine that compiles at the same time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The URL of an empty database on the shared server.
pub(crate) async fn fresh_database() -> String {
    Postgres::shared().await.fresh_database().await
}

/// Opens a store with native partitions.
pub(crate) async fn open(url: &str) -> Arc<dyn LogStore> {
    open_with(url, Options { timescale: false, ..Options::default() }).await
}

pub(crate) async fn open_with(url: &str, options: Options) -> Arc<dyn LogStore> {
    connect(url, options).await.unwrap()
}

/// A separate session, to inspect the database.
pub(crate) async fn session(url: &str) -> PgConnection {
    PgConnection::connect(url).await.unwrap()
}

pub(crate) fn deliveries(batches: &[Batch]) -> Vec<Delivery> {
    let deliver = |(receipt, batch): (u64, &Batch)| Delivery {
        receipt: Receipt(receipt),
        content: Content::Batch(Arc::new(batch.clone())),
    };
    (1..).zip(batches).map(deliver).collect()
}

/// Follows the store until `records` records have arrived.
pub(crate) async fn follow(store: &Arc<dyn LogStore>, records: usize) -> Vec<Block> {
    let mut after = Position(0);
    let mut blocks = Vec::new();
    let follow = async {
        while count(&blocks) < records {
            let more = store.follow(after).await.unwrap();
            assert!(!more.is_empty());
            for block in &more {
                assert!(block.first > after, "{} comes after {after}", block.first);
                after = block.last();
            }
            blocks.extend(more);
        }
    };
    tokio::time::timeout(PATIENCE, follow).await.unwrap();
    blocks
}

pub(crate) fn count(blocks: &[Block]) -> usize {
    blocks.iter().map(|block| block.batch.records.len()).sum()
}

pub(crate) async fn messages(store: &Arc<dyn LogStore>, query: &str) -> Vec<String> {
    let request = SearchRequest::new(Query::parse(query).unwrap(), TimeRange::ALL, 10_000);
    let page = store.search(&request).await.unwrap();
    assert_eq!(page.next, None);
    page.records.into_iter().map(|stored| stored.record.message).collect()
}

/// Waits until the condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, wait).await.is_ok(), "{what}: not within {PATIENCE:?}");
}
