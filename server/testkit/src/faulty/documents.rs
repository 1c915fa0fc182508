//! Documents and leases with injected faults.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use pipeline::{Document, Documents, Expected, Json, Kind, Lease, Leases, Listing, Result, Version};

use super::Switch;

pub(super) struct FaultyDocuments {
    pub(super) inner: Arc<dyn Documents>,
    pub(super) read: Arc<Switch>,
    pub(super) write: Arc<Switch>,
}

#[async_trait]
impl Documents for FaultyDocuments {
    async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Document>> {
        self.read.pass(self.inner.get(kind, name)).await
    }

    async fn list(&self, kind: &Kind) -> Result<Listing> {
        self.read.pass(self.inner.list(kind)).await
    }

    async fn put(
        &self,
        kind: &Kind,
        name: &str,
        body: &Json,
        expected: Expected,
        fence: Option<&Lease>,
    ) -> Result<Version> {
        self.write.pass(self.inner.put(kind, name, body, expected, fence)).await
    }

    async fn delete(&self, kind: &Kind, name: &str, expected: Expected, fence: Option<&Lease>) -> Result<bool> {
        self.write.pass(self.inner.delete(kind, name, expected, fence)).await
    }

    async fn watch(&self, kind: &Kind, seen: Version) -> Result<Version> {
        self.read.pass(self.inner.watch(kind, seen)).await
    }
}

pub(super) struct FaultyLeases {
    pub(super) inner: Arc<dyn Leases>,
    pub(super) switch: Arc<Switch>,
}

#[async_trait]
impl Leases for FaultyLeases {
    async fn acquire(&self, name: &str, holder: &str, duration: Duration) -> Result<Option<Lease>> {
        self.switch.pass(self.inner.acquire(name, holder, duration)).await
    }

    async fn renew(&self, lease: &Lease, duration: Duration) -> Result<bool> {
        self.switch.pass(self.inner.renew(lease, duration)).await
    }

    async fn release(&self, lease: &Lease) -> Result<bool> {
        self.switch.pass(self.inner.release(lease)).await
    }
}
