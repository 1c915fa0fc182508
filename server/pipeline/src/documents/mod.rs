//! The port to documents: small JSON values of users and features.
//!
//! A document has a kind, a name within its kind, and a version. Saved views are the first kind. A feature that stores
//! documents declares a constant [`Kind`] in its own folder and needs no method of its own here.
//!
//! | file | what it has |
//! |---|---|
//! | `json` | the text of a document |
//! | `file` | the format of exports, imports and configuration files |
//! | `folder` | documents that are given as files at start (`--config-dir`) |
//! | `overlay` | those files laid over a store of documents |
//! | `formatted` | the format number in the stored text, for clusters of two versions |
//!
//! Each change of a kind gets the next number, which becomes the version of the kind and of the document. So a version
//! is never used twice, not even by a document that was deleted and created again. A reader that knows a version can
//! wait for a newer one.

pub mod file;
pub mod folder;
mod formatted;
mod json;
mod overlay;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use model::limits;

pub use self::{formatted::Formatted, json::Json, overlay::Overlay};
use crate::{Error, Lease, Result};

/// A store of documents.
///
/// Every method may be called from many tasks at once. `put` and `delete` are atomic. After an error of class
/// `Unavailable` the change may nevertheless have been made.
#[async_trait]
pub trait Documents: Send + Sync + 'static {
    /// One document.
    async fn get(&self, kind: &Kind, name: &str) -> Result<Option<Document>>;

    /// All documents of the kind, sorted by the bytes of their names.
    async fn list(&self, kind: &Kind) -> Result<Listing>;

    /// Stores a document and returns its new version. With a `fence`, only while that lease is
    /// held.
    ///
    /// # Errors
    /// `Invalid` for a name that is not allowed, and past the kind's limits. `Conflict` if the
    /// stored version is not the expected one, if the lease is lost, or if the document comes
    /// from a file.
    async fn put(
        &self,
        kind: &Kind,
        name: &str,
        body: &Json,
        expected: Expected,
        fence: Option<&Lease>,
    ) -> Result<Version>;

    /// Deletes a document. Returns whether it existed. With a `fence`, only while that lease is held.
    ///
    /// # Errors
    /// `Conflict` as in [`Documents::put`].
    async fn delete(&self, kind: &Kind, name: &str, expected: Expected, fence: Option<&Lease>) -> Result<bool>;

    /// Waits until the version of the kind differs from `seen`, and returns it. It may return early, with `seen`
    /// itself. It never misses a change, including those of other nodes.
    async fn watch(&self, kind: &Kind, seen: Version) -> Result<Version>;
}

/// A kind of documents: its name and its limits.
#[derive(Clone, Copy)]
pub struct Kind {
    /// The name in files and in the store. It never changes.
    pub name: &'static str,
    /// The format of the bodies, from 1 on. It grows with a change that older versions could not read: see
    /// [`Formatted`].
    pub format: u32,
    /// The plural for errors, such as `saved views`.
    pub plural: &'static str,
    /// The maximum size of one document as JSON, in bytes.
    pub most_bytes: usize,
    /// The maximum number of stored documents.
    pub most_documents: usize,
    /// Checks a document that a person wrote, in an import or a file. Its error names the field and the way out.
    pub check: fn(name: &str, body: &Json) -> Result<()>,
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kind({})", self.name)
    }
}

impl PartialEq for Kind {
    /// Kinds are equal if their names are.
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Kind {
    /// Checks the limits of a name and of the size.
    ///
    /// # Errors
    /// `Invalid`, naming the kind, the limit and the way out.
    pub fn check_limits(&self, name: &str, body: &Json) -> Result<()> {
        let kind = self.name;
        let (bytes, most) = (name.len(), limits::NAME_BYTES);
        if name.is_empty() || bytes > most {
            return Err(Error::invalid(format!(
                "the name of a document of kind {kind} has {bytes} bytes; it may have 1 to {most}"
            )));
        }
        if name.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "the name {name:?} of a document of kind {kind} has a control character; leave it out"
            )));
        }
        let (bytes, most) = (body.as_str().len(), self.most_bytes);
        if bytes > most {
            return Err(Error::invalid(format!(
                "the document {name:?} of kind {kind} has {bytes} bytes, and the limit is {most}; make it smaller"
            )));
        }
        Ok(())
    }

    /// Checks whether one more document may be stored beside `stored` others.
    ///
    /// # Errors
    /// `Invalid`, naming the kind, the limit and the way out.
    pub fn check_room(&self, stored: usize) -> Result<()> {
        if stored < self.most_documents {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "there are {} {}, which is the limit of kind {}; remove one first",
            self.most_documents, self.plural, self.name
        )))
    }
}

/// Whether a document can have this name. A document with any other name never exists.
pub fn is_name(name: &str) -> bool {
    (1..=limits::NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control)
}

/// The number of a change among all changes of its kind; 0 before the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Version(pub u64);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A document as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// 1 to [`limits::NAME_BYTES`] bytes without control characters.
    pub name: String,
    /// The version of the document's last change; 0 for a document from a file.
    pub version: Version,
    pub body: Json,
    /// The file that defines it. Such a document cannot be changed here.
    pub file: Option<Arc<str>>,
}

/// The documents of a kind at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Listing {
    /// The version of the kind. Everything up to it is in the list, so it is what
    /// [`Documents::watch`] continues from.
    pub version: Version,
    /// Sorted by the bytes of their names.
    pub documents: Vec<Document>,
}

/// The stored state that a change expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Any state.
    Any,
    /// No document of this name.
    Absent,
    /// The document at this version.
    Version(Version),
}

impl Expected {
    /// Compares with the stored version.
    ///
    /// # Errors
    /// `Conflict`, naming both versions.
    pub fn check(self, kind: &Kind, name: &str, stored: Option<Version>) -> Result<()> {
        let what = format!("the document {name:?} of kind {}", kind.name);
        let found = match (self, stored) {
            (Self::Any, _) | (Self::Absent, None) => return Ok(()),
            (Self::Version(expected), Some(stored)) if expected == stored => return Ok(()),
            (Self::Absent, Some(stored)) => format!("{what} exists already, at version {stored}"),
            (Self::Version(expected), Some(stored)) => {
                format!("{what} is at version {stored} now, and version {expected} was expected")
            }
            (Self::Version(expected), None) => format!("{what} is gone, and version {expected} was expected"),
        };
        Err(Error::conflict(format!("{found}; read it again and repeat the change")))
    }
}

/// A [`Kind::check`] that accepts everything.
///
/// # Errors
/// Never.
pub fn unchecked(_: &str, _: &Json) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorClass;

    const KIND: Kind =
        Kind { name: "note", format: 1, plural: "notes", most_bytes: 10, most_documents: 2, check: unchecked };

    #[test]
    fn an_error_about_a_limit_names_the_kind_the_limit_and_the_way_out() {
        let body = Json::parse("1").unwrap();
        let long = Json::parse("12345678901").unwrap();
        let name = "x".repeat(limits::NAME_BYTES + 1);
        for (outcome, parts) in [
            (KIND.check_limits("", &body), ["note", "1 to 256"]),
            (KIND.check_limits(&name, &body), ["note", "1 to 256"]),
            (KIND.check_limits("a\nb", &body), ["note", "leave it out"]),
            (KIND.check_limits("a", &long), ["note", "the limit is 10; make it smaller"]),
            (KIND.check_room(2), ["there are 2 notes", "limit of kind note; remove one first"]),
        ] {
            let error = outcome.unwrap_err();
            assert_eq!(error.class, ErrorClass::Invalid);
            assert!(parts.iter().all(|part| error.message.contains(part)), "{error}");
        }
        KIND.check_limits(&name[1..], &body).unwrap();
        KIND.check_room(1).unwrap();
    }

    #[test]
    fn a_conflict_names_both_versions() {
        let check = |expected: Expected, stored| expected.check(&KIND, "a", stored);
        let (one, two) = (Version(1), Version(2));
        for stored in [None, Some(one)] {
            check(Expected::Any, stored).unwrap();
        }
        check(Expected::Absent, None).unwrap();
        check(Expected::Version(one), Some(one)).unwrap();
        for (expected, stored, parts) in [
            (Expected::Absent, Some(two), ["exists", "version 2"]),
            (Expected::Version(one), Some(two), ["version 2 now", "version 1 was expected"]),
            (Expected::Version(one), None, ["gone", "version 1 was expected"]),
        ] {
            let error = check(expected, stored).unwrap_err();
            assert_eq!(error.class, ErrorClass::Conflict);
            assert!(parts.iter().all(|part| error.message.contains(part)), "{error}");
        }
    }
}
