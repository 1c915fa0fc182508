//! What an operator can set about the embedded engines.

use std::time::Duration;

use pipeline::{DeadLetterBounds, Supervisor};

/// Bounds and rhythms of the embedded engines; the defaults suit one machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bytes that the write-ahead log may take on disk: what is published and not yet
    /// in parts, or with another store not yet acknowledged. Past it `publish` answers
    /// `Overloaded` until the store has caught up. Default 4 GiB, at least 1 MiB.
    pub queue_bytes: u64,
    /// Records in memory at which they are written as parts. Default 65,536.
    pub flush_records: usize,
    /// Bytes in memory, roughly, at which they are written as parts. Default 24 MiB.
    pub flush_bytes: usize,
    /// The longest that records wait in memory to be written as parts; they are durable
    /// in the journal meanwhile. Default 30 s.
    pub flush_interval: Duration,
    /// Full tables that may wait to be written before `append` has to wait. Default 1;
    /// memory is bounded by `(flush_waiting + 1) * flush_bytes`.
    pub flush_waiting: usize,
    /// How long `append` waits for the writer before it answers `Overloaded`.
    /// Default 5 s.
    pub append_patience: Duration,
    /// Searches that run at one time, and as many counts; others wait for their turn.
    /// Default 4.
    pub concurrent_scans: usize,
    /// Rows of a part that compaction takes for full. Default 1.5 million: sixteen tables that
    /// were flushed under load make more than half of it, and are rewritten once.
    pub part_rows: u64,
    /// Parts of about one size that are merged, 2 to 16. Default 16.
    pub compact_parts: usize,
    /// How often compaction and retention look whether there is something to do. Default 1 s.
    pub upkeep_interval: Duration,
    /// How long records are kept. Default for ever.
    pub retention: Option<Duration>,
    /// The bytes that parts may take; past it the oldest records go. The journal, which is
    /// of a bounded size of its own, is not counted. Default any.
    pub retention_bytes: Option<u64>,
    /// Services whose records are kept less long.
    pub retention_services: Vec<(String, Duration)>,
    /// How much is kept of what could not be stored. Default 256 MiB and 30 days.
    pub dead_letters: DeadLetterBounds,
    /// How many days the ledger remembers the batch ids of clients: by the clock, and by the
    /// days that have batches. Default 7.
    pub ledger_days: u16,
    /// How many batch ids the ledger remembers at most; the oldest days go first.
    /// Default 10 million.
    pub ledger_ids: u64,
    /// The supervisor of the engines' tasks. Default one of their own.
    pub supervisor: Supervisor,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            queue_bytes: 4 << 30,
            flush_records: 65_536,
            flush_bytes: 24 << 20,
            flush_interval: Duration::from_secs(30),
            flush_waiting: 1,
            append_patience: Duration::from_secs(5),
            concurrent_scans: 4,
            part_rows: 1_500_000,
            compact_parts: 16,
            upkeep_interval: Duration::from_secs(1),
            retention: None,
            retention_bytes: None,
            retention_services: Vec::new(),
            dead_letters: DeadLetterBounds::default(),
            ledger_days: 7,
            ledger_ids: 10_000_000,
            supervisor: Supervisor::default(),
        }
    }
}
