//! The format of a document's text, for clusters in which two versions of Logboom run.

use std::{collections::HashSet, sync::Arc};

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{Document, Documents, Expected, Json, Kind, Listing, Version};
use crate::{
    Error, Lease, Result,
    formats::{Generation, generation},
};

/// The beginning of a text that is not of format 1. The number, [`MIDDLE`], the body and [`END`] follow.
const BEGIN: &str = "{\"logboom.format\":";
const MIDDLE: &str = ",\"body\":";
const END: &str = "}";
/// The maximum size in bytes of these with a number.
const FRAME_BYTES: usize = BEGIN.len() + 10 + MIDDLE.len() + END.len();

/// A store of documents that marks each text with the format of its kind ([`Kind::format`]).
///
/// Reading a document of a newer format is an error that can be retried, so a follower leaves its work to a newer node.
/// Lists leave the document out, and it is not overwritten. Format 1 has no mark.
pub struct Formatted {
    stored: Arc<dyn Documents>,
    generation: Generation,
    /// The kinds of which newer documents were found, so that each is logged once.
    logged: Mutex<HashSet<&'static str>>,
}

impl Formatted {
    pub fn new(stored: Arc<dyn Documents>) -> Self {
        Self::of(generation(), stored)
    }

    fn of(generation: Generation, stored: Arc<dyn Documents>) -> Self {
        Self { stored, generation, logged: Mutex::default() }
    }

    /// The format that this process writes, and the newest that it reads.
    fn format(&self, kind: &Kind) -> u32 {
        kind.format + u32::from(self.generation == Generation::Next)
    }

    /// Takes the mark off.
    ///
    /// # Errors
    /// `Unavailable` for a document of a newer format.
    fn read(&self, kind: &Kind, document: Document) -> Result<Document> {
        let (format, body) = unmark(&document.body);
        let newest = self.format(kind);
        if format <= newest {
            return Ok(Document { body, ..document });
        }
        let name = &document.name;
        Err(Error::unavailable(format!(
            "the document {name:?} of kind {} has format {format}, which a newer version of Logboom has written; this \
             version reads format {newest}: update this node, or leave the work to a newer one",
            kind.name
        )))
    }

    fn log(&self, kind: &Kind, error: &Error) {
        if self.logged.lock().insert(kind.name) {
            tracing::warn!(kind = kind.name, "a list leaves out documents: {error}");
        }
    }
}

fn mark(format: u32, body: &Json) -> Json {
    match format {
        1 => body.clone(),
        _ => Json::from_stored(format!("{BEGIN}{format}{MIDDLE}{}{END}", body.as_str())),
    }
}

fn unmark(text: &Json) -> (u32, Json) {
    let parts = || {
        let (format, body) = text.as_str().strip_prefix(BEGIN)?.split_once(MIDDLE)?;
        Some((format.parse().ok()?, Json::from_stored(body.strip_suffix(END)?)))
    };
    parts().unwrap_or_else(|| (1, text.clone()))
}

#[async_trait]
impl Documents for Formatted {
    async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Document>> {
        self.stored.get(kind, name).await?.map(|document| self.read(kind, document)).transpose()
    }

    async fn list(&self, kind: &Kind) -> Result<Listing> {
        let Listing { version, documents } = self.stored.list(kind).await?;
        let read = documents
            .into_iter()
            .filter_map(|document| self.read(kind, document).inspect_err(|error| self.log(kind, error)).ok());
        Ok(Listing { version, documents: read.collect() })
    }

    async fn put(
        &self,
        kind: &Kind,
        name: &str,
        body: &Json,
        expected: Expected,
        fence: Option<&Lease>,
    ) -> Result<Version> {
        // Every other change is of a document that was read before, at that version or under the lease.
        if expected == Expected::Any && fence.is_none() {
            self.get(kind, name).await?;
        }
        kind.check_limits(name, body)?;
        let with_mark = Kind { most_bytes: kind.most_bytes + FRAME_BYTES, ..*kind };
        self.stored.put(&with_mark, name, &mark(self.format(kind), body), expected, fence).await
    }

    async fn delete(&self, kind: &Kind, name: &str, expected: Expected, fence: Option<&Lease>) -> Result<bool> {
        self.stored.delete(kind, name, expected, fence).await
    }

    async fn watch(&self, kind: &Kind, seen: Version) -> Result<Version> {
        self.stored.watch(kind, seen).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_keeps_every_character_and_other_texts_have_none() {
        for text in ["1.10", "{\"b\":1,\"a\":{}}", "\"}\"", "{\"logboom.format\":7}", "null"] {
            let body = Json::parse(text).unwrap();
            assert_eq!(mark(1, &body), body);
            assert_eq!(unmark(&body), (1, body.clone()));
            let marked = mark(12, &body);
            assert!(Json::parse(marked.as_str()).is_ok());
            assert_eq!(unmark(&marked), (12, body));
        }
    }
}
