//! The documents of a data folder that no server uses, for commands.
//!
//! The catalogue alone is opened: records, parts and the write-ahead log stay as they are. Meanwhile the lock of the
//! write-ahead log keeps a server away.

use std::{io, path::Path, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;
use pipeline::{Document, Documents, Error, Expected, Json, Kind, Lease, Listing, Result, Version};

use crate::{
    catalogue::Catalogue,
    filesystem::{Disk, FileSystem as _, Lock},
};

/// Opens the documents of the embedded store in `folder`. The folder is in use until they are dropped.
///
/// # Errors
/// `NotFound` if there is no embedded store, `Conflict` if a server uses the folder, `Corrupt` if it has a newer format
/// or is damaged, `Unavailable` if it cannot be read.
pub async fn open_documents(folder: &Path) -> Result<Arc<dyn Documents>> {
    let file = folder.join("catalogue.sqlite");
    if !file.is_file() {
        return Err(Error::not_found(format!("there is no embedded store: {} is missing", file.display())));
    }
    let wal = folder.join("wal");
    let locked = Disk.create_folder(&wal).and_then(|()| Disk.lock(&wal.join("lock")));
    let lock = locked.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => Error::conflict(format!("a server uses the data folder {}", folder.display())),
        _ => Error::unavailable(format!("the data folder {} cannot be locked: {error}", folder.display())),
    })?;
    Ok(Arc::new(OfflineDocuments { catalogue: Catalogue::open(&file).await?, _lock: Mutex::new(lock) }))
}

struct OfflineDocuments {
    catalogue: Catalogue,
    _lock: Mutex<Lock>,
}

#[async_trait]
impl Documents for OfflineDocuments {
    async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Document>> {
        self.catalogue.document(kind, name).await
    }

    async fn list(&self, kind: &Kind) -> Result<Listing> {
        self.catalogue.documents(kind).await
    }

    async fn put(
        &self,
        kind: &Kind,
        name: &str,
        body: &Json,
        expected: Expected,
        fence: Option<&Lease>,
    ) -> Result<Version> {
        self.catalogue.put_document(kind, name, body, expected, fence).await
    }

    async fn delete(&self, kind: &Kind, name: &str, expected: Expected, fence: Option<&Lease>) -> Result<bool> {
        self.catalogue.delete_document(kind, name, expected, fence).await
    }

    async fn watch(&self, kind: &Kind, seen: Version) -> Result<Version> {
        let mut changed = self.catalogue.watch_documents();
        loop {
            changed.borrow_and_update();
            let version = self.catalogue.documents_version(kind).await?;
            if version != seen {
                return Ok(version);
            }
            // The sender is a part of the catalogue, so it outlives this wait.
            let _ = changed.changed().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use pipeline::{ErrorClass, Log as _, LogStore as _, documents::unchecked};

    use super::*;
    use crate::{
        Options,
        store::{EmbeddedStore, Mode},
    };

    const KIND: Kind =
        Kind { name: "note", format: 1, plural: "notes", most_bytes: 1024, most_documents: 10, check: unchecked };

    async fn open(folder: &Path) -> Result<EmbeddedStore> {
        let (store, _) = EmbeddedStore::open(folder, Mode::Own, Options::default(), Arc::new(Disk)).await?;
        Ok(store)
    }

    #[tokio::test]
    async fn a_document_that_is_written_while_no_server_runs_is_there_for_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let error = open_documents(folder.path()).await.err().unwrap();
        assert_eq!(error.class, ErrorClass::NotFound, "{error}");
        let store = open(folder.path()).await.unwrap();
        let error = open_documents(folder.path()).await.err().unwrap();
        assert_eq!(error.class, ErrorClass::Conflict, "{error}");
        assert!(error.message.contains("a server uses the data folder"), "{error}");
        store.close().await;
        drop(store);

        let documents = open_documents(folder.path()).await.unwrap();
        assert_eq!(open_documents(folder.path()).await.err().unwrap().class, ErrorClass::Conflict);
        let body = Json::parse("{\"a\":1}").unwrap();
        let version = documents.put(&KIND, "one", &body, Expected::Absent, None).await.unwrap();
        assert_eq!(documents.watch(&KIND, Version::default()).await.unwrap(), version);
        drop(documents);

        let store = open(folder.path()).await.unwrap();
        let found = store.documents().get(&KIND, "one").await.unwrap().unwrap();
        assert_eq!((found.version, found.body), (version, body));
        store.close().await;
    }
}
