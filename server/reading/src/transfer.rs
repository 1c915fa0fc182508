//! Export and import of documents, in the format of [`pipeline::documents::file`].

use std::{collections::HashMap, sync::Arc, time::Duration};

use model::Sight;
use pipeline::{
    Document, Documents, Error, ErrorClass, Expected, Kind, Result,
    documents::file::{self, Entry},
};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use utoipa::ToSchema;

use crate::{KINDS, sight::need_whole_sight};

/// When to retry an import while another one runs.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// Exports and imports documents.
#[derive(Clone)]
pub struct Transfer {
    documents: Arc<dyn Documents>,
    /// One import at a time.
    importing: Arc<Semaphore>,
}

/// The result of an import.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Imported {
    /// Each as `kind name`.
    pub added: Vec<String>,
    pub changed: Vec<String>,
    pub unchanged: Vec<String>,
    pub refused: Vec<Refused>,
}

/// A document that was not imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RefusedDocument)]
pub struct Refused {
    /// The kind and the name, separated by a space.
    pub document: String,
    pub reason: String,
}

impl Transfer {
    pub fn new(documents: Arc<dyn Documents>) -> Self {
        Self { documents, importing: Arc::new(Semaphore::new(1)) }
    }

    /// For a caller with this sight.
    ///
    /// # Errors
    /// `Forbidden` for a limited sight: documents are words of other users.
    pub fn seen_by(&self, sight: &Sight) -> Result<&Self> {
        need_whole_sight(sight, "documents")?;
        Ok(self)
    }

    /// All documents, or those of one kind, sorted by kind and name. Those from files are
    /// included.
    ///
    /// # Errors
    /// `Invalid` for a kind that does not exist.
    pub async fn export(&self, kind: Option<&str>) -> Result<String> {
        let mut entries = Vec::new();
        for kind in kinds(kind)? {
            let documents = self.documents.list(kind).await?.documents;
            entries.extend(documents.into_iter().map(|Document { name, body, .. }| Entry { kind, name, body }));
        }
        file::write(&entries)
    }

    /// Admits one import, which may hold its text in memory as long as the permit lives.
    ///
    /// # Errors
    /// `Overloaded` while another import runs.
    pub fn admit(&self) -> Result<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.importing).try_acquire_owned();
        permit.map_err(|_| Error::overloaded("another import is running; repeat this one in a moment", RETRY_AFTER))
    }

    /// Checks all documents of a file, then stores them one by one. A document that differs from the stored one is
    /// refused, or replaces it with `replace`. A document that another writer changes meanwhile is refused in both
    /// cases. If an import fails in the middle, repeating it completes it.
    ///
    /// # Errors
    /// `Invalid`, naming the place in the file or the limit; nothing was stored.
    pub async fn import(&self, text: &[u8], replace: bool) -> Result<Imported> {
        let entries = file::read(text, KINDS)?;
        let stored = self.stored(&entries).await?;
        let mut imported = Imported::default();
        for entry in entries {
            let name = format!("{} {}", entry.kind.name, entry.name);
            let found = stored.get(entry.kind.name).and_then(|of_kind| of_kind.get(&entry.name));
            if found.is_some_and(|found| found.body.is_same(&entry.body)) {
                imported.unchanged.push(name);
                continue;
            }
            if found.is_some_and(|found| found.file.is_none()) && !replace {
                let reason =
                    "it differs from the stored one; repeat the import with replace to overwrite it".to_owned();
                imported.refused.push(Refused { document: name, reason });
                continue;
            }
            let expected = found.map_or(Expected::Absent, |found| Expected::Version(found.version));
            match self.documents.put(entry.kind, &entry.name, &entry.body, expected, None).await {
                Ok(_) if found.is_some() => imported.changed.push(name),
                Ok(_) => imported.added.push(name),
                Err(Error { class: ErrorClass::Conflict, message, .. }) => {
                    imported.refused.push(Refused { document: name, reason: message });
                }
                Err(error) => return Err(error),
            }
        }
        Ok(imported)
    }

    /// The stored documents of the kinds of these entries, by kind and name.
    ///
    /// # Errors
    /// `Invalid` if a kind would have too many documents.
    async fn stored(&self, entries: &[Entry]) -> Result<HashMap<&'static str, HashMap<String, Document>>> {
        let mut stored = HashMap::new();
        for kind in KINDS {
            let names: Vec<&String> =
                entries.iter().filter(|entry| entry.kind == *kind).map(|entry| &entry.name).collect();
            if names.is_empty() {
                continue;
            }
            let documents = self.documents.list(kind).await?.documents;
            let of_kind: HashMap<_, _> = documents.into_iter().map(|found| (found.name.clone(), found)).collect();
            let there = of_kind.values().filter(|found| found.file.is_none()).count();
            let added = names.iter().filter(|name| !of_kind.contains_key(**name)).count();
            if added > 0 && there + added > kind.most_documents {
                return Err(Error::invalid(format!(
                    "the import has {added} new {} beside {there} stored ones, and the limit of kind {} is {}; remove \
                     some",
                    kind.plural, kind.name, kind.most_documents
                )));
            }
            stored.insert(kind.name, of_kind);
        }
        Ok(stored)
    }
}

/// The selected kinds: all, or the named one.
fn kinds(name: Option<&str>) -> Result<Vec<&'static Kind>> {
    let Some(name) = name else { return Ok(KINDS.to_vec()) };
    let kind = KINDS.iter().find(|kind| kind.name == name);
    kind.map(|kind| vec![*kind]).ok_or_else(|| {
        let known: Vec<_> = KINDS.iter().map(|kind| kind.name).collect();
        Error::invalid(format!("kind is {name:?}, which does not exist; the kinds are {}", known.join(", ")))
    })
}
