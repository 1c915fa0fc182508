//! Engines that misbehave when told to, around any others.
//!
//! Each operation has a [`Switch`]; tests turn it while the stages run. The failures
//! are those of real servers: an error, a delay, no answer at all, and the meanest one,
//! the work done and the answer lost.

mod queue;
mod store;

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

pub use queue::FaultyQueue;
pub use store::FaultyStore;

use pipeline::{Error, Result};
use tokio::sync::watch;

/// How an operation behaves.
#[derive(Debug, Clone, Default)]
pub enum Mode {
    #[default]
    Healthy,
    /// Fails without having done anything.
    Fail(Error),
    /// Does it, then fails.
    LoseAnswer(Error),
    /// Does it after a while.
    Slow(Duration),
    /// Neither does it nor answers until the mode changes.
    Hang,
    /// Panics, as a fault of the engine would.
    Panic,
}

/// The mode of one operation, and how often it was called.
#[derive(Debug, Default)]
pub struct Switch {
    mode: watch::Sender<Mode>,
    calls: AtomicU64,
}

impl Switch {
    /// Holds for calls to come, and for those that hang.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// How often the operation was called.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits until the operation was called so often.
    pub async fn called(&self, times: u64) {
        while self.calls() < times {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn pass<T>(&self, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let mut mode = self.mode.subscribe();
        let settled = mode.wait_for(|mode| !matches!(mode, Mode::Hang)).await.map(|mode| mode.clone());
        match settled.unwrap_or_default() {
            Mode::Healthy | Mode::Hang => call.await,
            Mode::Fail(error) => Err(error),
            Mode::LoseAnswer(error) => {
                call.await?;
                Err(error)
            }
            Mode::Slow(time) => {
                tokio::time::sleep(time).await;
                call.await
            }
            Mode::Panic => panic!("told to panic"),
        }
    }
}
