//! Batches that only a newer version of Logboom reads: held for a moment, then returned to the queue for a newer node.
//!
//! While a cluster is upgraded, the broker delivers some of the newer nodes' batches to older ones. The pause before the
//! return gives a newer node the time to receive them, and bounds the work of a cluster that has no newer node any more.

use std::{collections::VecDeque, time::Duration};

use pipeline::Receipt;
use tokio::time::{Instant, sleep_until};

use crate::events;

/// The interval between warnings while batches wait.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Newer batches of the current channel, oldest first.
#[derive(Debug)]
pub(crate) struct Newer {
    held: VecDeque<(Instant, Receipt)>,
    pause: Duration,
    warned: Option<Instant>,
}

impl Newer {
    /// Batches are held for `pause`.
    pub(crate) fn new(pause: Duration) -> Self {
        Self { held: VecDeque::new(), pause, warned: None }
    }

    pub(crate) fn count(&self) -> u64 {
        self.held.len() as u64
    }

    pub(crate) fn hold(&mut self, receipt: Receipt, format: u8) {
        let now = Instant::now();
        self.held.push_back((now + self.pause, receipt));
        if self.warned.is_none_or(|warned| now - warned >= WARN_EVERY) {
            self.warned = Some(now);
            events::newer(format);
        }
    }

    /// Waits until some are to be returned; pending forever without any. Cancel-safe.
    pub(crate) async fn due(&self) {
        match self.held.front() {
            Some((until, _)) => sleep_until(*until).await,
            None => std::future::pending().await,
        }
    }

    /// Takes those that are to be returned now.
    pub(crate) fn take_due(&mut self) -> Vec<Receipt> {
        let now = Instant::now();
        let due = self.held.partition_point(|(until, _)| *until <= now);
        self.held.drain(..due).map(|(_, receipt)| receipt).collect()
    }

    /// Forgets all: their channel is lost, and the broker redelivers them.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_is_returned_after_its_pause() {
        let mut newer = Newer::new(Duration::from_secs(1));
        newer.hold(Receipt(1), 2);
        tokio::time::advance(Duration::from_millis(400)).await;
        newer.hold(Receipt(2), 2);
        assert_eq!((newer.count(), newer.take_due()), (2, vec![]));
        newer.due().await;
        assert_eq!(newer.take_due(), [Receipt(1)]);
        newer.due().await;
        assert_eq!((newer.take_due(), newer.count()), (vec![Receipt(2)], 0));
    }
}
