//! A note as it is stored.

use model::Nanos;
use pipeline::{BatchId, Document, Kind, documents::unchecked};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::audit::{
    action::Action,
    event::{Actor, Event},
    source::Source,
};

/// The kind of notes. The oldest ones are kept.
pub(super) const NOTE: Kind = Kind {
    name: "audit-note",
    format: 1,
    plural: "notes for the audit",
    most_bytes: 32 << 10,
    most_documents: 1_000,
    check: unchecked,
};

/// The kind of the one document that counts the changes for which there is no room among the notes. Of a kind of its own:
/// then two commands that meet the limit at once cannot take its place.
pub(super) const COUNTED: Kind = Kind {
    name: "audit-note-count",
    format: 1,
    plural: "counts of changes for the audit",
    most_bytes: 32 << 10,
    most_documents: 1,
    check: unchecked,
};

/// A change that a command has made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Note {
    /// When, in nanoseconds since the Unix epoch; of several changes, the first one.
    time: Nanos,
    /// The value of `audit.actor`.
    actor: String,
    /// The value of `audit.action`.
    action: String,
    target: String,
    /// The host of the command.
    node: String,
    /// More than 1 for changes that were counted together.
    count: u64,
}

impl Note {
    /// `user`, `node`: who has run the command, and on which host.
    pub(super) fn of(event: &Event, user: &str, node: &str) -> Self {
        Self {
            time: event.time,
            actor: format!("{} ({user})", event.actor.name),
            action: event.action.name().to_owned(),
            target: event.target.clone(),
            node: node.to_owned(),
            count: event.count,
        }
    }

    /// A name that no other note has. Names are in the order of the times.
    pub(super) fn new_name(&self) -> String {
        format!("{:020}-{:032x}", self.time, rand::random::<u128>())
    }

    /// The first of the changes that are counted together.
    pub(super) fn without_room(self) -> Self {
        let action = Action::AccessChanged.name().to_owned();
        Self { actor: "others".to_owned(), action, target: String::new(), ..self }
    }

    pub(super) fn and_one_more(self) -> Self {
        Self { count: self.count.saturating_add(1), ..self }
    }

    /// The event; `None` for an action of a newer version.
    pub(super) fn into_event(self) -> Option<Event> {
        let Self { time, actor, action, target, node, count } = self;
        let done = Event::done(time, Actor::operator(&actor), Source::default(), Action::named(&action)?, target);
        Some(Event { count, node: Some(node), ..done })
    }
}

/// The id of the batch with the record of this note: the same whenever it is taken, and another one for a count that has
/// grown, whose version is another one.
pub(super) fn batch_id(document: &Document) -> BatchId {
    let Document { name, version, body, .. } = document;
    let digest = Sha256::new_with_prefix("audit-note\0").chain_update(version.0.to_be_bytes());
    BatchId::of_digest(digest.chain_update(name).chain_update("\0").chain_update(body.as_str()))
}
