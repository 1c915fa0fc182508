//! Documents from files, laid over a store of documents.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;

use super::{Document, Documents, Expected, Json, Kind, Listing, Version, folder::Files};
use crate::{Error, Lease, Result};

/// Lays the documents of files over the stored ones, and refuses to change them.
///
/// A stored document with the name of one from a file is hidden until the file is removed.
pub struct Overlay {
    stored: Arc<dyn Documents>,
    files: Files,
}

impl Overlay {
    pub fn new(stored: Arc<dyn Documents>, files: Files) -> Self {
        Self { stored, files }
    }

    fn check_not_from_file(&self, kind: &Kind, name: &str) -> Result<()> {
        let Some(file) = self.files.get(kind, name).and_then(|document| document.file.as_deref()) else {
            return Ok(());
        };
        Err(Error::conflict(format!(
            "the document {name:?} of kind {} comes from the file {file}; change it there and start the server again",
            kind.name
        )))
    }
}

#[async_trait]
impl Documents for Overlay {
    async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Document>> {
        match self.files.get(kind, name) {
            Some(document) => Ok(Some(document.clone())),
            None => self.stored.get(kind, name).await,
        }
    }

    async fn list(&self, kind: &Kind) -> Result<Listing> {
        let Listing { version, documents } = self.stored.list(kind).await?;
        let all = documents.iter().chain(self.files.list(kind));
        // The last one wins: the file's.
        let by_name: BTreeMap<&str, &Document> = all.map(|document| (document.name.as_str(), document)).collect();
        Ok(Listing { version, documents: by_name.into_values().cloned().collect() })
    }

    async fn put(
        &self,
        kind: &Kind,
        name: &str,
        body: &Json,
        expected: Expected,
        fence: Option<&Lease>,
    ) -> Result<Version> {
        self.check_not_from_file(kind, name)?;
        self.stored.put(kind, name, body, expected, fence).await
    }

    async fn delete(&self, kind: &Kind, name: &str, expected: Expected, fence: Option<&Lease>) -> Result<bool> {
        self.check_not_from_file(kind, name)?;
        self.stored.delete(kind, name, expected, fence).await
    }

    /// Files do not change while the program runs.
    async fn watch(&self, kind: &Kind, seen: Version) -> Result<Version> {
        self.stored.watch(kind, seen).await
    }
}
