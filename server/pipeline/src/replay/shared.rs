//! What the tasks that run replays share.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::time::Instant;

use super::{ArchivedDays, Replay, Target};
use crate::{
    LogStore, follow,
    jobs::{Job as _, Jobs, TAKE_OVER},
};

/// The ports, the sinks, and which replays are taken.
pub(super) struct Shared {
    pub(super) store: Arc<dyn LogStore>,
    pub(super) archive: Option<Arc<dyn ArchivedDays>>,
    pub(super) jobs: Jobs<Replay>,
    pub(super) targets: HashMap<String, Target>,
    /// The age at which the store deletes records.
    pub(super) retention: Option<Duration>,
    /// The replays that a slot of this process has taken.
    taken: Mutex<HashSet<String>>,
    /// When another node was last seen to run a replay.
    elsewhere: Mutex<HashMap<String, Instant>>,
}

impl Shared {
    pub(super) fn new(targets: Vec<Target>, archive: Option<Arc<dyn ArchivedDays>>, options: &follow::Options) -> Self {
        let follow::Options { store, documents, clock, holder, .. } = options;
        Self {
            store: Arc::clone(store),
            archive,
            jobs: Jobs::new(Arc::clone(documents), store.leases(), clock.clone(), holder.clone()),
            targets: targets.into_iter().map(|target| (target.name.clone(), target)).collect(),
            retention: options.retention,
            taken: Mutex::default(),
            elsewhere: Mutex::default(),
        }
    }

    /// Why this node cannot run the replay; `None` if it can.
    pub(super) fn lacks(&self, replay: &Replay) -> Option<String> {
        if !self.targets.contains_key(&replay.sink) {
            return Some(format!("this node has no sink {}; define it, or cancel the replay", replay.sink));
        }
        let lacks_archive = replay.archived.is_some() && self.archive.is_none();
        lacks_archive.then(|| "this node has no archive; start it with --archive, or cancel the replay".to_owned())
    }

    /// The replay for users.
    pub(super) fn shown(&self, replay: Replay) -> Replay {
        let reason = self.lacks(&replay);
        replay.lacking(reason.as_deref())
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
