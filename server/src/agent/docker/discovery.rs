//! Which containers there are. The list is the truth; events say when to ask for it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{Stream, StreamExt as _};
use pipeline::{Error, Result, backoff::Backoff};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    CONTAINERS, FIRST_WAIT, LONGEST_WAIT, Settings,
    api::{Engine, Event, Listed},
    container::{Container, is_excluded},
    cursor::Cursor,
};
use crate::agent::{checkpoints::Checkpoints, records::host_name, status::Input};

/// How often the list is asked for without an event.
const LIST: Duration = Duration::from_secs(10);
/// The most bytes of an event without an end.
const EVENT_BYTES: usize = 1 << 20;

/// The newest answer of the daemon.
#[derive(Debug, Clone, Default)]
struct Seen {
    containers: Vec<Listed>,
    /// How often each container was started, as far as events told; for all: how often the events broke off.
    starts: BTreeMap<String, u64>,
    breaks: u64,
}

/// Follows the list of containers, and starts the reading of each.
pub(super) struct Discovery {
    engine: Engine,
    seen: watch::Receiver<Seen>,
    /// Asks for a new list.
    again: Arc<Notify>,
    followed: BTreeMap<String, Arc<Container>>,
    /// Containers whose log was read to its end, with their starts up to then.
    ended: BTreeMap<String, (u64, u64)>,
    tasks: JoinSet<()>,
    status: Arc<Input>,
    /// More containers run than are followed; logged once.
    is_too_many: bool,
}

impl Discovery {
    /// Must be called within a Tokio runtime. Everything it starts ends when it is dropped.
    pub(super) fn start(engine: Engine, settings: Settings, status: Arc<Input>) -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let again = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        let watching = watch_containers(engine.clone(), settings, Arc::clone(&status), sender, Arc::clone(&again));
        tasks.spawn(watching);
        let (followed, ended) = (BTreeMap::new(), BTreeMap::new());
        Self { engine, seen, again, followed, ended, tasks, status, is_too_many: false }
    }

    pub(super) fn followed(&self) -> impl Iterator<Item = &Arc<Container>> {
        self.followed.values()
    }

    /// Starts and ends the reading of containers by the newest list. Must not be called while records are on their
    /// way, because a container is read from its checkpoint on.
    ///
    /// # Errors
    /// `Internal` if a task has panicked.
    pub(super) fn update(&mut self, checkpoints: &mut Checkpoints<Cursor>) -> Result<()> {
        while let Some(ended) = self.tasks.try_join_next() {
            ended.map_err(|error| Error::internal(format!("the log of a container: {error}")))?;
        }
        // A log that has ended and is in the queue.
        let is_done =
            |container: &Container| container.is_ended.load(Ordering::Acquire) && container.window.lock().length() == 0;
        let done: Vec<String> =
            self.followed.iter().filter(|(_, container)| is_done(container)).map(|(id, _)| id.clone()).collect();
        let is_changed = self.seen.has_changed().unwrap_or(false);
        if done.is_empty() && !is_changed {
            return Ok(());
        }
        let seen = self.seen.borrow_and_update().clone();
        for id in done {
            self.followed.remove(&id);
            // It may have been started again meanwhile.
            self.again.notify_one();
        }
        if !is_changed {
            return Ok(());
        }
        let listed: BTreeSet<&str> = seen.containers.iter().map(|listed| listed.id.as_str()).collect();
        checkpoints.retain(|id| listed.contains(id) || self.followed.contains_key(id));
        self.ended.retain(|id, _| listed.contains(id.as_str()));
        for listed in &seen.containers {
            let starts = (seen.starts.get(&listed.id).copied().unwrap_or_default(), seen.breaks);
            let is_read = !listed.is_running() && self.ended.get(&listed.id) == Some(&starts);
            if is_read || listed.state == "created" || self.followed.contains_key(&listed.id) {
                continue;
            }
            if self.followed.len() >= CONTAINERS {
                if !std::mem::replace(&mut self.is_too_many, true) {
                    tracing::warn!("--docker: more than {CONTAINERS} containers; the others are not read");
                }
                break;
            }
            self.ended.insert(listed.id.clone(), starts);
            self.read(listed, checkpoints);
        }
        self.status.followed(self.followed.len());
        Ok(())
    }

    fn read(&mut self, listed: &Listed, checkpoints: &Checkpoints<Cursor>) {
        let checkpoint = checkpoints.get(&listed.id).cloned().unwrap_or_default();
        let cursor = checkpoint.place;
        let container = Arc::new(Container::new(listed, checkpoint));
        self.followed.insert(listed.id.clone(), Arc::clone(&container));
        let engine = self.engine.clone();
        self.tasks.spawn(async move { container.read(&engine, cursor).await });
    }
}

/// Asks for the list of containers at the start, after each event, and every [`LIST`]. Tries again while the daemon does
/// not answer.
async fn watch_containers(
    engine: Engine,
    settings: Settings,
    status: Arc<Input>,
    seen: watch::Sender<Seen>,
    again: Arc<Notify>,
) {
    let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
    loop {
        let watched = watch_once(&engine, &settings, &status, &seen, &again, &mut backoff).await;
        if let Err(error) = watched
            && status.failed(Some(&error.message))
        {
            tracing::warn!(%error, "cannot follow the containers of Docker, retrying");
        }
        sleep(backoff.next()).await;
    }
}

/// Ends when the events break off.
async fn watch_once(
    engine: &Engine,
    settings: &Settings,
    status: &Input,
    seen: &watch::Sender<Seen>,
    again: &Notify,
    backoff: &mut Backoff,
) -> Result<()> {
    // Before the list, so that no start is between the two.
    let mut events = std::pin::pin!(starts(engine.events().await?));
    seen.send_modify(|seen| seen.breaks += 1);
    let own_host = host_name();
    loop {
        let mut containers = engine.containers().await?;
        status.failed(None);
        backoff.reset();
        containers.retain(|listed| !is_excluded(listed, &settings.excluded, &own_host));
        seen.send_modify(|seen| {
            seen.starts.retain(|id, _| containers.iter().any(|listed| listed.id == *id));
            seen.containers = containers;
        });
        let event = tokio::select! {
            event = timeout(LIST, events.next()) => event,
            () = again.notified() => continue,
        };
        match event {
            Ok(Some(event)) => {
                let id = event?.id;
                seen.send_modify(|seen| *seen.starts.entry(id).or_default() += 1);
            }
            Ok(None) => return Ok(()),
            // No event for a while.
            Err(_) => {}
        }
    }
}

/// The events of a stream of lines of JSON.
fn starts(bytes: impl Stream<Item = Result<bytes::Bytes>>) -> impl Stream<Item = Result<Event>> {
    async_stream::try_stream! {
        let mut buffer = Vec::new();
        for await bytes in bytes {
            buffer.extend_from_slice(&bytes?);
            while let Some(end) = memchr::memchr(b'\n', &buffer) {
                let line: Vec<u8> = buffer.drain(..=end).collect();
                // An event that cannot be read still means that something has changed.
                yield serde_json::from_slice(&line).unwrap_or_default();
            }
            if buffer.len() > EVENT_BYTES {
                buffer.clear();
            }
        }
    }
}
