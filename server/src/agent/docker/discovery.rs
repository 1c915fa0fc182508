//! Which containers there are. The list is the truth; events say when to ask for it again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::{Stream, StreamExt as _};
use pipeline::{Error, Result, backoff::Backoff, clock::Clock};
use tokio::{
    sync::{Notify, watch},
    task::{AbortHandle, JoinError, JoinSet},
    time::{Instant, sleep, timeout},
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
/// A container that was read for so long before a panic is read again without a long wait.
const STABLE_AFTER: Duration = Duration::from_secs(60);
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

/// A container that is followed, and the task that reads it.
struct Followed {
    listed: Listed,
    container: Arc<Container>,
    task: AbortHandle,
    begun: Instant,
    backoff: Backoff,
    /// When it is read again; set after a panic of the task.
    again: Option<Instant>,
}

/// Follows the list of containers, and starts the reading of each.
pub(super) struct Discovery {
    engine: Engine,
    seen: watch::Receiver<Seen>,
    /// Asks for a new list.
    again: Arc<Notify>,
    followed: BTreeMap<String, Followed>,
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
        self.followed.values().map(|followed| &followed.container)
    }

    /// Starts and ends the reading of containers by the newest list. Must not be called while records are on their
    /// way, because a container is read from its checkpoint on. After a panic of the task of one container, that
    /// container alone is read again.
    ///
    /// # Errors
    /// `Internal` if the task that follows the list has panicked.
    pub(super) fn update(&mut self, checkpoints: &mut Checkpoints<Cursor>) -> Result<()> {
        while let Some(ended) = self.tasks.try_join_next() {
            ended.or_else(|error| self.panicked(&error))?;
        }
        self.read_again(checkpoints);
        // A log that has ended and is in the queue.
        let is_done =
            |container: &Container| container.is_ended.load(Ordering::Acquire) && container.window.lock().length() == 0;
        let done: Vec<String> = self
            .followed
            .iter()
            .filter(|(_, followed)| is_done(&followed.container))
            .map(|(id, _)| id.clone())
            .collect();
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
        let (container, task) = read(listed, checkpoints, &self.engine, &mut self.tasks);
        let backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT);
        let followed =
            Followed { listed: listed.clone(), container, task, begun: Instant::now(), backoff, again: None };
        self.followed.insert(listed.id.clone(), followed);
    }

    /// A task has panicked. Of a container, notes when it is read again.
    ///
    /// # Errors
    /// `Internal` if it is the task that follows the list.
    fn panicked(&mut self, error: &JoinError) -> Result<()> {
        let Some(followed) = self.followed.values_mut().find(|followed| followed.task.id() == error.id()) else {
            return Err(Error::internal(format!("the list of containers: {error}")));
        };
        if followed.begun.elapsed() >= STABLE_AFTER {
            followed.backoff.reset();
        }
        let wait = followed.backoff.next();
        followed.again = Some(Instant::now() + wait);
        tracing::error!(container = followed.listed.id, %error, "cannot read a container, reading it again in {wait:?}");
        Ok(())
    }

    /// Reads containers again whose wait is over, each from its checkpoint. What an old window still has comes again.
    fn read_again(&mut self, checkpoints: &Checkpoints<Cursor>) {
        let now = Instant::now();
        for followed in self.followed.values_mut().filter(|followed| followed.again.is_some_and(|again| again <= now)) {
            (followed.container, followed.task) = read(&followed.listed, checkpoints, &self.engine, &mut self.tasks);
            (followed.begun, followed.again) = (now, None);
        }
    }
}

/// Starts the task that reads a container, from its checkpoint on.
fn read(
    listed: &Listed,
    checkpoints: &Checkpoints<Cursor>,
    engine: &Engine,
    tasks: &mut JoinSet<()>,
) -> (Arc<Container>, AbortHandle) {
    let checkpoint = checkpoints.get(&listed.id).cloned().unwrap_or_default();
    let cursor = checkpoint.place;
    let container = Arc::new(Container::new(listed, checkpoint));
    let (reading, engine) = (Arc::clone(&container), engine.clone());
    let task = tasks.spawn(async move { reading.read(&engine, &Clock::system(), cursor).await });
    (container, task)
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use axum::{Router, body::Body, http::Uri};
    use futures::stream;
    use parking_lot::Mutex;
    use tokio::net::UnixListener;

    use super::*;
    use crate::{agent::status::Inputs, files::Format};

    const LOG: &str = "2026-11-29T10:00:00Z one\n2026-11-29T10:00:01Z two\n";

    /// Serves the running containers `a` and `b`, whose logs stay open. Notes the paths of the requests.
    fn serve(listener: UnixListener) -> Arc<Mutex<Vec<String>>> {
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&requests);
        let open = |text: &'static str| {
            let text = stream::once(async move { Ok::<_, std::io::Error>(text) });
            Body::from_stream(text.chain(stream::pending()))
        };
        let answer = move |uri: Uri| {
            noted.lock().push(uri.path().to_owned());
            std::future::ready(match uri.path() {
                "/events" => open("\n"),
                "/containers/json" => Body::from(r#"[{"Id":"a","State":"running"},{"Id":"b","State":"running"}]"#),
                "/containers/a/logs" | "/containers/b/logs" => open(LOG),
                _ => Body::from(r#"{"Config":{"Tty":true},"State":{"Running":true}}"#),
            })
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        requests
    }

    fn start(folder: &Path) -> (Discovery, Checkpoints<Cursor>) {
        let socket = folder.join("socket");
        let engine = Engine::new(&socket).unwrap();
        let settings = Settings { socket, excluded: Vec::new(), format: Format::default(), node: "host".into() };
        let discovery = Discovery::start(engine, settings, Inputs::default().add("docker"));
        (discovery, Checkpoints::open(folder.join("checkpoints.json")).unwrap())
    }

    async fn panics() {
        panic!("injected panic");
    }

    /// Updates until it holds.
    async fn until(
        discovery: &mut Discovery,
        checkpoints: &mut Checkpoints<Cursor>,
        mut holds: impl FnMut(&Discovery) -> bool,
    ) {
        let begun = Instant::now();
        while !holds(discovery) {
            assert!(begun.elapsed() < Duration::from_secs(60));
            discovery.update(checkpoints).unwrap();
            sleep(Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_panic_in_the_task_of_a_container_restarts_its_reading_alone() {
        let folder = tempfile::tempdir().unwrap();
        let requests = serve(UnixListener::bind(folder.path().join("socket")).unwrap());
        let read = |id: &str| requests.lock().iter().filter(|path| **path == format!("/containers/{id}/logs")).count();
        let (mut discovery, mut checkpoints) = start(folder.path());
        let lines = |discovery: &Discovery| -> Vec<usize> {
            let count = |container: &Arc<Container>| container.window.lock().length();
            discovery.followed().map(count).collect()
        };
        until(&mut discovery, &mut checkpoints, |discovery| {
            lines(discovery).iter().filter(|length| **length > 0).count() == 2
        })
        .await;
        let both = lines(&discovery);
        assert_eq!((read("a"), read("b")), (1, 1));

        let panicking = discovery.tasks.spawn(panics());
        discovery.followed.get_mut("a").unwrap().task = panicking;
        let old = Arc::clone(&discovery.followed["a"].container);
        until(&mut discovery, &mut checkpoints, |_| read("a") == 2).await;
        assert!(!Arc::ptr_eq(&old, &discovery.followed["a"].container), "its window was of the old task");
        until(&mut discovery, &mut checkpoints, |discovery| lines(discovery) == both).await;
        assert_eq!(read("b"), 1);
    }

    #[tokio::test]
    async fn a_panic_in_the_task_that_follows_the_list_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (mut discovery, mut checkpoints) = start(folder.path());
        discovery.tasks.spawn(panics());
        let begun = Instant::now();
        let error = loop {
            if let Err(error) = discovery.update(&mut checkpoints) {
                break error;
            }
            assert!(begun.elapsed() < Duration::from_secs(60));
            sleep(Duration::from_millis(5)).await;
        };
        assert!(error.message.starts_with("the list of containers"), "{error}");
    }
}
