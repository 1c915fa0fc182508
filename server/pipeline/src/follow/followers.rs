//! All followers of this process.

use std::{collections::HashSet, sync::Arc, time::Duration};

use model::Position;
use tokio::{
    sync::{Mutex, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{
    Definition,
    follower::Follower,
    source::Source,
    status::{FollowerStatus, Shared},
};
use crate::{
    Documents, Error, Expected, Json, Kind, LogStore, Result, Supervisor, backoff::Backoff, clock::Clock,
    documents::unchecked, live::LiveHub,
};

/// The paused sinks: a document with the name of each.
pub const PAUSE: Kind = Kind {
    name: "sink-pause",
    format: 1,
    plural: "paused sinks",
    most_bytes: 1024,
    most_documents: 1000,
    check: unchecked,
};

/// What followers need.
#[derive(Clone)]
pub struct Options {
    pub store: Arc<dyn LogStore>,
    pub documents: Arc<dyn Documents>,
    pub live: Arc<LiveHub>,
    pub supervisor: Supervisor,
    pub clock: Clock,
    /// The name of this process, shown as the holder of a lease.
    pub holder: String,
    /// The age at which the store deletes records; `None` if it keeps them.
    pub retention: Option<Duration>,
}

/// The running followers.
pub struct Followers {
    documents: Arc<dyn Documents>,
    live: Arc<LiveHub>,
    clock: Clock,
    retention: Option<Duration>,
    running: Vec<(Definition, Arc<Shared>)>,
    stop: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// A warning is due when retention will delete undelivered records within this time.
const AHEAD: Duration = Duration::from_secs(86_400);

impl Followers {
    /// Starts one supervised task per definition. Names must be unique. Everything stored after this call reaches the
    /// sinks, however long their own start takes.
    ///
    /// # Errors
    /// The store cannot be reached.
    pub async fn start(definitions: Vec<Definition>, options: &Options) -> Result<Arc<Self>> {
        let newest = if definitions.is_empty() { Position::default() } else { options.store.newest().await? };
        let stop = CancellationToken::new();
        let mut tasks = Vec::new();
        let (paused_sender, paused) = watch::channel(None);
        if !definitions.is_empty() {
            let documents = Arc::clone(&options.documents);
            let sender = Arc::new(paused_sender);
            let until = stop.clone();
            tasks.push(options.supervisor.spawn("sinks: pauses", stop.clone(), move || {
                let (documents, sender, until) = (Arc::clone(&documents), Arc::clone(&sender), until.clone());
                async move {
                    let _ = until.run_until_cancelled(watch_pauses(&*documents, &sender)).await;
                }
            }));
        }
        let mut running = Vec::new();
        for definition in definitions {
            let shared = Arc::new(Shared::new(&definition.name));
            let source = Source::new(Arc::clone(&options.store), Arc::clone(&options.live), definition.query.clone());
            let follower = Arc::new(Mutex::new(Follower {
                definition: definition.clone(),
                source,
                documents: Arc::clone(&options.documents),
                leases: options.store.leases(),
                clock: options.clock.clone(),
                holder: options.holder.clone(),
                newest,
                paused: paused.clone(),
                status: Arc::clone(&shared),
            }));
            let until = stop.clone();
            tasks.push(options.supervisor.spawn(format!("sink {}", definition.name), stop.clone(), move || {
                let (follower, until) = (Arc::clone(&follower), until.clone());
                async move { follower.lock().await.run(&until).await }
            }));
            running.push((definition, shared));
        }
        Ok(Arc::new(Self {
            documents: Arc::clone(&options.documents),
            live: Arc::clone(&options.live),
            clock: options.clock.clone(),
            retention: options.retention,
            running,
            stop,
            tasks: Mutex::new(tasks),
        }))
    }

    /// Stops all followers, and gives their leases back. What is not acknowledged is sent again after the next start.
    pub async fn close(&self) {
        self.stop.cancel();
        for task in self.tasks.lock().await.drain(..) {
            let _ = task.await;
        }
    }

    /// The status of each follower, in the order of their definitions.
    pub fn status(&self) -> Vec<FollowerStatus> {
        let status = |(definition, shared): &(Definition, Arc<Shared>)| {
            shared.read(|progress| FollowerStatus {
                name: definition.name.clone(),
                target: definition.target.to_string(),
                query: definition.query_text.clone(),
                state: progress.state,
                records: progress.records,
                refused: progress.refused,
                behind: progress.at.map(|at| self.live.behind(at)),
                waiting_since: progress.waiting_since,
                deleted_at: progress.waiting_since.and_then(|since| self.deleted_at(since)),
                error: progress.error.clone(),
                acknowledged: progress.acknowledged,
            })
        };
        self.running.iter().map(status).collect()
    }

    /// When retention deletes a record stored at `since`, if that is within a day.
    fn deleted_at(&self, since: model::Nanos) -> Option<model::Nanos> {
        let at = since.saturating_add(nanos(self.retention?));
        (at < self.clock.now().saturating_add(nanos(AHEAD))).then_some(at)
    }

    /// Pauses a sink on all nodes, or resumes it.
    ///
    /// # Errors
    /// `NotFound` if there is no such sink.
    pub async fn set_paused(&self, name: &str, is_paused: bool) -> Result<()> {
        if !self.running.iter().any(|(definition, _)| definition.name == name) {
            return Err(Error::not_found(format!("there is no sink {name:?}")));
        }
        if is_paused {
            self.documents.put(&PAUSE, name, &Json::from_value(&true)?, Expected::Any, None).await?;
        } else {
            self.documents.delete(&PAUSE, name, Expected::Any, None).await?;
        }
        Ok(())
    }
}

fn nanos(duration: Duration) -> model::Nanos {
    model::Nanos::try_from(duration.as_nanos()).unwrap_or(model::Nanos::MAX)
}

/// Keeps the set of paused sinks up to date.
async fn watch_pauses(documents: &dyn Documents, sender: &watch::Sender<Option<HashSet<String>>>) {
    let mut backoff = Backoff::of_stage();
    loop {
        let listed = async {
            let listing = documents.list(&PAUSE).await?;
            let names = listing.documents.into_iter().map(|document| document.name).collect();
            sender.send_replace(Some(names));
            documents.watch(&PAUSE, listing.version).await
        };
        match listed.await {
            Ok(_) => backoff.reset(),
            Err(error) => {
                tracing::debug!("cannot read which sinks are paused: {error}");
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}
