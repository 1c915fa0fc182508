//! Engines with injected faults, around any others.
//!
//! Each operation has a [`Switch`], which tests set while the stages run. The faults are those of real servers: an
//! error, a delay, no response, and the worst one, a success whose response is lost.

mod documents;
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

/// The behaviour of an operation.
#[derive(Debug, Clone, Default)]
pub enum Mode {
    #[default]
    Healthy,
    /// Fails without any effect.
    Fail(Error),
    /// Succeeds, but returns an error.
    LoseAnswer(Error),
    /// Succeeds after a delay.
    Slow(Duration),
    /// Has no effect and does not return until the mode changes.
    Hang,
    /// Panics, like a bug in the engine.
    Panic,
}

/// The mode of one operation, and its number of calls.
#[derive(Debug, Default)]
pub struct Switch {
    mode: watch::Sender<Mode>,
    calls: AtomicU64,
}

impl Switch {
    /// Applies to future calls, and to those that hang.
    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// The number of calls so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// Waits for `times` calls.
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
            Mode::Panic => panic!("injected panic"),
        }
    }
}
