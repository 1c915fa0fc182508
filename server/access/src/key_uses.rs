//! The last uses of keys: stores those of this process, and reads those of all nodes. The newest one of a key stays.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use pipeline::{Document, ErrorClass, Expected, Json, Result};
use tokio::time::sleep;

use crate::{
    key_document::KEY,
    key_use::{KEY_USE, KeyUse, NOTE_EVERY},
    shared::Shared,
    times::milliseconds,
};

/// The pause between two stored uses: at most fifty a second, whatever the number of keys.
const PACE: Duration = Duration::from_millis(20);

impl Shared {
    /// Stores the uses that are not stored, one after the other. Stops at the first error; what is left is stored by a
    /// later call.
    pub(crate) async fn store_uses(&self) {
        for (id, key) in &self.known().keys {
            let Some(key_use) = key.used.unstored() else { continue };
            // It may have been revoked since.
            if !self.with_known(|known| known.keys.contains_key(id)) {
                continue;
            }
            let name = String::from_utf8_lossy(id);
            if let Err(error) = self.store_use(&name, key_use).await {
                tracing::debug!(key = %name, %error, "the use of a key was not stored");
                return;
            }
            key.used.mark_stored(key_use);
            sleep(PACE).await;
        }
    }

    async fn store_use(&self, id: &str, key_use: KeyUse) -> Result<()> {
        let documents = self.documents()?;
        let stored = documents.get(&KEY_USE, id).await?;
        // Another node may have stored one. A document that does not read is replaced.
        let is_fresh = |document: &Document| {
            let stored: Result<KeyUse> = document.body.read();
            stored.is_ok_and(|stored| key_use.time.saturating_sub(stored.time) < milliseconds(NOTE_EVERY))
        };
        let expected = match &stored {
            Some(document) if is_fresh(document) => return Ok(()),
            Some(document) => Expected::Version(document.version),
            None => Expected::Absent,
        };
        match documents.put(&KEY_USE, id, &Json::from_value(&key_use)?, expected, None).await {
            // Another node has stored a use at this moment.
            Err(error) if error.class == ErrorClass::Conflict => Ok(()),
            other => other.map(drop),
        }
    }

    /// The newest use of each used key, by its public part: of all nodes as stored, and of this process.
    ///
    /// # Errors
    /// Those of the store of documents.
    pub(crate) async fn uses(&self) -> Result<HashMap<String, KeyUse>> {
        let stored = self.documents()?.list(&KEY_USE).await?.documents;
        let read = |document: Document| Some((document.name, document.body.read().ok()?));
        let mut uses: HashMap<String, KeyUse> = stored.into_iter().filter_map(read).collect();
        for (id, key) in &self.known().keys {
            let Some(own) = key.used.newest() else { continue };
            let newest = uses.entry(String::from_utf8_lossy(id).into_owned()).or_insert(own);
            if newest.time < own.time {
                *newest = own;
            }
        }
        Ok(uses)
    }

    /// Deletes the uses of keys that are gone, also those that another node has stored after the revocation.
    ///
    /// # Errors
    /// Those of the store of documents.
    pub(crate) async fn forget_uses(&self) -> Result<()> {
        let documents = self.documents()?;
        // In this order: a key that is made meanwhile is in the second list.
        let uses = documents.list(&KEY_USE).await?.documents;
        let keys = documents.list(&KEY).await?.documents;
        let kept: HashSet<&str> = keys.iter().map(|document| &*document.name).collect();
        for gone in uses.iter().filter(|document| !kept.contains(&*document.name)) {
            documents.delete(&KEY_USE, &gone.name, Expected::Any, None).await?;
        }
        Ok(())
    }
}
