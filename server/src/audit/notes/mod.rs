//! Notes: what commands have changed where no server runs, in a data folder or a database. They are documents until a
//! server writes each as an audit record.
//!
//! | file | content |
//! |---|---|
//! | `changes` | leaves a note of each change of a command |
//! | `document` | a note as it is stored |
//! | `user` | who runs the command |
//!
//! A change comes first and its note afterwards, since a change that failed is not noted. The record has the time, the
//! user and the host of the command. The id of its batch is derived from the note, so the store keeps one record, also if
//! two nodes take the same note, or if one crashes before it has deleted the note.
//!
//! There is room for 1,000 notes. Later changes are counted in one more document, which becomes one record. If a server
//! takes the count while a command adds to it, the changes until then are counted twice.

mod changes;
mod document;
#[cfg(test)]
mod tests;
mod user;

use std::{convert::Infallible, sync::Arc};

use pipeline::{
    Documents, Error, ErrorClass, Expected, Json, Kind, Listing, Result, Supervisor, Version, admit::Ingest,
    lease::host_name,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) use self::changes::Changes;
use self::document::{COUNTED, NOTE, Note, batch_id};
use super::{events::NoteUnread, writer::deliver};

/// The name of the supervised task.
const TASK: &str = "audit-notes";
/// The name of the document that counts.
const COUNT: &str = "count";
/// The maximum number of attempts of a command to count, while others count, too.
const ATTEMPTS: u32 = 10;

/// The notes among the documents of a store.
pub(crate) struct Notes {
    documents: Arc<dyn Documents>,
    /// [`NOTE`]. Tests have less room.
    kind: Kind,
}

impl Notes {
    pub(crate) fn new(documents: Arc<dyn Documents>) -> Self {
        Self { documents, kind: NOTE }
    }

    /// Notes with room for so many.
    #[cfg(test)]
    pub(crate) fn with_room(most_documents: usize, documents: Arc<dyn Documents>) -> Self {
        Self { documents, kind: Kind { most_documents, ..NOTE } }
    }

    /// Stores a note, or counts it if there is no room.
    async fn leave(&self, note: Note) -> Result<()> {
        let body = Json::from_value(&note)?;
        match self.documents.put(&self.kind, &note.new_name(), &body, Expected::Absent, None).await {
            // Name and size are within the limits, so it is the number.
            Err(error) if error.class == ErrorClass::Invalid => self.count(&note).await,
            stored => stored.map(drop),
        }
    }

    async fn count(&self, note: &Note) -> Result<()> {
        let mut left = ATTEMPTS;
        loop {
            let (counted, expected) = match self.documents.get(&COUNTED, COUNT).await? {
                None => (note.clone().without_room(), Expected::Absent),
                Some(stored) => (stored.body.read::<Note>()?.and_one_more(), Expected::Version(stored.version)),
            };
            let body = Json::from_value(&counted)?;
            left -= 1;
            match self.documents.put(&COUNTED, COUNT, &body, expected, None).await {
                // Another command has counted, or a server has taken the count.
                Err(error) if error.class == ErrorClass::Conflict && left > 0 => {}
                stored => return stored.map(drop),
            }
        }
    }

    /// Starts the task `audit-notes`, which takes the notes that are there, and those that come while it runs. It ends
    /// with `stop`.
    pub(crate) fn start(self, ingest: Ingest, supervisor: &Supervisor, stop: CancellationToken) -> JoinHandle<()> {
        let (notes, token) = (Arc::new(self), stop.clone());
        supervisor.spawn(TASK, stop, move || {
            let (notes, ingest, stop) = (Arc::clone(&notes), ingest.clone(), token.clone());
            async move {
                match stop.run_until_cancelled(notes.follow_all(&ingest)).await {
                    Some(error) => Err(error),
                    None => Ok(()),
                }
            }
        })
    }

    /// Runs until an error.
    async fn follow_all(&self, ingest: &Ingest) -> Error {
        match tokio::try_join!(self.follow(&self.kind, ingest), self.follow(&COUNTED, ingest)) {
            Ok((never, ..)) => match never {},
            Err(error) => error,
        }
    }

    async fn follow(&self, kind: &Kind, ingest: &Ingest) -> Result<Infallible> {
        loop {
            let (seen, _) = self.take_kind(kind, ingest).await?;
            while self.documents.watch(kind, seen).await? == seen {}
        }
    }

    /// Writes each note as an audit record, and deletes it. Returns their number.
    #[cfg(test)]
    pub(crate) async fn take(&self, ingest: &Ingest) -> Result<usize> {
        let (_, notes) = self.take_kind(&self.kind, ingest).await?;
        let (_, counts) = self.take_kind(&COUNTED, ingest).await?;
        Ok(notes + counts)
    }

    /// Takes the notes of a kind. Returns the version at which they were read, and how many were taken.
    async fn take_kind(&self, kind: &Kind, ingest: &Ingest) -> Result<(Version, usize)> {
        let Listing { version, documents } = self.documents.list(kind).await?;
        let (node, mut taken) = (host_name().into(), 0);
        for document in &documents {
            let Some(event) = document.body.read::<Note>().ok().and_then(Note::into_event) else {
                NoteUnread { name: &document.name }.emit();
                continue;
            };
            deliver(ingest, batch_id(document), &[event], &node).await?;
            let expected = Expected::Version(document.version);
            // In a conflict, another node has taken the note, or it is a count that has grown and is taken again.
            if let Err(error) = self.documents.delete(kind, &document.name, expected, None).await
                && error.class != ErrorClass::Conflict
            {
                return Err(error);
            }
            taken += 1;
        }
        Ok((version, taken))
    }
}
