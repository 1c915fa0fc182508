//! Statistics of events.

use std::sync::atomic::{AtomicU64, Ordering};

/// Statistics of the events since the layer was built; see [`Guard::stats`](crate::Guard::stats).
///
/// Each event counts in one of `acknowledged`, `buffered`, `overflowed`, `refused` and `abandoned`; the last three
/// went to the fallback.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Durable on the server.
    pub acknowledged: u64,
    /// Waiting to be sent, or sent and not acknowledged yet.
    pub buffered: u64,
    /// The share of `max_buffered_bytes` used by buffered events, in bytes.
    pub buffered_bytes: u64,
    /// In the fallback, because the buffer was full or the guard was dropped.
    pub overflowed: u64,
    /// In the fallback, because the server refused them.
    pub refused: u64,
    /// In the fallback, because the final flush timed out.
    pub abandoned: u64,
    /// Events that the fallback did not keep: all of them with [`Fallback::Drop`](crate::Fallback::Drop), else those
    /// that could not be written.
    pub lost: u64,
    /// Whether a stream to the server is open.
    pub connected: bool,
    /// Why there is no stream; `None` with a stream, and before the first attempt.
    pub error: Option<String>,
    /// Why the server refuses the key, or the connection without one; `None` once a batch is acknowledged.
    pub denied: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) acknowledged: Counter,
    pub(crate) overflowed: Counter,
    pub(crate) refused: Counter,
    pub(crate) abandoned: Counter,
    pub(crate) lost: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, records: usize) {
        self.0.fetch_add(records as u64, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
