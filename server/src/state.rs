//! What requests work on, one group for each concern. The API and the dashboard share them.

use std::sync::{Arc, OnceLock};

use access::Access;
use pipeline::{deletion::Deletions, follow::Followers, live::LiveHub, redact::Redaction, replay::Replays};
use reading::{Clock, Letters, Losses, Parts, Reader, Transfer, Views};

use crate::{audit::Audit, canary::Canary, oidc::Oidc, snippets::DoorAddresses};

/// Reads records, at once or as they are stored.
#[derive(Clone)]
pub(crate) struct ReadingState {
    pub(crate) reader: Reader,
    pub(crate) views: Views,
    pub(crate) transfer: Transfer,
    pub(crate) live: Arc<LiveHub>,
    /// The number of newest records on the first page, and at the start of S1's stream.
    pub(crate) recent: usize,
    pub(crate) audit: Audit,
}

/// Records that are missing, damaged or could not be stored.
#[derive(Clone)]
pub(crate) struct LossesState {
    pub(crate) ledger: Losses,
    pub(crate) letters: Letters,
    pub(crate) parts: Parts,
    /// Set once the doors are bound, if it is on.
    pub(crate) canary: Arc<OnceLock<Canary>>,
    pub(crate) audit: Audit,
}

/// Records that are sent on: sinks and replays.
#[derive(Clone)]
pub(crate) struct ForwardingState {
    /// The sinks.
    pub(crate) followers: Arc<Followers>,
    pub(crate) replays: Arc<Replays>,
    /// Reads the days of new replays.
    pub(crate) clock: Clock,
    pub(crate) audit: Audit,
}

/// Deletions by query, and the records that they would remove.
#[derive(Clone)]
pub(crate) struct DeletionsState {
    pub(crate) reader: Reader,
    pub(crate) deletions: Arc<Deletions>,
    pub(crate) audit: Audit,
    /// The path of the dashboard's files.
    pub(crate) site: app::SitePath,
}

/// The redaction rules, and the records to try out others.
#[derive(Clone)]
pub(crate) struct RedactionState {
    pub(crate) reader: Reader,
    /// `None` without rules.
    pub(crate) redaction: Option<Arc<Redaction>>,
    /// The path of the dashboard's files.
    pub(crate) site: app::SitePath,
}

/// The page of the audit.
#[derive(Clone)]
pub(crate) struct AuditState {
    pub(crate) reader: Reader,
    /// The path of the dashboard's files.
    pub(crate) site: app::SitePath,
}

/// Who may do what: keys, users and sessions.
#[derive(Clone)]
pub(crate) struct AccessState {
    pub(crate) access: Access,
    pub(crate) audit: Audit,
}

/// Without an audit, for tests.
#[cfg(test)]
impl From<Access> for AccessState {
    fn from(access: Access) -> Self {
        Self { access, audit: Audit::default() }
    }
}

/// The pages and forms by which people come in and admins manage access.
#[derive(Clone)]
pub(crate) struct EntranceState {
    pub(crate) access: Access,
    pub(crate) audit: Audit,
    /// The path of the dashboard's files.
    pub(crate) site: app::SitePath,
    /// Whether a public URL of this server (`--public-url`) is one of HTTPS.
    pub(crate) is_public_https: bool,
    /// Whether there is a public URL: the server is behind a proxy, whose headers count.
    pub(crate) is_proxied: bool,
    /// Log-ins by an identity provider, if they are on.
    pub(crate) oidc: Option<Oidc>,
    /// The addresses of the doors, once they are bound.
    pub(crate) doors: Arc<OnceLock<DoorAddresses>>,
}
