//! Leases. Only one process opens the folder, so the holders are in memory. Only the tokens are in the catalogue,
//! because they grow across restarts.

use std::{collections::HashMap, time::Duration};

use pipeline::{Lease, Result, lease_lost};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use super::{Catalogue, failed};

/// The held leases by name.
#[derive(Debug, Default)]
pub(super) struct Leases {
    held: Mutex<HashMap<String, Held>>,
}

#[derive(Debug)]
struct Held {
    token: u64,
    /// By the monotonic clock.
    until: Instant,
}

impl Leases {
    /// Checks that the lease is held. No other holder can acquire it while the returned guard lives.
    ///
    /// # Errors
    /// `Conflict` if it is lost.
    pub(super) async fn check(&self, lease: Option<&Lease>) -> Result<Option<MutexGuard<'_, impl Sized>>> {
        let Some(lease) = lease else { return Ok(None) };
        let held = self.held.lock().await;
        if is_held(&held, lease) { Ok(Some(held)) } else { Err(lease_lost(lease)) }
    }
}

fn is_held(held: &HashMap<String, Held>, lease: &Lease) -> bool {
    held.get(&lease.name).is_some_and(|held| held.token == lease.token && held.until > Instant::now())
}

impl Catalogue {
    pub(crate) async fn acquire_lease(&self, name: &str, duration: Duration) -> Result<Option<Lease>> {
        let mut held = self.leases.held.lock().await;
        let now = Instant::now();
        if held.get(name).is_some_and(|held| held.until > now) {
            return Ok(None);
        }
        let token = sqlx::query_scalar(include_str!("sql/leases_token.sql")).bind(name);
        let token: i64 = token.fetch_one(&self.pool).await.map_err(failed)?;
        let token = token as u64;
        held.insert(name.to_owned(), Held { token, until: now + duration });
        Ok(Some(Lease { name: name.to_owned(), token }))
    }

    pub(crate) async fn renew_lease(&self, lease: &Lease, duration: Duration) -> bool {
        let mut held = self.leases.held.lock().await;
        let is_held = is_held(&held, lease);
        if is_held {
            held.insert(lease.name.clone(), Held { token: lease.token, until: Instant::now() + duration });
        }
        is_held
    }

    pub(crate) async fn release_lease(&self, lease: &Lease) -> bool {
        let mut held = self.leases.held.lock().await;
        let is_held = is_held(&held, lease);
        if is_held {
            held.remove(&lease.name);
        }
        is_held
    }
}
