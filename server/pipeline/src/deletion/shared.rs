//! What the task that runs deletions and the calls of users share.

use std::sync::Arc;

use super::{ArchiveRemoval, Deletion, Ended};
use crate::{
    Documents, LogStore, Supervisor,
    clock::Clock,
    jobs::{Job as _, Jobs},
    live::LiveHub,
};

/// What deletions need.
pub struct Needs {
    pub store: Arc<dyn LogStore>,
    pub documents: Arc<dyn Documents>,
    pub live: Arc<LiveHub>,
    /// `None` without an archive.
    pub archive: Option<Arc<dyn ArchiveRemoval>>,
    pub supervisor: Supervisor,
    pub clock: Clock,
    /// The name of this process, shown as the holder of a lease.
    pub holder: String,
    pub ended: Ended,
}

/// The ports.
pub(super) struct Shared {
    pub(super) store: Arc<dyn LogStore>,
    pub(super) jobs: Jobs<Deletion>,
    pub(super) live: Arc<LiveHub>,
    pub(super) archive: Option<Arc<dyn ArchiveRemoval>>,
    pub(super) ended: Ended,
}

impl Shared {
    pub(super) fn new(needs: Needs) -> Self {
        let Needs { store, documents, live, archive, clock, holder, ended, supervisor: _ } = needs;
        let jobs = Jobs::new(documents, store.leases(), clock, holder);
        Self { store, jobs, live, archive, ended }
    }

    /// Why this node cannot run the deletion; `None` if it can.
    pub(super) fn lacks(&self, deletion: &Deletion) -> Option<String> {
        let lacks = deletion.archives && deletion.is_running() && self.archive.is_none();
        lacks.then(|| "this node has no archive; start it with --archive, or cancel the deletion".to_owned())
    }

    /// The deletion for users. Whoever learns its end from this node sees no removed record in the tails of this node,
    /// also if another node has removed them a moment ago.
    pub(super) fn shown(&self, deletion: Deletion) -> Deletion {
        self.forget(&deletion);
        let reason = self.lacks(&deletion);
        deletion.lacking(reason.as_deref())
    }

    /// Live tails of this node do not show what another node removes. They forget once it is counted, and not only when
    /// the progress tells of removed records: the first step may have removed some before it is noted.
    pub(super) fn forget(&self, deletion: &Deletion) {
        if deletion.total.is_some() {
            self.live.forget(deletion.upto());
        }
    }
}
