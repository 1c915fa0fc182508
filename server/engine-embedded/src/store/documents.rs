//! The ports to documents and leases, kept in the catalogue.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use pipeline::{Document, Documents, Expected, Json, Kind, Lease, Leases, Listing, Result, Version};

use super::Inner;

/// How often a watch looks by itself: a change whose caller went away in the middle is stored and
/// wakes nobody.
const LOOK: Duration = Duration::from_secs(5);

/// Documents and leases of a store.
pub(super) struct Kept(pub(super) Arc<Inner>);

#[async_trait]
impl Documents for Kept {
    async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Document>> {
        self.0.alive()?;
        self.0.catalogue.document(kind, name).await
    }

    async fn list(&self, kind: &Kind) -> Result<Listing> {
        self.0.alive()?;
        self.0.catalogue.documents(kind).await
    }

    async fn put(
        &self,
        kind: &Kind,
        name: &str,
        body: &Json,
        expected: Expected,
        fence: Option<&Lease>,
    ) -> Result<Version> {
        self.0.alive()?;
        self.0.catalogue.put_document(kind, name, body, expected, fence).await
    }

    async fn delete(&self, kind: &Kind, name: &str, expected: Expected, fence: Option<&Lease>) -> Result<bool> {
        self.0.alive()?;
        self.0.catalogue.delete_document(kind, name, expected, fence).await
    }

    async fn watch(&self, kind: &Kind, seen: Version) -> Result<Version> {
        let mut changed = self.0.catalogue.watch_documents();
        let mut closed = self.0.closed.subscribe();
        loop {
            self.0.alive()?;
            changed.borrow_and_update();
            let version = self.0.catalogue.documents_version(kind).await?;
            if version != seen {
                return Ok(version);
            }
            // Whatever comes first: a change of any kind, the end of the store, or another look.
            tokio::select! {
                _ = changed.changed() => {}
                _ = closed.changed() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }
}

#[async_trait]
impl Leases for Kept {
    async fn acquire(&self, name: &str, _holder: &str, duration: Duration) -> Result<Option<Lease>> {
        self.0.alive()?;
        self.0.catalogue.acquire_lease(name, duration).await
    }

    async fn renew(&self, lease: &Lease, duration: Duration) -> Result<bool> {
        self.0.alive()?;
        Ok(self.0.catalogue.renew_lease(lease, duration).await)
    }

    async fn release(&self, lease: &Lease) -> Result<bool> {
        self.0.alive()?;
        Ok(self.0.catalogue.release_lease(lease).await)
    }
}
