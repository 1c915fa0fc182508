//! The port to leases: one holder at a time, among all nodes of a store.
//!
//! A lease has a name and runs out unless its holder renews it. Each holder gets a token that is
//! greater than all before it, also across restarts. A holder may be slow and not know yet that it
//! has lost the lease, so a write that belongs to the lease carries it as a *fence*: the store
//! checks in the transaction of the write that the token is still the newest and has not run out
//! ([`Documents::put`](crate::Documents::put)).

use std::{
    panic::{AssertUnwindSafe, resume_unwind},
    time::Duration,
};

use async_trait::async_trait;
use futures::FutureExt as _;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{Error, Result};

/// A lease is renewed this many times before it would run out.
const RENEWALS: u32 = 3;

/// A store of leases.
///
/// Every method may be called from many tasks at once.
#[async_trait]
pub trait Leases: Send + Sync + 'static {
    /// Takes the lease if it is free or has run out. `None` while somebody has it, also if that
    /// is the same holder. `holder` is for people: it shows who has the lease.
    async fn acquire(&self, name: &str, holder: &str, duration: Duration) -> Result<Option<Lease>>;

    /// Prolongs the lease: it runs out `duration` from now. Returns whether it was still held.
    /// A lease that has run out is lost, also if nobody else took it.
    async fn renew(&self, lease: &Lease, duration: Duration) -> Result<bool>;

    /// Gives the lease back. Returns whether it was still held.
    async fn release(&self, lease: &Lease) -> Result<bool>;
}

/// A lease that was acquired. It may be lost by now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub name: String,
    /// Greater than each earlier token of this name. Never used twice.
    pub token: u64,
}

/// The error of a write whose lease is lost.
pub fn lease_lost(lease: &Lease) -> Error {
    Error::conflict(format!(
        "the lease {} with token {} is lost: it ran out or was taken over; nothing was written, and its holder must \
         stop",
        lease.name, lease.token
    ))
}

/// The name of this process as the holder of a lease: host and process id.
pub fn holder() -> String {
    format!("{}, process {}", host_name(), std::process::id())
}

/// The name of this host; empty if it has none, or one that is not UTF-8.
pub fn host_name() -> String {
    rustix::system::uname().nodename().to_str().unwrap_or_default().to_owned()
}

/// Acquires a lease, keeps it renewed while `work` runs, and releases it, also when `work` panics.
/// Returns `None` without having begun if somebody else has the lease.
///
/// # Errors
/// `Conflict` when the lease is lost: `work` was dropped where it stood. This is also so when
/// the store could not be reached for as long as the lease lasts.
pub async fn hold<T, F: Future<Output = T>>(
    leases: &dyn Leases,
    name: &str,
    holder: &str,
    duration: Duration,
    work: impl FnOnce(Lease) -> F,
) -> Result<Option<T>> {
    // Before the call: the store's clock starts no earlier.
    let until = Instant::now() + duration;
    let Some(lease) = leases.acquire(name, holder, duration).await? else { return Ok(None) };
    let done = tokio::select! {
        done = AssertUnwindSafe(work(lease.clone())).catch_unwind() => done,
        () = keep_renewed(leases, &lease, duration, until) => return Err(lease_lost(&lease)),
    };
    // Otherwise it runs out by itself.
    if let Err(error) = leases.release(&lease).await {
        tracing::debug!(lease = lease.name, "cannot release the lease now: {error}");
    }
    // The task that panicked is started again by its supervisor, which need not wait for the lease to run out.
    Ok(Some(done.unwrap_or_else(|panic| resume_unwind(panic))))
}

/// Ends when the lease is lost.
async fn keep_renewed(leases: &dyn Leases, lease: &Lease, duration: Duration, mut until: Instant) {
    let pause = duration / RENEWALS;
    loop {
        let renewed = timeout_at(until, async {
            sleep(pause).await;
            let begun = Instant::now();
            (begun, leases.renew(lease, duration).await)
        });
        match renewed.await {
            Ok((begun, Ok(true))) => until = begun + duration,
            Ok((_, Ok(false))) | Err(_) => return,
            Ok((_, Err(error))) => tracing::debug!(lease = lease.name, "cannot renew the lease now: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_named_after_its_host_and_its_process() {
        let host = host_name();
        assert!(!host.is_empty() && host == host.trim(), "{host:?}");
        assert_eq!(holder(), format!("{host}, process {}", std::process::id()));
    }
}
