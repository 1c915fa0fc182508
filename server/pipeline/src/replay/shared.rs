//! What the tasks that run replays share.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{
    ArchivedDays, Target,
    document::{REPLAY, Replay},
};
use crate::{Documents, Leases, LogStore, Result, Version, clock::Clock};

/// How often a node tries to take over a replay from another one.
pub(super) const TAKE_OVER: Duration = Duration::from_secs(5);

/// The ports, the sinks, and which replays are taken.
pub(super) struct Shared {
    pub(super) store: Arc<dyn LogStore>,
    pub(super) archive: Option<Arc<dyn ArchivedDays>>,
    pub(super) documents: Arc<dyn Documents>,
    pub(super) leases: Arc<dyn Leases>,
    pub(super) targets: HashMap<String, Target>,
    pub(super) clock: Clock,
    pub(super) holder: String,
    /// The age at which the store deletes records.
    pub(super) retention: Option<Duration>,
    /// The replays that a slot of this process has taken.
    taken: Mutex<HashSet<String>>,
    /// When another node was last seen to run a replay.
    elsewhere: Mutex<HashMap<String, Instant>>,
}

impl Shared {
    pub(super) fn new(
        targets: Vec<Target>,
        archive: Option<Arc<dyn ArchivedDays>>,
        options: &crate::follow::Options,
    ) -> Self {
        Self {
            store: Arc::clone(&options.store),
            archive,
            documents: Arc::clone(&options.documents),
            leases: options.store.leases(),
            targets: targets.into_iter().map(|target| (target.name.clone(), target)).collect(),
            clock: options.clock.clone(),
            holder: options.holder.clone(),
            retention: options.retention,
            taken: Mutex::default(),
            elsewhere: Mutex::default(),
        }
    }

    /// All replays that can be read, oldest first, and the version of the list.
    pub(super) async fn list(&self) -> Result<(Vec<(Version, Replay)>, Version)> {
        let listing = self.documents.list(&REPLAY).await?;
        let mut replays = Vec::new();
        for document in &listing.documents {
            match Replay::read(document) {
                Ok(replay) => replays.push((document.version, replay)),
                Err(error) => tracing::warn!("{error}; it is left out"),
            }
        }
        replays.sort_by(|(_, a), (_, b)| (a.started, &a.id).cmp(&(b.started, &b.id)));
        Ok((replays, listing.version))
    }

    /// Why this node cannot run the replay; `None` if it can.
    pub(super) fn lacks(&self, replay: &Replay) -> Option<String> {
        if !self.targets.contains_key(&replay.sink) {
            return Some(format!("this node has no sink {}; define it, or cancel the replay", replay.sink));
        }
        let lacks_archive = replay.archived.is_some() && self.archive.is_none();
        lacks_archive.then(|| "this node has no archive; start it with --archive, or cancel the replay".to_owned())
    }

    /// Notes that another node runs the replay.
    pub(super) fn found_elsewhere(&self, id: String) {
        self.elsewhere.lock().insert(id, Instant::now());
    }

    /// Whether another node was just seen to run the replay.
    pub(super) fn is_elsewhere(&self, id: &str) -> bool {
        let mut elsewhere = self.elsewhere.lock();
        elsewhere.retain(|_, seen| seen.elapsed() < TAKE_OVER);
        elsewhere.contains_key(id)
    }

    /// Takes the replay for one task; `None` if another one of this process has it.
    pub(super) fn take(&self, id: &str) -> Option<Taken<'_>> {
        self.taken.lock().insert(id.to_owned()).then(|| Taken { shared: self, id: id.to_owned() })
    }
}

/// A replay that a slot has taken. Dropping it makes it free.
pub(super) struct Taken<'a> {
    shared: &'a Shared,
    id: String,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.shared.taken.lock().remove(&self.id);
    }
}
