//! What the calls work on, in three groups. A call sees its own group and no other.

use std::sync::{Arc, OnceLock};

use metrics_exporter_prometheus::PrometheusHandle;
use pipeline::{Log, Queue, Supervisor, follow::Followers, live::LiveHub, replay::Replays};
use reading::{Clock, Figures, Letters, Losses, Parts, Reader, Transfer, Views};

use super::write::IngestState;
use crate::canary::Canary;

/// What all calls together work on.
pub(crate) struct State {
    pub ingest: IngestState,
    pub reading: ReadingState,
    pub operation: OperationState,
}

/// For calls that read records, at once or as they come.
#[derive(Clone)]
pub(crate) struct ReadingState {
    pub reader: Reader,
    pub views: Views,
    pub transfer: Transfer,
    pub live: Arc<LiveHub>,
    /// How many of the newest records S1's stream begins with.
    pub recent: usize,
}

/// For calls about the server itself: figures, what is missing, health, metrics.
#[derive(Clone)]
pub(crate) struct OperationState {
    pub figures: Figures,
    pub letters: Letters,
    pub parts: Parts,
    pub losses: Losses,
    /// Set once the doors are bound, if it is on.
    pub canary: Arc<OnceLock<Canary>>,
    /// The sinks.
    pub followers: Arc<Followers>,
    pub replays: Arc<Replays>,
    /// For the days of replays.
    pub clock: Clock,
    /// The stream of figures ends with the live tails.
    pub live: Arc<LiveHub>,
    /// These two for their status alone: records are read by way of [`ReadingState`].
    pub queue: Arc<dyn Queue>,
    pub store: Arc<dyn Log>,
    pub metrics: PrometheusHandle,
    /// The supervisor of the long tasks.
    pub supervisor: Supervisor,
}
