//! What is stored of a session.

use std::time::Duration;

use model::Nanos;
use pipeline::{Document, Error, Kind, Result, documents::unchecked};
use serde::{Deserialize, Serialize};

use crate::times::nanos;

/// The kind of sessions.
pub(crate) const SESSION: Kind = Kind {
    name: "session",
    format: 1,
    plural: "sessions",
    most_bytes: 4 << 10,
    most_documents: 20_000,
    check: unchecked,
};

/// How long a session lives after its last use.
pub const SESSION_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// The time between two written uses.
pub(crate) const RENEW_AFTER: Duration = Duration::from_secs(3600);
/// A stored session.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SessionDocument {
    pub(crate) user: String,
    /// That of the user at the log-in.
    pub(crate) generation: String,
    /// The SHA-256 of the token, in hexadecimal.
    pub(crate) sha256: String,
    /// Milliseconds since the Unix epoch, like `renewed`.
    pub(crate) created: i64,
    /// The last written use.
    pub(crate) renewed: i64,
    /// When it ends, however much it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<i64>,
    pub(crate) address: String,
    pub(crate) agent: String,
}

impl SessionDocument {
    pub(crate) fn read(document: &Document) -> Result<Self> {
        let read: Result<Self> = document.body.read();
        read.map_err(|error| Error::corrupt(format!("the session {} does not read: {error}", document.name)))
    }

    pub(crate) fn expires(&self) -> Nanos {
        let life = Nanos::try_from(SESSION_LIFE.as_nanos()).unwrap_or(Nanos::MAX);
        let unused = nanos(self.renewed).saturating_add(life);
        self.until.map_or(unused, |until| unused.min(nanos(until)))
    }
}
