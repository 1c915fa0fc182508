//! The live stage: one reader of the store, any number of subscribers.
//!
//! The hub follows the store and keeps the newest blocks in a ring. Each subscriber is a task with its own query and
//! its own position: within the ring it reads blocks, before the ring it reads pages from the store. Both have the same
//! order, so nothing is lost or repeated between them (C3). Matches go into a bounded channel.
//!
//! A slow subscriber blocks nobody. The backlog that it requested is sent completely, at its own pace. Newer records
//! that do not fit its channel are skipped, and it receives their number.

mod progress;
mod ring;
mod subscriber;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use model::{Position, Query, StoredRecord};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    Error, Log, Result, Supervisor,
    backoff::Backoff,
    clock::Clock,
    events::{FollowFailed, LiveMeters},
};
pub use progress::Behind;
use progress::Progress;
pub(crate) use ring::Read;
use ring::Ring;
use subscriber::Subscriber;

/// An event of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub enum LiveEvent {
    Record(StoredRecord),
    /// `count` matching records were skipped here, the last of them at `position`, because the subscriber was too slow.
    Skipped {
        count: u64,
        position: Position,
    },
}

/// The limits of the live stage.
#[derive(Debug, Clone)]
pub struct LiveOptions {
    /// Bytes of the newest blocks, kept for subscribers.
    pub ring_bytes: usize,
    pub ring_records: usize,
    /// Open subscriptions; further ones are refused as overload.
    pub subscriptions: usize,
    /// Queued events per subscriber.
    pub events: usize,
    /// Bytes of the queued events per subscriber.
    pub event_bytes: usize,
    pub clock: Clock,
    pub supervisor: Supervisor,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self {
            ring_bytes: 16 << 20,
            ring_records: 100_000,
            subscriptions: 512,
            events: 8192,
            event_bytes: 4 << 20,
            clock: Clock::system(),
            supervisor: Supervisor::default(),
        }
    }
}

/// Distributes new records of the store to subscribers.
pub struct LiveHub {
    shared: Arc<Shared>,
    slots: Arc<Semaphore>,
}

/// State shared by the hub's tasks.
struct Shared {
    store: Arc<dyn Log>,
    stop: CancellationToken,
    options: LiveOptions,
    ring: Mutex<Ring>,
    progress: Mutex<Progress>,
    /// The newest position in the ring; `None` until the store is reached.
    newest: watch::Sender<Option<Position>>,
    meters: LiveMeters,
    /// The longest lag since the last call of `take_lag`, in nanoseconds; 0 if there was none.
    lag: AtomicU64,
}

/// The events of one subscriber. Dropping it ends the subscription.
pub struct Subscription {
    events: mpsc::Receiver<LiveEvent>,
    /// Permits for the bytes of queued events; returned when an event is taken.
    room: Arc<Semaphore>,
    most_bytes: usize,
}

impl Subscription {
    /// The next event, or `None` after the hub has closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<LiveEvent> {
        let event = self.events.recv().await?;
        self.room.add_permits(subscriber::cost(&event, self.most_bytes));
        Some(event)
    }
}

impl LiveHub {
    /// Follows the store from its newest position on, with the default limits. Must be called within a Tokio runtime.
    pub fn start(store: Arc<dyn Log>, stop: CancellationToken) -> Arc<Self> {
        Self::start_with(store, stop, LiveOptions::default())
    }

    /// As [`LiveHub::start`], with the given limits.
    pub fn start_with(store: Arc<dyn Log>, stop: CancellationToken, options: LiveOptions) -> Arc<Self> {
        let shared = Arc::new(Shared {
            store,
            // A child token, so that closing the hub stops nothing else.
            stop: stop.child_token(),
            ring: Mutex::new(Ring::new(options.ring_bytes, options.ring_records)),
            progress: Mutex::default(),
            newest: watch::Sender::new(None),
            meters: LiveMeters::register(),
            lag: AtomicU64::new(0),
            options,
        });
        let following = shared.clone();
        shared.options.supervisor.spawn("live", shared.stop.clone(), move || follow(following.clone()));
        let slots = Arc::new(Semaphore::new(shared.options.subscriptions));
        Arc::new(Self { shared, slots })
    }

    /// Sends every matching record after the position `after`, or after this call, once each, in position order.
    ///
    /// # Errors
    /// `Overloaded` beyond the limit of subscriptions; `Unavailable` after close.
    pub fn subscribe(&self, query: Query, after: Option<Position>) -> Result<Subscription> {
        let shared = &self.shared;
        if shared.stop.is_cancelled() {
            return Err(Error::unavailable("shutting down; subscribe at another node, or again later"));
        }
        let slot = self.slots.clone().try_acquire_owned().map_err(|_| {
            Error::overloaded(
                format!("{} live tails are open, which is the limit; close one", shared.options.subscriptions),
                Duration::from_secs(5),
            )
        })?;
        let (sender, events) = mpsc::channel(shared.options.events.max(1));
        let most_bytes = shared.options.event_bytes;
        let room = Arc::new(Semaphore::new(most_bytes));
        let subscriber = Subscriber::new(shared.clone(), query, after, sender, room.clone());
        let stop = shared.stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = subscriber.run() => {}
            }
            drop(slot);
        });
        Ok(Subscription { events, room, most_bytes })
    }

    /// The newest position visible to subscribers; `None` before the store is reached.
    pub fn newest(&self) -> Option<Position> {
        *self.shared.newest.borrow()
    }

    /// The blocks after `at` as far as they are in memory.
    pub(crate) fn read(&self, at: Position) -> Read {
        self.shared.ring.lock().after(at)
    }

    /// Forgets the blocks with records up to `upto`, of which the store has removed some. Subscribers that are not past
    /// them yet read the rest from the store.
    pub fn forget(&self, upto: Position) {
        self.shared.ring.lock().forget(upto);
    }

    /// Waits until the newest position is past `after`, and returns it.
    pub(crate) async fn wait_after(&self, after: Position) -> Position {
        let mut newest = self.shared.newest.subscribe();
        loop {
            if let Some(position) = *newest.borrow_and_update()
                && position > after
            {
                return position;
            }
            // The sender lives as long as this hub.
            if newest.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The number of records stored after a position.
    pub fn behind(&self, at: Position) -> Behind {
        self.shared.progress.lock().after(at)
    }

    /// The longest lag from receipt to visibility since the last call; `None` if nothing arrived.
    pub fn take_lag(&self) -> Option<Duration> {
        let lag = self.shared.lag.swap(0, Ordering::Relaxed);
        (lag > 0).then(|| Duration::from_nanos(lag))
    }

    /// The number of open tails.
    pub fn tails(&self) -> usize {
        self.shared.options.subscriptions - self.slots.available_permits()
    }

    /// Completes when the hub is closed.
    pub fn closed(&self) -> impl Future<Output = ()> + Send + use<> {
        self.shared.stop.clone().cancelled_owned()
    }

    /// Ends every subscription and refuses new ones.
    pub fn close(&self) {
        self.shared.stop.cancel();
    }
}

/// Follows the store until the stop signal. After a panic it restarts with an empty ring; subscribers read older
/// records from the store.
async fn follow(shared: Arc<Shared>) {
    let following = async {
        let mut backoff = Backoff::of_stage();
        let mut at = None;
        loop {
            let step = match at {
                None => shared.store.newest().await.map(|newest| shared.begin(newest)),
                Some(after) => shared.store.follow(after).await.map(|blocks| shared.extend(after, blocks)),
            };
            match step {
                Ok(newest) => {
                    at = Some(newest);
                    backoff.reset();
                }
                Err(error) => {
                    let wait = backoff.next();
                    FollowFailed { error: &error, wait }.emit();
                    tokio::time::sleep(wait).await;
                }
            }
        }
    };
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = following => {}
    }
}

impl Shared {
    /// Starts an empty ring after `newest`.
    fn begin(&self, newest: Position) -> Position {
        self.ring.lock().begin(newest);
        self.progress.lock().begin(newest);
        self.newest.send_replace(Some(newest));
        newest
    }

    /// Adds the blocks after `after`; returns the new end.
    fn extend(&self, after: Position, blocks: Vec<crate::Block>) -> Position {
        let now = self.options.clock.now();
        let mut newest = after;
        {
            let mut ring = self.ring.lock();
            let mut progress = self.progress.lock();
            for block in blocks {
                newest = newest.max(block.last());
                let lag = now.saturating_sub(block.batch.observed_time);
                let lag = u64::try_from(lag).unwrap_or(0);
                self.meters.visible(Duration::from_nanos(lag));
                self.lag.fetch_max(lag.max(1), Ordering::Relaxed);
                let (last, records) = (block.last(), block.batch.records.len());
                let weight = ring.push(block);
                progress.add(last, records, weight);
            }
        }
        self.newest.send_replace(Some(newest));
        newest
    }
}
