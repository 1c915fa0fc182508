//! What requests work on, one group for each concern. The API and the dashboard share them.

use std::sync::{Arc, OnceLock};

use access::Access;
use pipeline::{follow::Followers, live::LiveHub, redact::Redaction, replay::Replays};
use reading::{Clock, Letters, Losses, Parts, Reader, Transfer, Views};

use crate::canary::Canary;

/// Reads records, at once or as they are stored.
#[derive(Clone)]
pub(crate) struct ReadingState {
    pub(crate) reader: Reader,
    pub(crate) views: Views,
    pub(crate) transfer: Transfer,
    pub(crate) live: Arc<LiveHub>,
    /// The number of newest records on the first page, and at the start of S1's stream.
    pub(crate) recent: usize,
}

/// Records that are missing, damaged or could not be stored.
#[derive(Clone)]
pub(crate) struct LossesState {
    pub(crate) ledger: Losses,
    pub(crate) letters: Letters,
    pub(crate) parts: Parts,
    /// Set once the doors are bound, if it is on.
    pub(crate) canary: Arc<OnceLock<Canary>>,
}

/// Records that are sent on: sinks and replays.
#[derive(Clone)]
pub(crate) struct ForwardingState {
    /// The sinks.
    pub(crate) followers: Arc<Followers>,
    pub(crate) replays: Arc<Replays>,
    /// Reads the days of new replays.
    pub(crate) clock: Clock,
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

/// Who may do what: keys, users and sessions.
#[derive(Clone)]
pub(crate) struct AccessState {
    pub(crate) access: Access,
}

/// The pages and forms by which people come in and admins manage access.
#[derive(Clone)]
pub(crate) struct EntranceState {
    pub(crate) access: Access,
    /// The path of the dashboard's files.
    pub(crate) site: app::SitePath,
    /// Whether a public URL of this server (`--public-url`) is one of HTTPS.
    pub(crate) is_public_https: bool,
}
