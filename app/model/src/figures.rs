//! The figures of a server as JSON: counts over time, the state of queue and store, and the services.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts over time, by level class.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HistogramView {
    pub bucket_seconds: f64,
    pub buckets: Vec<BucketView>,
}

/// One bucket: its start, and the non-zero counts by class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BucketView {
    pub time: String,
    pub counts: BTreeMap<String, u64>,
}

/// The state and traffic of the server at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FiguresView {
    /// RFC 3339.
    pub time: String,
    pub version: String,
    pub uptime_seconds: u64,
    /// Resident memory of the process; 0 if unknown.
    pub memory_bytes: u64,
    pub queue: QueueView,
    pub store: StoreView,
    pub retention: RetentionView,
    pub tails: u64,
    /// Records stored per second since the previous figures; summed over all nodes that share a store.
    pub stored_per_second: f64,
    /// The longest delay from receipt to visibility since the previous figures; `None` without records.
    pub lag_ms: Option<f64>,
    /// Counts of the last 15 minutes.
    pub traffic: HistogramView,
    /// The services of that time, busiest first.
    pub services: Vec<ServiceView>,
    /// Why traffic and services are out of date; `None` if they are current.
    pub trouble: Option<String>,
    /// The caller sees only some records. Traffic and services are of these; memory, the numbers of queue and store, the
    /// retention of single services, tails, rate and lag are left out: 0, empty or `None`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub limited: bool,
}

/// The queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct QueueView {
    pub engine: String,
    pub trouble: Option<String>,
    /// Number of waiting batches.
    pub depth: u64,
    /// How many of those at hand only a newer version of Logboom reads.
    #[serde(default)]
    pub newer: u64,
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StoreView {
    pub engine: String,
    pub trouble: Option<String>,
    pub records: u64,
    pub bytes: u64,
    pub dead_letters: u64,
}

/// The configured retention; `None` means unlimited.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RetentionView {
    pub age: Option<String>,
    pub bytes: Option<u64>,
    /// Services with their own retention age.
    pub services: Vec<(String, String)>,
}

/// One service in the last 15 minutes.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ServiceView {
    pub service: String,
    pub count: u64,
    /// Records of level error and above.
    pub errors: u64,
    /// Counts, oldest first.
    pub spark: Vec<u64>,
    /// The time of its newest record, in RFC 3339.
    pub last_seen: String,
}
