//! Scans off the async threads: so many at a time, stopped when nobody waits for them.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use pipeline::{Error, Result};
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

/// The places for scans.
pub(crate) struct Scans(Arc<Semaphore>);

impl Scans {
    pub(crate) fn new(places: usize) -> Self {
        Self(Arc::new(Semaphore::new(places.max(1))))
    }

    /// Waits for a place, then runs `work` on a blocking thread. Dropping the future
    /// makes the next [`Cancel::check`] of the work fail.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Cancel) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = self.0.clone().acquire_owned().await.map_err(|_| Error::unavailable("the store is closed"))?;
        let cancel = Cancel::default();
        let _guard = Guard(cancel.clone());
        tokio::task::spawn_blocking(move || {
            // The place is given back when the work ends, not when its caller goes.
            let _place = place;
            work(&cancel)
        })
        .await
        .map_err(|error| Error::internal(format!("a scan failed: {error}")))?
    }
}
