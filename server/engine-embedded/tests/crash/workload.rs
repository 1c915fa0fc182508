//! What is done on a data folder, by the process that is killed and by the one that judges.

use std::{path::Path, sync::Arc, time::Duration};

use engine_embedded::Options;
use pipeline::{Batch, LogStore, Queue};
use testkit::records;

/// Which engines work on the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engines {
    /// Queue and store on one log.
    Pair,
    /// Each with its own log, as beside a distributed one.
    Apart,
}

impl Engines {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pair => "pair",
            Self::Apart => "apart",
        }
    }

    pub(crate) fn named(name: &str) -> Self {
        if name == Self::Pair.name() { Self::Pair } else { Self::Apart }
    }

    pub(crate) async fn open(self, folder: &Path) -> (Arc<dyn Queue>, Arc<dyn LogStore>) {
        // Small bounds: a few hundred batches fill segments and flush several times.
        let options = Options {
            queue_bytes: 1 << 20,
            flush_records: 300,
            append_patience: Duration::from_secs(60),
            ..Options::default()
        };
        match self {
            Self::Pair => engine_embedded::open_pair(folder, options).await.unwrap(),
            Self::Apart => {
                let queue = engine_embedded::open_queue(folder, options.clone()).await.unwrap();
                (queue, engine_embedded::open_store(folder, options).await.unwrap())
            }
        }
    }
}

/// The records of one batch.
pub(crate) const RECORDS: usize = 4;

/// The batch of that number, as a client sends it who may send it again.
pub(crate) fn batch(number: u64) -> Batch {
    Batch { client_id: true, ..records::long_messages(number, RECORDS, 400) }
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
