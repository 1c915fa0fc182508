//! The reference of documents and leases.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use parking_lot::Mutex;
use pipeline::{Document, Documents, Expected, Json, Kind, Lease, Leases, Listing, Result, Version, lease_lost};
use tokio::{sync::watch, time::Instant};

use super::closed;

/// The state that survives a restart.
#[derive(Default)]
pub(super) struct Kept {
    documents: BTreeMap<(&'static str, String), Document>,
    versions: HashMap<&'static str, u64>,
    leases: HashMap<String, Held>,
    /// Wakes the watches.
    changed: watch::Sender<()>,
}

struct Held {
    token: u64,
    until: Instant,
}

impl Kept {
    fn is_held(&self, lease: &Lease) -> bool {
        let held = self.leases.get(&lease.name);
        held.is_some_and(|held| held.token == lease.token && held.until > Instant::now())
    }

    fn check(&self, fence: Option<&Lease>) -> Result<()> {
        fence.filter(|lease| !self.is_held(lease)).map_or(Ok(()), |lease| Err(lease_lost(lease)))
    }

    fn version(&self, kind: &Kind) -> Version {
        Version(self.versions.get(kind.name).copied().unwrap_or_default())
    }

    fn of_kind(&self, kind: &Kind) -> impl Iterator<Item = &Document> {
        self.documents.iter().filter(|((of, _), _)| *of == kind.name).map(|(_, document)| document)
    }

    fn change(&mut self, kind: &Kind) -> Version {
        let version = self.versions.entry(kind.name).or_default();
        *version += 1;
        Version(*version)
    }
}

/// Documents and leases in memory, until the store is closed.
#[derive(Clone)]
pub(super) struct MemoryDocuments {
    kept: Arc<Mutex<Kept>>,
    is_closed: watch::Sender<bool>,
}

impl MemoryDocuments {
    pub(super) fn on(kept: Arc<Mutex<Kept>>) -> Self {
        Self { kept, is_closed: watch::Sender::new(false) }
    }

    pub(super) fn close(&self) {
        self.is_closed.send_replace(true);
    }

    fn check(&self) -> Result<()> {
        if *self.is_closed.borrow() { Err(closed()) } else { Ok(()) }
    }
}

#[async_trait]
impl Documents for MemoryDocuments {
    async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Document>> {
        self.check()?;
        Ok(self.kept.lock().documents.get(&(kind.name, name.to_owned())).cloned())
    }

    async fn list(&self, kind: &Kind) -> Result<Listing> {
        self.check()?;
        let kept = self.kept.lock();
        Ok(Listing { version: kept.version(kind), documents: kept.of_kind(kind).cloned().collect() })
    }

    async fn put(
        &self,
        kind: &Kind,
        name: &str,
        body: &Json,
        expected: Expected,
        fence: Option<&Lease>,
    ) -> Result<Version> {
        self.check()?;
        kind.check_limits(name, body)?;
        let mut kept = self.kept.lock();
        kept.check(fence)?;
        let stored = kept.documents.get(&(kind.name, name.to_owned())).map(|document| document.version);
        expected.check(kind, name, stored)?;
        if stored.is_none() {
            kind.check_room(kept.of_kind(kind).count())?;
        }
        let version = kept.change(kind);
        let document = Document { name: name.to_owned(), version, body: body.clone(), file: None };
        kept.documents.insert((kind.name, name.to_owned()), document);
        kept.changed.send_replace(());
        Ok(version)
    }

    async fn delete(&self, kind: &Kind, name: &str, expected: Expected, fence: Option<&Lease>) -> Result<bool> {
        self.check()?;
        let mut kept = self.kept.lock();
        kept.check(fence)?;
        let key = (kind.name, name.to_owned());
        let stored = kept.documents.get(&key).map(|document| document.version);
        expected.check(kind, name, stored)?;
        if stored.is_some() {
            kept.change(kind);
            kept.documents.remove(&key);
            kept.changed.send_replace(());
        }
        Ok(stored.is_some())
    }

    async fn watch(&self, kind: &Kind, seen: Version) -> Result<Version> {
        let mut changed = self.kept.lock().changed.subscribe();
        let mut is_closed = self.is_closed.subscribe();
        loop {
            self.check()?;
            changed.borrow_and_update();
            let version = self.kept.lock().version(kind);
            if version != seen {
                return Ok(version);
            }
            tokio::select! {
                _ = changed.changed() => {}
                _ = is_closed.changed() => {}
            }
        }
    }
}

#[async_trait]
impl Leases for MemoryDocuments {
    async fn acquire(&self, name: &str, _holder: &str, duration: Duration) -> Result<Option<Lease>> {
        self.check()?;
        let mut kept = self.kept.lock();
        let now = Instant::now();
        let held = kept.leases.entry(name.to_owned()).or_insert(Held { token: 0, until: now });
        if held.until > now {
            return Ok(None);
        }
        *held = Held { token: held.token + 1, until: now + duration };
        Ok(Some(Lease { name: name.to_owned(), token: held.token }))
    }

    async fn renew(&self, lease: &Lease, duration: Duration) -> Result<bool> {
        self.check()?;
        let mut kept = self.kept.lock();
        let is_held = kept.is_held(lease);
        if is_held {
            kept.leases.insert(lease.name.clone(), Held { token: lease.token, until: Instant::now() + duration });
        }
        Ok(is_held)
    }

    async fn release(&self, lease: &Lease) -> Result<bool> {
        self.renew(lease, Duration::ZERO).await
    }
}
