//! The workload on a data folder, of the killed and of the checking process.

use std::{path::Path, sync::Arc, time::Duration};

use engine_embedded::Options;
use model::{Query, TimeRange};
use pipeline::{Batch, ErrorClass, LogStore, Queue, Removal};
use testkit::records;

/// The engines of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engines {
    /// Queue and store on one log.
    Pair,
    /// Each with its own log.
    Apart,
    /// As `Pair`, and the records of one service have expired.
    Expiring,
    /// As `Pair`, and the records of that service are deleted by query, again and again. Nothing else replaces parts.
    Deleting,
    /// As `Deleting`, with a log of its own for each.
    DeletingApart,
}

impl Engines {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::Apart => "apart",
            Self::Expiring => "expiring",
            Self::Deleting => "deleting",
            Self::DeletingApart => "deleting-apart",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        let all = [Self::Pair, Self::Apart, Self::Expiring, Self::Deleting, Self::DeletingApart];
        all.into_iter().find(|engines| engines.name() == name).unwrap()
    }

    /// Whether records of [`EXPIRED`] are deleted by query.
    pub(crate) fn deletes(self) -> bool {
        matches!(self, Self::Deleting | Self::DeletingApart)
    }

    /// Whether the records of the batch may go.
    pub(crate) fn may_lose(self, number: u64) -> bool {
        (self == Self::Expiring || self.deletes()) && has_expired(number)
    }

    pub(crate) async fn open(self, folder: &Path) -> pipeline::Result<(Arc<dyn Queue>, Arc<dyn LogStore>)> {
        // Small limits: a few hundred batches fill segments, flush and merge several times.
        let options = Options {
            queue_bytes: 1 << 20,
            flush_records: 300,
            append_patience: Duration::from_secs(60),
            compact_parts: 2,
            upkeep_interval: if self.deletes() { Duration::from_secs(3600) } else { Duration::from_millis(5) },
            retention_services: match self {
                Self::Expiring => vec![(EXPIRED.to_owned(), Duration::from_secs(1))],
                Self::Pair | Self::Apart | Self::Deleting | Self::DeletingApart => Vec::new(),
            },
            ..Options::default()
        };
        match self {
            Self::Pair | Self::Expiring | Self::Deleting => engine_embedded::open_pair(folder, options).await,
            Self::Apart | Self::DeletingApart => {
                let queue = engine_embedded::open_queue(folder, options.clone()).await?;
                Ok((queue, engine_embedded::open_store(folder, options).await?))
            }
        }
    }
}

/// The records of one batch.
pub(crate) const RECORDS: usize = 4;

/// The service with expired records.
const EXPIRED: &str = "passing";

/// Whether the batch's records are of that service.
fn has_expired(number: u64) -> bool {
    number % 3 == 1
}

/// This batch, with a client id, so that it may be sent again.
pub(crate) fn batch(number: u64) -> Batch {
    let mut batch = Batch { client_id: true, ..records::long_messages(number, RECORDS, 400) };
    if has_expired(number) {
        batch.records.iter_mut().for_each(|record| record.service = EXPIRED.into());
    }
    batch
}

/// Deletes the records of that service up to the newest one. Returns what it took.
pub(crate) async fn delete(store: &dyn LogStore) -> pipeline::Result<Removal> {
    let query = Query::parse(&format!("service:{EXPIRED}")).unwrap();
    let removal = Removal { query, range: TimeRange::ALL, upto: store.newest().await? };
    let mut from: Option<String> = None;
    loop {
        from = match store.remove(&removal, from.as_deref()).await {
            Ok(step) => step.next,
            // The log is at its limit until the store has caught up.
            Err(error) if error.class == ErrorClass::Overloaded => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        if from.is_none() {
            return Ok(removal);
        }
    }
}

/// Stores what the queue delivers, as the consume stage does, until it is closed.
pub(crate) async fn consume(queue: Arc<dyn Queue>, store: Arc<dyn LogStore>) {
    while let Ok(deliveries) = queue.receive(100).await {
        if store.append(&deliveries).await.is_err() {
            return;
        }
        let receipts: Vec<_> = deliveries.iter().map(|delivery| delivery.receipt).collect();
        if queue.acknowledge(&receipts).await.is_err() {
            return;
        }
    }
}
