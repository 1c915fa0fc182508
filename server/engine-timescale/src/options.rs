//! Options of the engine.

use std::time::Duration;

use pipeline::{DeadLetterBounds, Supervisor};

/// Options of the store on PostgreSQL.
#[derive(Debug, Clone)]
pub struct Options {
    /// Create a new store as a hypertable if the TimescaleDB extension is available.
    pub timescale: bool,
    /// The limit of connections for searches; further searches wait.
    pub read_connections: u32,
    /// The time limit of one search statement.
    pub read_timeout: Duration,
    /// Bytes of recently appended records kept in memory for tails.
    pub recent_bytes: usize,
    /// How long records are kept; `None`: forever. Whole days are deleted.
    pub retention: Option<Duration>,
    /// The limit of the records on the server's disk. Beyond it the oldest days are deleted, but never the newest one.
    pub retention_bytes: Option<u64>,
    /// Shorter retention of single services.
    pub retention_services: Vec<(String, Duration)>,
    /// The limits on dead letters.
    pub dead_letters: DeadLetterBounds,
    /// The interval of upkeep: retention, counted minutes, and maintenance of TimescaleDB. Summaries have 15 rounds in
    /// it.
    pub upkeep_pause: Duration,
    /// The records of a block with a summary, 1 to 65,536.
    pub summary_rows: usize,
    /// The age at which the newest records get a summary, also if they do not fill a block.
    pub summary_idle: Duration,
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
            summary_rows: 65_536,
            summary_idle: Duration::from_secs(300),
            supervisor: Supervisor::default(),
        }
    }
}
