//! Persists the acknowledged position, delayed and on close, and only then releases the log.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use crash_points::crash_point;
use parking_lot::Mutex;
use pipeline::Supervisor;
use tokio::{sync::Notify, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Inner, cursor::CursorFile};

/// How long acknowledgements are coalesced before they are written. A crash within it causes redeliveries, which is
/// cheaper than a sync per batch.
const DELAY: Duration = Duration::from_millis(250);

/// The task that writes the cursor, and its signals.
#[derive(Debug)]
pub(super) struct Keeper {
    changed: Arc<Notify>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    /// A restart after a panic is safe: the written position never exceeds the acknowledged one, and the file is
    /// replaced atomically.
    pub(super) fn start(cursor: CursorFile, inner: &Arc<Inner>, supervisor: &Supervisor) -> Self {
        let (changed, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        // Weak, so that the task does not keep the log of a dropped queue open.
        let (inner, wake, ended) = (Arc::downgrade(inner), changed.clone(), stop.clone());
        let mut began = false;
        let task = supervisor.spawn("queue-cursor", stop.clone(), move || {
            if std::mem::replace(&mut began, true) {
                // Re-checks changes from before the panic.
                wake.notify_one();
            }
            write_positions(cursor.clone(), inner.clone(), wake.clone(), ended.clone())
        });
        Self { changed, stop, task: Mutex::new(Some(task)) }
    }

    /// Signals new acknowledgements.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Writes the final position, and ends.
    pub(super) async fn finish(&self) {
        self.stop.cancel();
        let task = self.task.lock().take();
        if let Some(task) = task {
            let _ = task.await;
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().take() {
            task.abort();
        }
    }
}

async fn write_positions(cursor: CursorFile, inner: Weak<Inner>, changed: Arc<Notify>, stop: CancellationToken) {
    let (mut written, mut warned) = (0, None);
    loop {
        let stopping = tokio::select! {
            () = changed.notified() => stop.run_until_cancelled(tokio::time::sleep(DELAY)).await.is_none(),
            () = stop.cancelled() => true,
        };
        let Some((blocking, acknowledged)) = inner.upgrade().map(|inner| (inner.blocking(), inner.acknowledged()))
        else {
            return;
        };
        if let Some(oldest) = blocking.filter(|oldest| warned != Some(oldest.number)) {
            warned = Some(oldest.number);
            tracing::warn!(frame = oldest.number, "embedded queue: half of its disk limit is used; {oldest}");
        }
        if acknowledged > written {
            match cursor.write(acknowledged).await {
                Ok(()) => {
                    crash_point!("queue::cursor-durable");
                    written = acknowledged;
                    let Some(inner) = inner.upgrade() else { return };
                    inner.wal.release(acknowledged);
                }
                Err(error) => {
                    tracing::warn!(%error, "embedded queue: cannot write the acknowledged position; retrying");
                    changed.notify_one();
                }
            }
        }
        if stopping {
            return;
        }
    }
}
