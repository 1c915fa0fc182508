//! Followers and their sinks: C11.
//!
//! A [`Receiver`] is the destination. It outlives the nodes, and a script decides its answers. A [`Node`] is a process
//! with a hub and followers over a store that several nodes share.

mod ahead;
mod archived;
mod deliver;
mod faults;
mod nodes;
mod panics;
mod random;
mod relay;
mod replay;
mod restore;

use std::{collections::HashMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use futures::FutureExt as _;
use model::{Position, Query, StoredRecord};
use parking_lot::Mutex;
use pipeline::{
    Batch, Content, Delivery, Error, Log as _, LogStore as _, Receipt, Result, Supervisor,
    clock::Clock,
    follow::{Definition, FollowerState, FollowerStatus, Followers, Options, Outgoing, Refused, Sent, Sink, Start},
    live::{LiveHub, LiveOptions},
    supervisor::TaskState,
};
use testkit::{
    faulty::{FaultyStore, Mode},
    memory::MemoryStore,
    records,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::until;

/// The answer to one call of [`Sink::send`].
enum Answer {
    Stored,
    /// All but the records for which it returns true.
    StoredBut(fn(&StoredRecord) -> bool),
    /// Nothing is stored.
    Fails(Error),
    /// All is stored, and the sink gets an error.
    Unanswered(Error),
    Hangs,
    Panics,
}

/// A call of a sink.
#[derive(Debug, Clone)]
enum Call {
    Open(Option<String>),
    Send { at: Instant, batch: Outgoing, is_acknowledged: bool },
}

type Script = Box<dyn FnMut(&Outgoing) -> Answer + Send>;

/// A destination that records what it receives. Its mark is the position of the last record of a batch.
#[derive(Clone)]
struct Receiver(Arc<Mutex<Destination>>);

struct Destination {
    script: Script,
    /// The error of the next calls of [`Sink::open`].
    open_fails: Option<Error>,
    calls: Vec<Call>,
    stored: Vec<(Outgoing, Vec<StoredRecord>)>,
}

impl Receiver {
    fn new() -> Self {
        let script: Script = Box::new(|_| Answer::Stored);
        Self(Arc::new(Mutex::new(Destination { script, open_fails: None, calls: Vec::new(), stored: Vec::new() })))
    }

    /// Decides the answers from now on.
    fn answers(&self, script: impl FnMut(&Outgoing) -> Answer + Send + 'static) {
        self.0.lock().script = Box::new(script);
    }

    fn calls(&self) -> Vec<Call> {
        self.0.lock().calls.clone()
    }

    /// Every batch that was sent, with the time.
    fn attempts(&self) -> Vec<(Instant, Outgoing)> {
        let sent = |call| match call {
            Call::Send { at, batch, .. } => Some((at, batch)),
            Call::Open(_) => None,
        };
        self.calls().into_iter().filter_map(sent).collect()
    }

    /// The batches that the receiver stored, repetitions included.
    fn batches(&self) -> Vec<Outgoing> {
        self.0.lock().stored.iter().map(|(batch, _)| batch.clone()).collect()
    }

    /// All stored records, repetitions included.
    fn received(&self) -> Vec<StoredRecord> {
        self.0.lock().stored.iter().flat_map(|(_, records)| records.clone()).collect()
    }

    /// The stored records of a receiver that ignores a batch with a known id.
    ///
    /// # Panics
    /// If two batches with one id have different records.
    fn received_once(&self) -> Vec<StoredRecord> {
        let mut known: HashMap<_, Outgoing> = HashMap::new();
        let mut once = Vec::new();
        for (batch, records) in &self.0.lock().stored {
            match known.get(&batch.id) {
                Some(same) => assert!(same == batch, "two batches with the id {}", batch.id),
                None => {
                    known.insert(batch.id, batch.clone());
                    once.extend(records.iter().cloned());
                }
            }
        }
        once
    }

    fn has(&self, expected: &[StoredRecord]) -> bool {
        self.0.lock().stored.iter().map(|(_, records)| records.len()).sum::<usize>() >= expected.len()
    }

    fn open_fails(&self, error: Option<Error>) {
        self.0.lock().open_fails = error;
    }

    fn sink(&self) -> Box<dyn Sink> {
        Box::new(Recording(self.clone()))
    }
}

struct Recording(Receiver);

#[async_trait]
impl Sink for Recording {
    async fn open(&mut self, mark: Option<&str>) -> Result<()> {
        let mut destination = self.0.0.lock();
        destination.calls.push(Call::Open(mark.map(str::to_owned)));
        destination.open_fails.clone().map_or(Ok(()), Err)
    }

    async fn send(&mut self, batch: &Outgoing) -> Result<Sent> {
        let answer = {
            let mut destination = self.0.0.lock();
            let answer = (destination.script)(batch);
            let is_acknowledged = matches!(answer, Answer::Stored | Answer::StoredBut(_));
            destination.calls.push(Call::Send { at: Instant::now(), batch: batch.clone(), is_acknowledged });
            answer
        };
        // As over a network.
        tokio::time::sleep(Duration::from_millis(1)).await;
        let is_refused = match answer {
            Answer::Stored | Answer::Unanswered(_) => |_: &StoredRecord| false,
            Answer::StoredBut(is_refused) => is_refused,
            Answer::Fails(error) => return Err(error),
            Answer::Hangs => std::future::pending().await,
            Answer::Panics => panic!("injected panic"),
        };
        let stored = batch.records.iter().filter(|stored| !is_refused(stored)).cloned().collect();
        self.0.0.lock().stored.push((batch.clone(), stored));
        if let Answer::Unanswered(error) = answer {
            return Err(error);
        }
        let refused = batch.records.iter().enumerate().filter(|(_, stored)| is_refused(stored));
        let refused = refused.map(|(index, _)| Refused { index, reason: "no such field".into() }).collect();
        Ok(Sent { refused, mark: batch.records.last().map(|last| last.position.to_string()) })
    }
}

/// A definition of the sink `name`, for all records from the oldest on.
fn definition(name: &str, receiver: &Receiver) -> Definition {
    let receiver = receiver.clone();
    Definition {
        name: name.to_owned(),
        target: "test://receiver".into(),
        query_text: String::new(),
        query: Query::default(),
        start: Start::Oldest,
        build: Arc::new(move || Ok(receiver.sink())),
    }
}

fn matching_query(text: &str, definition: Definition) -> Definition {
    Definition { query_text: text.into(), query: Query::parse(text).unwrap(), ..definition }
}

/// One process.
struct Node {
    /// Its way to the shared store.
    store: Arc<FaultyStore>,
    followers: Arc<Followers>,
    supervisor: Supervisor,
    stop: CancellationToken,
}

impl Node {
    fn start(shared: &Arc<MemoryStore>, definitions: Vec<Definition>) -> Self {
        Self::start_with(shared, definitions, LiveOptions::default(), |options| options)
    }

    fn start_with(
        shared: &Arc<MemoryStore>,
        definitions: Vec<Definition>,
        live: LiveOptions,
        change: impl FnOnce(Options) -> Options,
    ) -> Self {
        let (supervisor, stop) = (Supervisor::default(), CancellationToken::new());
        let store = FaultyStore::new(shared.clone());
        let live = LiveOptions { supervisor: supervisor.clone(), ..live };
        let options = Options {
            store: store.clone(),
            documents: store.documents(),
            live: LiveHub::start_with(store.clone(), stop.clone(), live),
            supervisor: supervisor.clone(),
            clock: Clock::from_fn(|| records::OBSERVED),
            holder: "test".into(),
            retention: None,
        };
        let started = Followers::start(definitions, &change(options)).now_or_never();
        let followers = started.expect("the reference store answers at once").unwrap();
        Self { store, followers, supervisor, stop }
    }

    /// Stops in an orderly way.
    async fn stop(self) {
        self.followers.close().await;
        self.stop.cancel();
        let ended = || self.supervisor.tasks().iter().all(|task| task.state == TaskState::Ended);
        until("the node has stopped", ended).await;
    }

    /// From now on, the node reaches nothing in the store, as if it were killed or cut off.
    fn cut(&self) {
        for switch in [&self.store.newest, &self.store.follow, &self.store.read, &self.store.put_dead_letters] {
            switch.set(Mode::Hang);
        }
        for switch in [&self.store.read_documents, &self.store.write_documents, &self.store.leases] {
            switch.set(Mode::Hang);
        }
    }

    fn status(&self, name: &str) -> FollowerStatus {
        self.followers.status().into_iter().find(|status| status.name == name).unwrap()
    }

    async fn is(&self, name: &str, state: FollowerState) {
        until(state.name(), || self.status(name).state == state).await;
    }

    /// Waits until the follower has taken its turn and nothing is left to do.
    async fn is_idle(&self, name: &str) {
        let is_idle = |status: FollowerStatus| {
            status.state == FollowerState::Following && status.behind.is_some_and(|behind| behind.records == 0)
        };
        until("the follower is idle", || is_idle(self.status(name))).await;
        // Also the cursor is stored.
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

async fn append(store: &MemoryStore, batches: &[Batch]) {
    for batch in batches {
        let content = Content::Batch(Arc::new(batch.clone()));
        store.append(&[Delivery { receipt: Receipt(0), content }]).await.unwrap();
    }
}

/// A store with some batches.
async fn store_of(batches: &[Batch]) -> Arc<MemoryStore> {
    let store = Arc::new(MemoryStore::new());
    append(&store, batches).await;
    store
}

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

fn away() -> Error {
    Error { retry_after: None, ..Error::unavailable("the receiver is away") }
}

/// The last position of the batch, as the receiver's mark.
fn mark(batch: &Outgoing) -> Option<String> {
    batch.records.last().map(|last| last.position.to_string())
}

fn ids(batches: &[Outgoing]) -> Vec<pipeline::BatchId> {
    batches.iter().map(|batch| batch.id).collect()
}

#[derive(Debug, PartialEq)]
struct Places(Vec<Position>);

/// Compares by position, so that a failure can be read.
fn places(records: &[StoredRecord]) -> Places {
    Places(records.iter().map(|stored| stored.position).collect())
}
