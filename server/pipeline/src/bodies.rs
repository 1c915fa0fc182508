//! The memory budget of bodies that doors have read and not yet decoded (C4).
//!
//! [`InFlight`](crate::in_flight) limits decoded records only. Before that, bodies, messages and frames are raw bytes,
//! and thousands of connections can send them at once. So code that buffers or inflates bytes reserves [`Room`] first;
//! all doors share the budget. Without room, a request waits for a limited time and then fails as overload; a door
//! whose protocol has no responses stops reading (backpressure).
//!
//! Rooms grow, so waiting rooms could hold the entire budget and deadlock. Therefore one room at a time may exceed the
//! budget: it finishes, and returns its bytes.

use std::{sync::Arc, time::Duration};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Result, events::SubmissionRefused};

/// The unit of the budget, in bytes.
const UNIT: usize = 1 << 10;
/// How long a body waits for room before it is refused.
const ROOM_TIMEOUT: Duration = Duration::from_secs(5);
/// When a refused client should retry.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The limit of concurrent waits for room; beyond it calls are refused at once. The bytes of a waiting client stay in
/// its connection.
const WAITING: usize = 256;

/// The budget. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bodies {
    budget: Arc<Budget>,
}

#[derive(Debug)]
struct Budget {
    bytes: usize,
    free: Arc<Semaphore>,
    /// Held by the one room that may exceed the budget.
    beyond: Arc<Semaphore>,
    waiting: Semaphore,
}

/// A part of the budget, returned when dropped.
#[derive(Debug)]
pub struct Room {
    budget: Arc<Budget>,
    /// The size of this room, in units.
    units: usize,
    /// The units taken from the budget.
    permit: Option<OwnedSemaphorePermit>,
    beyond: Option<OwnedSemaphorePermit>,
}

impl Bodies {
    /// A budget of `bytes`.
    pub fn new(bytes: usize) -> Self {
        let units = bytes.div_ceil(UNIT).clamp(1, Semaphore::MAX_PERMITS);
        let budget = Budget {
            bytes,
            free: Arc::new(Semaphore::new(units)),
            beyond: Arc::new(Semaphore::new(1)),
            waiting: Semaphore::new(WAITING),
        };
        Self { budget: Arc::new(budget) }
    }

    /// An empty room.
    pub fn room(&self) -> Room {
        Room { budget: Arc::clone(&self.budget), units: 0, permit: None, beyond: None }
    }

    /// The free bytes of the budget.
    pub fn free(&self) -> usize {
        self.budget.free.available_permits() * UNIT
    }
}

impl Room {
    /// The bytes that it holds, rounded up to units.
    pub fn bytes(&self) -> usize {
        self.units * UNIT
    }

    /// Grows to `bytes` if that is possible without waiting.
    pub fn try_grow_to(&mut self, bytes: usize) -> bool {
        let more = self.missing(bytes);
        if more == 0 {
            return true;
        }
        if self.beyond.is_some() {
            self.units += more;
            return true;
        }
        match Arc::clone(&self.budget.free).try_acquire_many_owned(permits(more)) {
            Ok(permit) => {
                self.add(more, permit);
                true
            }
            Err(_) => false,
        }
    }

    /// Grows to `bytes`, waiting for a limited time.
    ///
    /// # Errors
    /// `Overloaded` if there is no room within that time, or too many calls wait already.
    pub async fn grow_to(&mut self, bytes: usize) -> Result<()> {
        if self.try_grow_to(bytes) {
            return Ok(());
        }
        let budget = Arc::clone(&self.budget);
        let waited = match budget.waiting.try_acquire() {
            Ok(_waiting) => tokio::time::timeout(ROOM_TIMEOUT, self.wait_for(bytes)).await.is_ok(),
            Err(_) => false,
        };
        if waited {
            return Ok(());
        }
        let error = self.full(bytes);
        SubmissionRefused { error: &error }.emit();
        Err(error)
    }

    /// Grows to `bytes`, waiting without a time limit. Cancel-safe: a dropped call has grown or changed nothing.
    pub async fn wait_for(&mut self, bytes: usize) {
        if self.try_grow_to(bytes) {
            return;
        }
        let more = self.missing(bytes);
        // Requests at most half of the budget; more might never be free.
        let asked = more.min(self.budget.bytes.div_ceil(UNIT) / 2).max(1);
        let free = Arc::clone(&self.budget.free).acquire_many_owned(permits(asked));
        let beyond = Arc::clone(&self.budget.beyond);
        let holds = self.units > 0;
        tokio::select! {
            biased;
            // The semaphores are never closed.
            Ok(permit) = free => self.add(more, permit),
            // Only for a room that holds bytes: an empty one blocks nobody and can wait.
            Ok(permit) = beyond.acquire_owned(), if holds => {
                self.beyond = Some(permit);
                self.units += more;
            }
            else => {}
        }
    }

    /// Returns the bytes beyond `bytes`.
    pub fn shrink_to(&mut self, bytes: usize) {
        let less = self.units.saturating_sub(bytes.div_ceil(UNIT));
        self.units -= less;
        if self.units == 0 {
            self.permit = None;
            self.beyond = None;
        } else if let Some(permit) = &mut self.permit {
            // Units beyond the budget are returned first.
            let surplus = permit.num_permits().saturating_sub(self.units);
            drop(permit.split(surplus));
            if permit.num_permits() == self.units {
                self.beyond = None;
            }
        }
    }

    /// Moves its bytes to a new room.
    pub fn take(&mut self) -> Self {
        let empty = Self { budget: Arc::clone(&self.budget), units: 0, permit: None, beyond: None };
        std::mem::replace(self, empty)
    }

    /// Moves `bytes` of it to a new room.
    pub fn split(&mut self, bytes: usize) -> Self {
        let units = bytes.div_ceil(UNIT).min(self.units);
        if units == self.units {
            return self.take();
        }
        self.units -= units;
        let held = self.permit.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let permit = self.permit.as_mut().and_then(|permit| permit.split(units.min(held)));
        // The permit to exceed the budget moves with the part that needs it.
        let beyond = if units > held { self.beyond.take() } else { None };
        Self { budget: Arc::clone(&self.budget), units, permit, beyond }
    }

    fn missing(&self, bytes: usize) -> usize {
        bytes.div_ceil(UNIT).saturating_sub(self.units)
    }

    fn add(&mut self, units: usize, permit: OwnedSemaphorePermit) {
        self.units += units;
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
    }

    fn full(&self, bytes: usize) -> Error {
        Error::overloaded(
            format!(
                "there is no room for a body of {bytes} bytes; those that are being read take up the {} bytes of \
                 --body-memory; send again later",
                self.budget.bytes
            ),
            RETRY_AFTER,
        )
    }
}

fn permits(units: usize) -> u32 {
    u32::try_from(units).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorClass;

    #[tokio::test(start_paused = true)]
    async fn what_finds_no_room_is_overload_and_fits_once_it_is_returned() {
        let bodies = Bodies::new(100 * UNIT);
        let mut held = bodies.room();
        held.grow_to(60 * UNIT).await.unwrap();
        let mut other = bodies.room();
        let refused = other.grow_to(41 * UNIT).await.unwrap_err();
        assert_eq!((refused.class, refused.retry_after), (ErrorClass::Overloaded, Some(RETRY_AFTER)));
        assert!(refused.message.contains("--body-memory"), "{refused}");
        assert!(other.try_grow_to(40 * UNIT));
        assert_eq!(bodies.free(), 0);
        held.shrink_to(10 * UNIT);
        assert_eq!(bodies.free(), 50 * UNIT);
        let moved = held.split(4 * UNIT);
        assert_eq!((held.bytes(), moved.bytes(), bodies.free()), (6 * UNIT, 4 * UNIT, 50 * UNIT));
        drop(held);
        assert_eq!(bodies.free(), 56 * UNIT);
        drop((moved, other));
        assert_eq!(bodies.free(), 100 * UNIT);
    }

    #[tokio::test(start_paused = true)]
    async fn rooms_that_all_want_more_do_not_lock_each_other_up() {
        let bodies = Bodies::new(100 * UNIT);
        let grow = |bodies: Bodies| async move {
            let mut room = bodies.room();
            room.grow_to(10 * UNIT).await?;
            // All are waiting before the first continues.
            tokio::time::sleep(Duration::from_secs(1)).await;
            room.grow_to(80 * UNIT).await
        };
        let all = futures::future::join_all((0..10).map(|_| grow(bodies.clone()))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        assert_eq!(bodies.free(), 100 * UNIT);
        assert_eq!(bodies.budget.beyond.available_permits(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn more_than_the_budget_is_taken_by_one_alone() {
        let bodies = Bodies::new(100 * UNIT);
        let mut large = bodies.room();
        large.wait_for(1_000 * UNIT).await;
        assert_eq!((large.bytes(), bodies.free()), (1_000 * UNIT, 50 * UNIT));
        large.shrink_to(20 * UNIT);
        assert_eq!((large.bytes(), bodies.free()), (20 * UNIT, 80 * UNIT));
    }

    #[tokio::test(start_paused = true)]
    async fn so_many_wait_and_no_more() {
        let bodies = Bodies::new(UNIT);
        let held = {
            let mut room = bodies.room();
            room.grow_to(UNIT).await.unwrap();
            room
        };
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..WAITING {
            let mut room = bodies.room();
            waiting.spawn(async move { room.grow_to(UNIT).await });
        }
        while bodies.budget.waiting.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let began = tokio::time::Instant::now();
        let refused = bodies.room().grow_to(UNIT).await.unwrap_err();
        assert_eq!((refused.class, began.elapsed()), (ErrorClass::Overloaded, Duration::ZERO));
        drop(held);
        assert!(waiting.join_all().await.iter().all(Result::is_ok), "each had its turn");
    }
}
