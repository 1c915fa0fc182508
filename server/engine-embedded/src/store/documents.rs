//! The ports to documents and leases, implemented on the catalogue.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use pipeline::{Document, Documents, Error, Expected, Json, Kind, Lease, Leases, Listing, Result, Version};

use super::Inner;

/// Documents and leases of a store.
pub(super) struct DocumentsAndLeases(pub(super) Arc<Inner>);

#[async_trait]
impl Documents for DocumentsAndLeases {
    async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Document>> {
        self.0.check_open()?;
        self.0.catalogue.document(kind, name).await
    }

    async fn list(&self, kind: &Kind) -> Result<Listing> {
        self.0.check_open()?;
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
        self.0.check_open()?;
        let (inner, kind, name, body, fence) =
            (Arc::clone(&self.0), *kind, name.to_owned(), body.clone(), fence.cloned());
        uncancelled(async move { inner.catalogue.put_document(&kind, &name, &body, expected, fence.as_ref()).await })
            .await
    }

    async fn delete(&self, kind: &Kind, name: &str, expected: Expected, fence: Option<&Lease>) -> Result<bool> {
        self.0.check_open()?;
        let (inner, kind, name, fence) = (Arc::clone(&self.0), *kind, name.to_owned(), fence.cloned());
        uncancelled(async move { inner.catalogue.delete_document(&kind, &name, expected, fence.as_ref()).await }).await
    }

    /// Does not poll: only this process changes the catalogue, and each change sends a signal.
    async fn watch(&self, kind: &Kind, seen: Version) -> Result<Version> {
        let mut changed = self.0.catalogue.watch_documents();
        let mut closed = self.0.closed.subscribe();
        loop {
            self.0.check_open()?;
            changed.borrow_and_update();
            let version = self.0.catalogue.documents_version(kind).await?;
            if version != seen {
                return Ok(version);
            }
            // Whatever comes first: a change of any kind of documents, or the end of the store.
            tokio::select! {
                _ = changed.changed() => {}
                _ = closed.changed() => {}
            }
        }
    }
}

#[async_trait]
impl Leases for DocumentsAndLeases {
    async fn acquire(&self, name: &str, _holder: &str, duration: Duration) -> Result<Option<Lease>> {
        self.0.check_open()?;
        self.0.catalogue.acquire_lease(name, duration).await
    }

    async fn renew(&self, lease: &Lease, duration: Duration) -> Result<bool> {
        self.0.check_open()?;
        Ok(self.0.catalogue.renew_lease(lease, duration).await)
    }

    async fn release(&self, lease: &Lease) -> Result<bool> {
        self.0.check_open()?;
        Ok(self.0.catalogue.release_lease(lease).await)
    }
}

/// Runs a change to its end, even if the caller is dropped: SQLite may commit all the same, and a commit without its
/// signal would wake no watch.
async fn uncancelled<T: Send + 'static>(change: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    match tokio::spawn(change).await {
        Ok(outcome) => outcome,
        Err(error) => Err(Error::internal(format!("a change of a document ended early: {error}"))),
    }
}
