//! What can be set about the engine.

use std::time::Duration;

use pipeline::{DeadLetterBounds, Supervisor};

/// Settings of the store on PostgreSQL.
#[derive(Debug, Clone)]
pub struct Options {
    /// Make a new store a hypertable where the TimescaleDB extension can be had.
    pub timescale: bool,
    /// Connections for searches; past them a search waits its turn.
    pub read_connections: u32,
    /// How long one statement of a search may take.
    pub read_timeout: Duration,
    /// Bytes of records just appended that are kept for the tail, so that it need not
    /// read them back.
    pub recent_bytes: usize,
    /// How long records are kept; for ever where it is not said. Whole days go.
    pub retention: Option<Duration>,
    /// What the records may take on the server's disk. Past it the oldest days go, but
    /// never the newest one.
    pub retention_bytes: Option<u64>,
    /// Services whose records are kept less long.
    pub retention_services: Vec<(String, Duration)>,
    /// How much is kept of what could not be stored.
    pub dead_letters: DeadLetterBounds,
    /// How often the store is looked after: retention, and what TimescaleDB is told to do.
    pub upkeep_pause: Duration,
    /// The supervisor of the engine's tasks.
    pub supervisor: Supervisor,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            timescale: true,
            read_connections: 8,
            read_timeout: Duration::from_secs(30),
            recent_bytes: 32 << 20,
            retention: None,
            retention_bytes: None,
            retention_services: Vec::new(),
            dead_letters: DeadLetterBounds::default(),
            upkeep_pause: Duration::from_secs(30),
            supervisor: Supervisor::default(),
        }
    }
}
