//! What requests work on, one group for each concern. The API and the dashboard share them.

use std::sync::{Arc, OnceLock};

use pipeline::{follow::Followers, live::LiveHub, replay::Replays};
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
