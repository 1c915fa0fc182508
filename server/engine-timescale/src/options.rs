//! What can be set about the engine.

use std::time::Duration;

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
}

impl Default for Options {
    fn default() -> Self {
        Self { timescale: true, read_connections: 8, read_timeout: Duration::from_secs(30), recent_bytes: 32 << 20 }
    }
}
