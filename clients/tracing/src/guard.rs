//! The guard: flushes, tells how things are, and ends the sender.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use crate::{sender::Sender, shared::Shared, stats::Stats};

/// What a flush may take beyond its timeout: the sender's thread may be writing to a
/// fallback that is slow.
const GRACE: Duration = Duration::from_secs(1);

/// Keeps the sender alive; made by [`Builder::build`](crate::Builder::build).
///
/// To be held until the end of `main`. Its drop sends what waits, for as long as
/// `flush_timeout`, hands the rest to the fallback and ends the sender's thread. Events
/// that come later go to the fallback.
#[derive(Debug)]
#[must_use = "the sender ends when the guard is dropped"]
pub struct Guard {
    shared: Arc<Shared>,
    /// `None` once it is being dropped.
    sender: Option<Sender>,
    flush_timeout: Duration,
}

impl Guard {
    pub(crate) fn new(shared: Arc<Shared>, sender: Sender, flush_timeout: Duration) -> Self {
        Self { shared, sender: Some(sender), flush_timeout }
    }

    /// Sends what is buffered now and waits for the server's answers, no longer than
    /// `flush_timeout`. Blocks the thread, and may be called anywhere, a runtime's thread
    /// included.
    ///
    /// Tells whether all of it was acknowledged: false where the time was over or the
    /// server refused a record in the meantime. What went to the fallback before does not
    /// count here; [`Guard::stats`] has it.
    pub fn flush(&self) -> bool {
        let Some(sender) = &self.sender else { return false };
        let flush = self.flushed();
        let (done, result) = mpsc::sync_channel(1);
        sender.spawn(async move {
            // Whoever waited may have lost patience.
            let _ = done.send(flush.await);
        });
        // An error where the sender's thread is gone, and the task with it.
        result.recv_timeout(self.flush_timeout.saturating_add(GRACE)).unwrap_or(false)
    }

    /// As [`Guard::flush`], without blocking; for any runtime. What it sets going when it
    /// is called goes on where the future is dropped.
    pub fn flush_async(&self) -> impl Future<Output = bool> + Send + use<> {
        let flush = self.sender.as_ref().map(|sender| sender.spawn(self.flushed()));
        async move {
            match flush {
                Some(flush) => flush.await.unwrap_or(false),
                None => false,
            }
        }
    }

    /// What became of the events so far.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Lets what waits go at once, and waits until it is settled. From the call on, and not
    /// from the first poll: which events are meant should not depend on a scheduler.
    fn flushed(&self) -> impl Future<Output = bool> + Send + use<> {
        let (shared, timeout) = (Arc::clone(&self.shared), self.flush_timeout);
        let below = shared.buffer.hasten();
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
        // Events go to the fallback from here on: what is flushed has an end.
        self.shared.buffer.close();
        self.flush();
        if let Some(sender) = self.sender.take() {
            sender.stop();
        }
    }
}
