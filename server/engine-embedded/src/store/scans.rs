//! Scans off the async threads: so many at a time, stopped when nobody waits for them.
//!
//! One scan takes all cores; its threads give way to those that take records in. Searches
//! and counts have threads of their own, so that nobody waits for records because somebody
//! counts: of a core that both want, searches get the most.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use pipeline::{Error, Result};
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::sync::Semaphore;

/// Tells a scan that its answer is no longer wanted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// # Errors
    /// `Unavailable` where the scan should stop; nobody reads it.
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::Relaxed) { Err(Error::unavailable("the call was dropped")) } else { Ok(()) }
    }
}

/// Cancels when the future that holds it is dropped.
struct Guard(Cancel);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Has the scheduler prefer other threads to this one. Where it is refused, or the system is
/// not Linux, scans are as important as anything else.
fn lower_priority(nice: i32) {
    // Elsewhere the same call is about the whole process.
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, nice);
}

/// The places for scans, and their threads.
pub(crate) struct Scans {
    places: Arc<Semaphore>,
    threads: Arc<ThreadPool>,
}

impl Scans {
    /// `nice` says by how much the scheduler prefers other threads: with 5, one that scans
    /// gets about a third of what an equal would get from a core that both want; with 10 a
    /// tenth.
    ///
    /// # Errors
    /// `Unavailable` where the system gives no threads.
    pub(crate) fn new(name: &'static str, places: usize, nice: i32) -> Result<Self> {
        let threads = ThreadPoolBuilder::new()
            .thread_name(move |number| format!("{name}-{number}"))
            .start_handler(move |_| lower_priority(nice))
            .build()
            .map_err(|error| Error::unavailable(format!("no threads to scan with: {error}")))?;
        Ok(Self { places: Arc::new(Semaphore::new(places.max(1))), threads: Arc::new(threads) })
    }

    /// Waits for a place, then runs `work` on the threads for scans, where what it does
    /// in parallel is on all of them. Dropping the future makes the next
    /// [`Cancel::check`] of the work fail; a panic in it becomes an error.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cancel) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = self.places.clone().acquire_owned().await.map_err(|_| Error::unavailable("the store is closed"))?;
        let cancel = Cancel::default();
        let _guard = Guard(cancel.clone());
        let threads = self.threads.clone();
        tokio::task::spawn_blocking(move || {
            // The place is given back when the work ends, not when its caller goes.
            let _place = place;
            threads.install(|| work(&cancel))
        })
        .await
        .map_err(|error| Error::internal(format!("a scan failed: {error}")))?
    }
}
