//! The workload on a data folder, of the killed and of the checking process.

use std::{path::Path, sync::Arc, time::Duration};

use engine_embedded::Options;
use pipeline::{Batch, LogStore, Queue};
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
}

impl Engines {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::Apart => "apart",
            Self::Expiring => "expiring",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        [Self::Pair, Self::Apart, Self::Expiring].into_iter().find(|engines| engines.name() == name).unwrap()
    }

    pub(crate) async fn open(self, folder: &Path) -> pipeline::Result<(Arc<dyn Queue>, Arc<dyn LogStore>)> {
        // Small limits: a few hundred batches fill segments, flush and merge several times.
        let options = Options {
            queue_bytes: 1 << 20,
            flush_records: 300,
            append_patience: Duration::from_secs(60),
            compact_parts: 2,
            upkeep_interval: Duration::from_millis(5),
            retention_services: match self {
                Self::Expiring => vec![(EXPIRED.to_owned(), Duration::from_secs(1))],
                Self::Pair | Self::Apart => Vec::new(),
            },
            ..Options::default()
        };
        match self {
            Self::Pair | Self::Expiring => engine_embedded::open_pair(folder, options).await,
            Self::Apart => {
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
pub(crate) fn has_expired(number: u64) -> bool {
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
