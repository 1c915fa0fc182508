//! What is stored of a user.

use std::time::Duration;

use pipeline::{Document, Error, Kind, Result, documents::unchecked};
use serde::{Deserialize, Serialize};

use crate::{Role, secret, terms::ReadTerms};

/// The beginning of the names of users who log in by an identity provider. No other user can have such a name.
const EXTERNAL: &str = "oidc:";

/// The kind of users. A document is named by its user, or by [`External::document`].
pub(crate) const USER: Kind = Kind {
    name: "user",
    format: 1,
    plural: "users",
    most_bytes: 64 << 10,
    // As many as sessions. Each person of an identity provider who logs in is one.
    most_documents: 20_000,
    check: unchecked,
};

/// A stored user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UserDocument {
    pub(crate) role: Role,
    /// argon2id, with salt and parameters. Empty for a user of an identity provider, who has none here.
    pub(crate) password: String,
    /// Changes with the password, the role and the terms.
    pub(crate) generation: String,
    #[serde(default)]
    pub(crate) read: ReadTerms,
    /// Milliseconds since the Unix epoch.
    pub(crate) created: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) external: Option<External>,
}

/// Who a user is at an identity provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct External {
    pub(crate) issuer: String,
    /// The issuer gives it to one person for ever, unlike a name or an address.
    pub(crate) subject: String,
    /// The name for people, as the provider had it at the last log-in.
    pub(crate) label: String,
}

impl External {
    /// The name of the user's document. It follows from issuer and subject alone, so two log-ins at once make one user.
    pub(crate) fn document(&self) -> String {
        let hash = secret::hash(&format!("{}\n{}", self.issuer, self.subject));
        format!("{EXTERNAL}{}", &model::hex::encode(&hash)[..16])
    }
}

/// Whether a user with this name logs in by an identity provider.
pub(crate) fn is_external(name: &str) -> bool {
    name.starts_with(EXTERNAL) && pipeline::documents::is_name(name)
}

/// The name of a user for logs and the audit. A label can be changed at the provider, to that of somebody else, so what
/// identifies the person is beside it: the end of the document's name.
pub(crate) fn named(document: &str, label: Option<&str>) -> String {
    match label {
        Some(label) => format!("{label} (OIDC {})", document.strip_prefix(EXTERNAL).unwrap_or(document)),
        None => document.to_owned(),
    }
}

impl UserDocument {
    /// Whether the user can log in, and go on with a session: with a password, or by the provider of this `issuer`. The
    /// people of another one are not known here any more.
    pub(crate) fn is_let_in(&self, issuer: Option<&str>) -> bool {
        self.external.as_ref().is_none_or(|external| Some(&*external.issuer) == issuer)
    }

    pub(crate) fn read(document: &Document) -> Result<Self> {
        let read: Result<Self> = document.body.read();
        read.map_err(|error| Error::corrupt(format!("the user {} does not read: {error}", document.name)))
    }
}

/// A user who has proved who it is: by the password, or by an identity provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedIn {
    pub(crate) name: String,
    pub(crate) generation: String,
    /// The name for people of a user of an identity provider.
    pub(crate) label: Option<String>,
    /// How long a session lasts at most, from its beginning.
    pub(crate) life: Option<Duration>,
}

impl LoggedIn {
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name for people.
    pub fn label(&self) -> &str {
        self.label.as_deref().unwrap_or(&self.name)
    }

    /// The name for the audit, which nobody else can have: with the part of the document's name that identifies a user of
    /// an identity provider.
    pub fn unique_name(&self) -> String {
        named(&self.name, self.label.as_deref())
    }

    /// How long a session lasts at most, from its beginning; `None`: as long as it is used.
    pub fn life(&self) -> Option<Duration> {
        self.life
    }
}
