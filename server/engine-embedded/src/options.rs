//! Options of the embedded engines.

use std::time::Duration;

use pipeline::{DeadLetterBounds, Supervisor};

/// Limits and intervals of the embedded engines; the defaults suit one machine.
#[derive(Debug, Clone)]
pub struct Options {
    /// The limit of the write-ahead log on disk: batches that are published and not yet in parts, or with another store
    /// not yet acknowledged. Beyond it `publish` fails with `Overloaded` until the store has caught up. Default 4 GiB,
    /// at least 1 MiB.
    pub queue_bytes: u64,
    /// The number of records in memory at which they are flushed. Default 65,536.
    pub flush_records: usize,
    /// The approximate bytes in memory at which they are flushed. Default 24 MiB.
    pub flush_bytes: usize,
    /// The longest time from receipt to flush; meanwhile the records are durable in the write-ahead log. Default 30 s.
    pub flush_interval: Duration,
    /// The number of full memtables that may wait for their flush before `append` waits. Default 1; memory is bounded
    /// by `(flush_waiting + 1) * flush_bytes`.
    pub flush_waiting: usize,
    /// How long `append` waits for a flush before it fails with `Overloaded`. Default 5 s.
    pub append_patience: Duration,
    /// The limit of concurrent searches, and of concurrent counts with any number of groups. Eight times as many counts
    /// by level, service and time run besides, which have few groups. Others wait. Default 4.
    pub concurrent_scans: usize,
    /// The limit of bytes in memory for results of counts that are used again; 0 keeps none. Default 32 MiB.
    pub count_cache: usize,
    /// The rows of a full part, which compaction no longer merges. Default 1.5 million: sixteen memtables flushed under
    /// load make more than half of it, and are rewritten once.
    pub part_rows: u64,
    /// The number of parts of similar size that are merged, 2 to 16. Default 16.
    pub compact_parts: usize,
    /// The interval of compaction and retention. Default 1 s.
    pub upkeep_interval: Duration,
    /// How long records are kept. Default: forever.
    pub retention: Option<Duration>,
    /// The limit of the parts in bytes; beyond it the oldest records are deleted. The write-ahead log has its own limit
    /// and is not counted. Default: none.
    pub retention_bytes: Option<u64>,
    /// Shorter retention of single services.
    pub retention_services: Vec<(String, Duration)>,
    /// The limits on dead letters. Default 256 MiB and 30 days.
    pub dead_letters: DeadLetterBounds,
    /// The days for which the ledger remembers the batch ids of clients, by the clock and by days with batches. Default
    /// 7.
    pub ledger_days: u16,
    /// The limit of batch ids in the ledger; the oldest days are dropped first. Default 10 million.
    pub ledger_ids: u64,
    /// The supervisor of the engines' tasks. Default: a new one.
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
            count_cache: 32 << 20,
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
