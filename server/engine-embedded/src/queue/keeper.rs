//! Writes down what is acknowledged, some time after it changed and at the end, and
//! then lets the log forget it: never the other way round.

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

/// How long acknowledgements gather before they are written down. What a crash within
/// it delivers again costs less than a sync for each batch would.
const DELAY: Duration = Duration::from_millis(250);

/// The task that writes, and how it is spoken to.
#[derive(Debug)]
pub(super) struct Keeper {
    changed: Arc<Notify>,
    stop: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Keeper {
    /// It is safe to begin again after a panic: what is written down is only ever less than
    /// what is acknowledged, and the file is replaced as a whole.
    pub(super) fn start(cursor: CursorFile, inner: &Arc<Inner>, supervisor: &Supervisor) -> Self {
        let (changed, stop) = (Arc::new(Notify::new()), CancellationToken::new());
        // Weak, so that the task does not keep a log open that its queue has dropped.
        let (inner, wake, ended) = (Arc::downgrade(inner), changed.clone(), stop.clone());
        let mut began = false;
        let task = supervisor.spawn("queue-cursor", stop.clone(), move || {
            if std::mem::replace(&mut began, true) {
                // What changed before the panic is looked at again.
                wake.notify_one();
            }
            keep(cursor.clone(), inner.clone(), wake.clone(), ended.clone())
        });
        Self { changed, stop, task: Mutex::new(Some(task)) }
    }

    /// More is acknowledged.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Writes what there is to write, and ends.
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

async fn keep(cursor: CursorFile, inner: Weak<Inner>, changed: Arc<Notify>, stop: CancellationToken) {
    let (mut written, mut warned) = (0, None);
    loop {
        let stopping = tokio::select! {
            () = changed.notified() => stop.run_until_cancelled(tokio::time::sleep(DELAY)).await.is_none(),
            () = stop.cancelled() => true,
        };
        let Some((held, acknowledged)) = inner.upgrade().map(|inner| (inner.held(), inner.acknowledged())) else {
            return;
        };
        if let Some(oldest) = held.filter(|oldest| warned != Some(oldest.number)) {
            warned = Some(oldest.number);
            tracing::warn!(frame = oldest.number, "embedded queue: half of its bound on disk is used; {oldest}");
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
                    tracing::warn!(%error, "embedded queue: cannot write down what is acknowledged; tries again");
                    changed.notify_one();
                }
            }
        }
        if stopping {
            return;
        }
    }
}
