//! The guard: flushes, reports statistics, and stops the sender.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use crate::{sender::Sender, shared::Shared, stats::Stats};

/// The grace period of a flush after its timeout, because the sender's thread may be writing to a slow fallback.
const GRACE: Duration = Duration::from_secs(1);

/// Keeps the sender alive; returned by [`Builder::build`](crate::Builder::build).
///
/// Hold it until the end of `main`. Dropping it flushes for up to `flush_timeout`, writes the rest to the fallback
/// and stops the sender's thread. Later events go to the fallback.
#[derive(Debug)]
#[must_use = "the sender ends when the guard is dropped"]
pub struct Guard {
    shared: Arc<Shared>,
    /// `None` while it is being dropped.
    sender: Option<Sender>,
    flush_timeout: Duration,
}

impl Guard {
    pub(crate) fn new(shared: Arc<Shared>, sender: Sender, flush_timeout: Duration) -> Self {
        Self { shared, sender: Some(sender), flush_timeout }
    }

    /// Sends everything buffered and waits for the acknowledgements, up to `flush_timeout`. Blocks the thread, and
    /// may be called anywhere, including a runtime's thread.
    ///
    /// Returns whether everything was acknowledged: `false` after a timeout, or if the server refused a record
    /// meanwhile. Earlier records in the fallback do not count; see [`Guard::stats`].
    pub fn flush(&self) -> bool {
        let Some(sender) = &self.sender else { return false };
        let flush = self.flushed();
        let (done, result) = mpsc::sync_channel(1);
        sender.spawn(async move {
            // The receiver may have timed out.
            let _ = done.send(flush.await);
        });
        // Fails if the sender's thread has ended.
        result.recv_timeout(self.flush_timeout.saturating_add(GRACE)).unwrap_or(false)
    }

    /// Like [`Guard::flush`], without blocking; for any runtime. The flush continues if the future is dropped.
    pub fn flush_async(&self) -> impl Future<Output = bool> + Send + use<> {
        let flush = self.sender.as_ref().map(|sender| sender.spawn(self.flushed()));
        async move {
            match flush {
                Some(flush) => flush.await.unwrap_or(false),
                None => false,
            }
        }
    }

    /// Statistics of all events so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Flushes, and waits until everything is settled. The flush starts with the call, not with the first poll, so
    /// that the set of events does not depend on scheduling.
    fn flushed(&self) -> impl Future<Output = bool> + Send + use<> {
        let (shared, timeout) = (Arc::clone(&self.shared), self.flush_timeout);
        let below = shared.buffer.request_flush();
        let refused = shared.counters.refused.get();
        shared.hurry.notify_one();
        async move {
            let settled = tokio::time::timeout(timeout, shared.settled(below)).await;
            settled.is_ok() && shared.counters.refused.get() == refused
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // From here on events go to the fallback, so the flush is finite.
        self.shared.buffer.close();
        self.flush();
        if let Some(sender) = self.sender.take() {
            sender.stop();
        }
    }
}
