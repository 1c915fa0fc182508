//! Runs scans on a bounded thread pool. A scan is cancelled when its caller is dropped.
//!
//! One scan uses all cores; its threads have a lower priority than ingest. Searches and deletions have separate pools, so
//! that a deletion does not delay a search; searches have the higher priority. Counts take turns on threads of their own
//! ([`counts`](super::counts)).

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use pipeline::{Error, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::Semaphore;

/// The cancellation flag of a scan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// # Errors
    /// `Unavailable` if the scan is cancelled; the error is discarded.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(Error::unavailable("the call was dropped")) } else { Ok(()) }
    }

    /// Makes every later check fail.
    pub(crate) fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Cancels the scan when its future is dropped.
struct Guard(Cancel);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Lowers the scheduling priority of this thread. Failures are ignored, and other systems than Linux do nothing.
pub(super) fn lower_priority(nice: i32) {
    // On other systems the call affects the whole process.
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, nice);
}

/// A pool of scan slots and threads.
pub(crate) struct Scans {
    slots: Arc<Semaphore>,
    threads: Arc<ThreadPool>,
}

impl Scans {
    /// `nice` is the priority of the threads: on a contended core, 5 gets about a third of the CPU time of a normal
    /// thread, 10 a tenth.
    ///
    /// # Errors
    /// `Unavailable` if the threads cannot be started.
    pub(crate) fn new(name: &'static str, slots: usize, nice: i32) -> Result<Self> {
        let threads = ThreadPoolBuilder::new()
            .thread_name(move |number| format!("{name}-{number}"))
            .start_handler(move |_| lower_priority(nice))
            .build()
            .map_err(|error| Error::unavailable(format!("cannot start scan threads: {error}")))?;
        Ok(Self { slots: Arc::new(Semaphore::new(slots.max(1))), threads: Arc::new(threads) })
    }

    /// Waits for a slot, then runs `work`, including its parallel iterators, on the pool. Dropping the future makes the
    /// next [`Cancel::check`] of the work fail. A panic becomes an error.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cancel) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let slot = self.slots.clone().acquire_owned().await.map_err(|_| Error::unavailable("the store is closed"))?;
        let cancel = Cancel::default();
        let _guard = Guard(cancel.clone());
        let threads = self.threads.clone();
        tokio::task::spawn_blocking(move || {
            // The slot is released when the work ends, not when the caller is dropped.
            let _slot = slot;
            threads.install(|| work(&cancel))
        })
        .await
        .map_err(|error| Error::internal(format!("a scan failed: {error}")))?
    }
}
