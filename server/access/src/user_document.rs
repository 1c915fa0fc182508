//! What is stored of a user.

use pipeline::{Document, Error, Kind, Result, documents::unchecked};
use serde::{Deserialize, Serialize};

use crate::{Role, terms::ReadTerms};

/// The kind of users. A document is named by its user.
pub(crate) const USER: Kind =
    Kind { name: "user", format: 1, plural: "users", most_bytes: 64 << 10, most_documents: 1_000, check: unchecked };

/// A stored user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UserDocument {
    pub(crate) role: Role,
    /// argon2id, with salt and parameters.
    pub(crate) password: String,
    /// Changes with the password, the role and the terms.
    pub(crate) generation: String,
    #[serde(default)]
    pub(crate) read: ReadTerms,
    /// Milliseconds since the Unix epoch.
    pub(crate) created: i64,
}

impl UserDocument {
    pub(crate) fn read(document: &Document) -> Result<Self> {
        let read: Result<Self> = document.body.read();
        read.map_err(|error| Error::corrupt(format!("the user {} does not read: {error}", document.name)))
    }
}

/// A user whose password was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    pub(crate) name: String,
    pub(crate) generation: String,
}

impl LoggedIn {
    pub fn name(&self) -> &str {
        &self.name
    }
}
