//! Live tails: the records as they are stored, as the caller sees them.

use model::{Position, Query, Sight};
use pipeline::{
    Result,
    live::{LiveEvent, LiveHub, Subscription},
};

use crate::{reader::Reader, sight::refused};

/// The events of a live tail. Dropping it ends the tail.
pub struct Tail {
    subscription: Subscription,
    sight: Sight,
}

impl Reader {
    /// Every matching record after the position `after`, or after this call, once each, in position order. Skipped
    /// records that do not match are not counted.
    ///
    /// # Errors
    /// `Forbidden` for a query that names a hidden field; the others as [`LiveHub::subscribe`].
    pub fn tail(&self, live: &LiveHub, query: Query, after: Option<Position>) -> Result<Tail> {
        let query = self.sight.apply(query).map_err(refused)?;
        Ok(Tail { subscription: live.subscribe(query, after)?, sight: self.sight.clone() })
    }
}

impl Tail {
    /// The next event, or `None` after the hub has closed. Cancel-safe.
    pub async fn next(&mut self) -> Option<LiveEvent> {
        let mut event = self.subscription.next().await?;
        if let LiveEvent::Record(stored) = &mut event {
            self.sight.hide(&mut stored.record);
        }
        Some(event)
    }
}
