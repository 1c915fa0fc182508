//! What the calls work on. A call has the group of its concern and no other.

use std::sync::Arc;

use metrics_exporter_prometheus::PrometheusHandle;
use pipeline::{Log, Queue, Supervisor, follow::Followers, live::LiveHub};
use reading::Figures;

use super::write::IngestState;
use crate::state::{
    AccessState, AuditState, DeletionsState, EntranceState, ForwardingState, LossesState, ReadingState, RedactionState,
};

/// What all calls together work on.
pub(crate) struct State {
    pub ingest: IngestState,
    pub reading: ReadingState,
    pub figures: FiguresState,
    pub losses: LossesState,
    pub forwarding: ForwardingState,
    pub deletions: DeletionsState,
    pub access: AccessState,
    pub audit: AuditState,
    pub entrance: EntranceState,
    pub redaction: RedactionState,
    pub health: HealthState,
}

/// For the figures of the server and its traffic.
#[derive(Clone)]
pub(crate) struct FiguresState {
    pub figures: Figures,
    /// The stream of figures ends with the live tails.
    pub live: Arc<LiveHub>,
}

/// For health, tasks and metrics.
#[derive(Clone)]
pub(crate) struct HealthState {
    /// These two for their status alone: records are read by way of [`ReadingState`].
    pub queue: Arc<dyn Queue>,
    pub store: Arc<dyn Log>,
    /// The supervisor of the long tasks.
    pub supervisor: Supervisor,
    /// For the gauges of the sinks.
    pub followers: Arc<Followers>,
    pub metrics: PrometheusHandle,
}
